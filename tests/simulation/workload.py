"""What clients ask for. A new kind of operation is one more line in WORK (and its row in the matrix)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.ledger.accounts import Account
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, IfInsufficient, Terms
from tests.simulation.chance import Chance

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_763_942_400_000
"""A midnight."""

OTHERS: Final = 200
_HOT_SHARE: Final = 0.05
_SCARCE_SHARE: Final = 0.06
_CATEGORIES: Final = ("purchased", "promotional", "allowance")


@dataclass(slots=True)
class Customer:
    """An account as its clients know it: `funded` is the total in the latest answer they saw."""

    account: Account
    charge_max: int
    funding_max: int
    funded: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    name: str
    share: float
    terms: Callable[[Customer, Chance, int], Terms]
    is_top_up: bool = False


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


def choose_work(chance: Chance) -> Work:
    drawn = chance.rng.random()
    for work in WORK:
        drawn -= work.share
        if drawn < 0:
            return work
    return WORK[0]


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


WORK: Final = (
    Work("charge", 0.72, charge("refuse")),
    Work("charge partial", 0.10, charge("partial")),
    Work("charge overdraw", 0.05, charge("overdraw")),
    Work("funding_update", 0.08, funding_update, is_top_up=True),
    Work("grant", 0.05, grant, is_top_up=True),
)
