"""What clients ask for. A new kind of operation is one more line in WORK (and its row in the matrix)."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    IfExpired,
    IfInsufficient,
    Overrun,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from tests.simulation.chance import Chance
from tests.simulation.rules import ZONES

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_763_942_400_000
"""A midnight."""

OTHERS: Final = 200
GOVERNED: Final = 6
"""Accounts that limits, thresholds, allowances and the rest are set for, beside those of the family."""
APPS: Final = ("chat", "search", None)
MODELS: Final = ("large", "small", None)
_GOVERNED_SHARE: Final = 0.07
_FAMILY_SHARES: Final = {"fast": 0.04, "slow": 0.006, "team": 0.008, "company": 0.002}
"""Two members, one far busier than the other, their parent, which has less than they would spend, and its own."""
_PARENTS: Final = {"fast": "team", "slow": "team", "team": "company"}
_HOT_SHARE: Final = 0.04
_SCARCE_SHARE: Final = 0.05
_REMEMBERED: Final = 20
_TTLS_MS: Final = (5_000, 600_000, 2 * HOUR_MS, 2 * DAY_MS)
_CATEGORIES: Final = ("purchased", "promotional", "allowance")


@dataclass(slots=True)
class Customer:
    """An account as its clients know it: the total of its funding, its open holds and its latest charges and grants."""

    account: Account
    charge_max: int
    funding_max: int
    is_governed: bool = False
    funded: int = 0
    holds: dict[str, int] = field(default_factory=dict)
    charges: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    grants: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def learn(self, funded: int, entry: object) -> None:
        """From an answer. One that is late is believed too, so that a client can have an old total in mind."""
        self.funded = funded
        if not isinstance(entry, Entry) or entry.is_refused:
            return
        if entry.hold is not None:
            self._learn_of_hold(entry.hold)
        if entry.kind in {"charge", "capture"}:
            self.charges.append(entry.key)
        if entry.kind == "grant":
            self.grants.append(f"g{entry.seq}")

    def _learn_of_hold(self, hold: Mapping[str, Any]) -> None:
        if hold["status"] == "open":
            self.holds[hold["id"]] = max(hold["amount"] - hold["captured"], 0)
        else:
            self.holds.pop(hold["id"], None)


@dataclass(frozen=True, slots=True)
class Work:
    name: str
    share: float
    terms: Callable[[Customer, Chance, int], Terms]
    is_top_up: bool = False
    very_late: float = 0.0
    """The share that is sent again after two days, on top of what befalls every kind."""
    is_for_governed: bool = False


def customers() -> list[Customer]:
    """One hot account, one scarce account, and the others."""
    hot = Customer(Account("main", "hot"), charge_max=2_000, funding_max=9_000_000)
    scarce = Customer(Account("main", "scarce"), charge_max=60, funding_max=120)
    return [
        hot,
        scarce,
        *(Customer(Account("main", f"user:{number}"), 3_000, 90_000) for number in range(OTHERS)),
        *(Customer(Account("main", f"governed:{number}"), 3_000, 20_000, True) for number in range(GOVERNED)),
        *(Customer(Account("main", name), 2_000, _FAMILY_FUNDING[name], True) for name in _FAMILY_SHARES),
    ]


_FAMILY_FUNDING: Final = {"fast": 90_000, "slow": 90_000, "team": 150_000, "company": 500_000}


def choose_customer(everyone: list[Customer], chance: Chance, *, is_governed: bool = False) -> Customer:
    if is_governed:
        return everyone[2 + OTHERS + chance.below(GOVERNED + len(_FAMILY_SHARES))]
    drawn = chance.rng.random()
    if drawn < _HOT_SHARE:
        return everyone[0]
    if drawn < _HOT_SHARE + _SCARCE_SHARE:
        return everyone[1]
    drawn -= _HOT_SHARE + _SCARCE_SHARE
    if drawn < _GOVERNED_SHARE:
        return everyone[2 + OTHERS + chance.below(GOVERNED)]
    drawn -= _GOVERNED_SHARE
    for place, share in enumerate(_FAMILY_SHARES.values()):
        drawn -= share
        if drawn < 0:
            return everyone[2 + OTHERS + GOVERNED + place]
    return everyone[2 + chance.below(OTHERS)]


def choose_work(works: Sequence[Work], chance: Chance) -> Work:
    drawn = chance.rng.random()
    for work in works:
        drawn -= work.share
        if drawn < 0:
            return work
    return works[0]


def charge(if_insufficient: IfInsufficient) -> Callable[[Customer, Chance, int], Terms]:
    return lambda customer, chance, now_ms: _late(
        _priced(Charge(chance.below(customer.charge_max), if_insufficient)), now_ms
    )


def _late(terms: Charge | CaptureHold, now_ms: int) -> Charge | CaptureHold:
    """Of five amounts one was spent some minutes to some days before, and is only now told of."""
    amount = terms.cost if isinstance(terms, Charge) else terms.amount or 0
    return terms if amount % 5 != 2 else replace(terms, occurred_at_ms=now_ms - amount * MINUTE_MS)


def _priced(terms: Charge | CaptureHold) -> Charge | CaptureHold:
    """Of four amounts one is the price of usage, and of sixteen one a cost in dollars or half as many in euros.

    They are worth up to half a microcent more or less.
    """
    amount = terms.cost if isinstance(terms, Charge) else terms.amount or 0
    remainder = (amount * 37 % 1000 - 500) * 10**12
    if amount % 32 == 7:
        # Two dollars a unit.
        units = f"{(Decimal(amount) * 500 + Decimal(remainder // 10**12) / 2).scaleb(-11):f}"
        rate = {"currency": "EUR", "rate": "2", "version": 1}
        money = {"amount": units, "currency": "EUR"}
        return replace(terms, cost_money=money, exchange_rate=rate, remainder=remainder or None)
    if amount % 16 == 3:
        dollars = f"{(Decimal(amount) * 1000 + remainder // 10**12).scaleb(-11):f}"
        return replace(terms, cost_usd=dollars, remainder=remainder or None)
    if amount % 4 != 1:
        return terms
    usage = {"meter": "work", "units": amount}
    if amount % 8 == 5:
        terms = replace(terms, adjustment="markup@1")
    return replace(terms, usage=usage, rate_card="work@1", remainder=remainder or None)


def funding_update(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    """Mostly more, sometimes less, at times by somebody who has an old total in mind."""
    drawn = chance.rng.random()
    old = customer.funded if drawn < 0.95 else max(customer.funded - 1, 0)
    if drawn > 0.25:
        return FundingUpdate(old, old + chance.below(customer.funding_max))
    return FundingUpdate(old, max(old - chance.below(customer.funding_max), 0), force=drawn < 0.05)


def grant(customer: Customer, chance: Chance, now_ms: int) -> Terms:
    # Few instants of expiry, since a lot of credits that is like an open one joins it and only few may be open.
    expires_at_ms = (now_ms // DAY_MS + 1 + chance.below(3)) * DAY_MS if chance.rng.random() < 0.8 else None
    return GrantCredits(
        1 + chance.below(customer.funding_max // 4),
        category=_CATEGORIES[chance.below(3)],
        priority=(5, 10)[chance.below(2)],
        expires_at_ms=expires_at_ms,
    )


def hold(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    # A hold of a model that is free is one of 0.
    amount = 0 if chance.rng.random() < 0.02 else 1 + chance.below(2 * customer.charge_max)
    minimum = max(amount // 2, 1) if amount and chance.below(2) else None
    return PlaceHold(amount, _TTLS_MS[chance.below(len(_TTLS_MS))], minimum)


def capture(customer: Customer, chance: Chance, now_ms: int) -> Terms:
    """All that is left of a hold, less, or more than it has."""
    name, amount = _some_hold(customer, chance)
    if_expired = chance.choose(_IF_EXPIRED)
    if chance.below(4) == 0:
        return CaptureHold(name, if_expired=if_expired)
    overrun = chance.choose(_OVERRUNS)
    part = chance.below(amount * 3 // 2 + 1)
    return _late(_priced(CaptureHold(name, part, overrun, if_expired=if_expired)), now_ms)


def capture_part(customer: Customer, chance: Chance, now_ms: int) -> Terms:
    """A part of a hold that is mostly small, so that many follow each other."""
    name, amount = _some_hold(customer, chance)
    part = chance.below((amount if chance.below(2) else amount * 3) // 2 + 1)
    terms = CaptureHold(name, part, chance.choose(_OVERRUNS), if_expired=chance.choose(_IF_EXPIRED), final=False)
    return _late(_priced(terms), now_ms)


def extend(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    return ExtendHold(_some_hold(customer, chance)[0], _TTLS_MS[chance.below(len(_TTLS_MS))])


def release(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    return ReleaseHold(_some_hold(customer, chance)[0])


def refund(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    return Refund(_some(customer.charges, chance, "none"), None if chance.below(3) == 0 else 1 + chance.below(500))


def void(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    return VoidGrant(_some(customer.grants, chance, "g0"))


def configure(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    """One of what governs an account, or two; at times there is none any more."""
    first, second = (_SETTINGS[chance.below(len(_SETTINGS))] for _ in range(2))
    changes = first(customer, chance)
    return Configure(**changes if chance.below(2) else changes | second(customer, chance))


def first_settings(customer: Customer) -> Terms:
    """What governs an account from the first."""
    return Configure(
        low_balance_thresholds=[customer.funding_max // 4, customer.funding_max // 20],
        limits=[_limit(20 * customer.charge_max, "hour", APPS[0]), _limit(90 * customer.charge_max, "day")],
        parent=_PARENTS.get(customer.account.actor),
    )


def _limit(amount: int, window: str | None, app: str | None = None, model: str | None = None) -> dict[str, Any]:
    limit = {"amount": amount, "window": window, "app": app, "meter": None}
    return limit if model is None else limit | {"model": model}


def _limits(customer: Customer, chance: Chance) -> dict[str, Any]:
    scopes = {(chance.choose(_WINDOWS), chance.choose(APPS), chance.choose(MODELS)) for _ in range(chance.below(4))}
    return {"limits": [_limit(chance.below(60 * customer.charge_max), *scope) for scope in sorted(scopes, key=str)]}


def _thresholds(customer: Customer, chance: Chance) -> dict[str, Any]:
    amounts = {1 + chance.below(customer.funding_max // 2) for _ in range(chance.below(4))}
    return {"low_balance_thresholds": sorted(amounts, reverse=True)}


def _status(_customer: Customer, chance: Chance) -> dict[str, Any]:
    return {"status": "frozen" if chance.below(4) == 0 else "open"}


def _allowance(customer: Customer, chance: Chance) -> dict[str, Any]:
    if chance.below(5) == 0:
        return {"allowance": {}}
    most = customer.funding_max // 2
    return {
        "allowance": {
            "amount": 1 + chance.below(most),
            "interval": _INTERVALS[chance.below(len(_INTERVALS))],
            "priority": (5, 10)[chance.below(2)],
            "rollover_minimum": chance.below(most) if chance.below(2) else 0,
            "rollover_maximum": chance.below(most) if chance.below(2) else 0,
        }
    }


def _overdraft(customer: Customer, chance: Chance) -> dict[str, Any]:
    return {"overdraft_limit": chance.below(3) * customer.charge_max}


def _zone(_customer: Customer, chance: Chance) -> dict[str, Any]:
    return {"time_zone": chance.choose(tuple(ZONES))}


def _parent(customer: Customer, chance: Chance) -> dict[str, Any]:
    parent = _PARENTS.get(customer.account.actor)
    return _status(customer, chance) if parent is None else {"parent": parent if chance.below(4) else ""}


_OVERRUNS: Final[tuple[Overrun, ...]] = ("refuse", "charge", "charge", "partial", "overdraw")
_IF_EXPIRED: Final[tuple[IfExpired | None, ...]] = (None, None, "charge", "overdraw")
_WINDOWS: Final = ("hour", "day", "week", "month", "PT5H", "PT30M", None)
_INTERVALS: Final = ("daily", "daily", "weekly", "monthly")
_SETTINGS: Final = (_limits, _limits, _thresholds, _thresholds, _status, _allowance, _overdraft, _zone, _parent)


def _some_hold(customer: Customer, chance: Chance) -> tuple[str, int]:
    """One that the clients believe to be open, else one that never was."""
    name = _some(list(customer.holds), chance, "h0")
    return name, customer.holds.get(name, 0)


def _some(names: Sequence[str], chance: Chance, otherwise: str) -> str:
    return names[chance.below(len(names))] if names else otherwise


SIMPLE_WORK: Final = (
    Work("charge", 0.55, charge("refuse")),
    Work("charge partial", 0.08, charge("partial")),
    Work("charge overdraw", 0.04, charge("overdraw")),
    Work("funding_update", 0.07, funding_update, is_top_up=True),
    # By then a grant may be invalid content, and its replay has to be looked up.
    Work("grant", 0.05, grant, is_top_up=True, very_late=0.1),
)
"""What the naive twin can do too."""
CONFIGURE: Final = Work("configure", 0.01, configure, is_for_governed=True)
WORK: Final = (
    *SIMPLE_WORK,
    Work("hold", 0.06, hold),
    Work("capture", 0.03, capture),
    Work("capture part", 0.03, capture_part),
    Work("refund", 0.03, refund),
    Work("release", 0.02, release),
    Work("extend", 0.015, extend),
    Work("void", 0.015, void),
    CONFIGURE,
)
BATCHED: Final = ("charge", "charge partial", "charge overdraw", "capture part")
"""Work that can be a line of a batch."""
LINES: Final = tuple(work for work in WORK if work.name in BATCHED)
