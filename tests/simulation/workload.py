"""What clients ask for. A new kind of operation is one more line in WORK (and its row in the matrix)."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    IfInsufficient,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from tests.simulation.chance import Chance

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_763_942_400_000
"""A midnight."""

OTHERS: Final = 200
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
            self.holds[hold["id"]] = hold["amount"]
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


def customers() -> list[Customer]:
    """One hot account, one scarce account, and the others."""
    hot = Customer(Account("main", "hot"), charge_max=2_000, funding_max=9_000_000)
    scarce = Customer(Account("main", "scarce"), charge_max=60, funding_max=120)
    return [
        hot,
        scarce,
        *(Customer(Account("main", f"user:{number}"), 3_000, 90_000) for number in range(OTHERS)),
    ]


def choose_customer(everyone: list[Customer], chance: Chance) -> Customer:
    drawn = chance.rng.random()
    if drawn < _HOT_SHARE:
        return everyone[0]
    if drawn < _HOT_SHARE + _SCARCE_SHARE:
        return everyone[1]
    return everyone[2 + chance.below(OTHERS)]


def choose_work(works: Sequence[Work], chance: Chance) -> Work:
    drawn = chance.rng.random()
    for work in works:
        drawn -= work.share
        if drawn < 0:
            return work
    return works[0]


def charge(if_insufficient: IfInsufficient) -> Callable[[Customer, Chance, int], Terms]:
    return lambda customer, chance, _: Charge(chance.below(customer.charge_max), if_insufficient)


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
    amount = 1 + chance.below(2 * customer.charge_max)
    return PlaceHold(amount, _TTLS_MS[chance.below(len(_TTLS_MS))], max(amount // 2, 1) if chance.below(2) else None)


def capture(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    """All of a hold, a part of it, or more than it has."""
    name, amount = _some_hold(customer, chance)
    if chance.below(4) == 0:
        return CaptureHold(name)
    return CaptureHold(name, chance.below(amount * 3 // 2 + 1), "charge" if chance.below(2) else "refuse")


def extend(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    return ExtendHold(_some_hold(customer, chance)[0], _TTLS_MS[chance.below(len(_TTLS_MS))])


def release(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    return ReleaseHold(_some_hold(customer, chance)[0])


def refund(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    return Refund(_some(customer.charges, chance, "none"), None if chance.below(3) == 0 else 1 + chance.below(500))


def void(customer: Customer, chance: Chance, _now_ms: int) -> Terms:
    return VoidGrant(_some(customer.grants, chance, "g0"))


def _some_hold(customer: Customer, chance: Chance) -> tuple[str, int]:
    """One that the clients believe to be open, else one that never was."""
    name = _some(list(customer.holds), chance, "h0")
    return name, customer.holds.get(name, 0)


def _some(names: Sequence[str], chance: Chance, otherwise: str) -> str:
    return names[chance.below(len(names))] if names else otherwise


SIMPLE_WORK: Final = (
    Work("charge", 0.56, charge("refuse")),
    Work("charge partial", 0.08, charge("partial")),
    Work("charge overdraw", 0.04, charge("overdraw")),
    Work("funding_update", 0.07, funding_update, is_top_up=True),
    # By then a grant may be invalid content, and its replay has to be looked up.
    Work("grant", 0.05, grant, is_top_up=True, very_late=0.1),
)
"""What the naive twin can do too."""
WORK: Final = (
    *SIMPLE_WORK,
    Work("hold", 0.06, hold),
    Work("capture", 0.05, capture),
    Work("refund", 0.04, refund),
    Work("release", 0.02, release),
    Work("extend", 0.015, extend),
    Work("void", 0.015, void),
)
