"""Sums what an account has spent, by meter, app, member or day."""

from dataclasses import dataclass

from shared.ledger.accounts import Account
from shared.ledger.usage import Grouping
from shared.ports.ledger import Ledger
from shared.ports.usage import DayRange, UsageBook, UsagePage
from shared.usecases.read_account import known_state


@dataclass(frozen=True, slots=True)
class UsageAsked:
    """`after` is the name that the page before ended with."""

    grouping: Grouping
    period: DayRange
    after: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class UsageSoFar:
    """Every entry up to seq `counted_through` is in the sums; later ones may be."""

    page: UsagePage
    counted_through: int


def list_usage(account: Account, asked: UsageAsked, book: UsageBook, ledger: Ledger) -> UsageSoFar:
    """Raises AccountNotFound for an actor for whom nothing was ever recorded."""
    # First how far was counted, then the sums: so they cannot fall short of it.
    counted_through = book.counted_through(account)
    if not counted_through:
        known_state(account, ledger)
    return UsageSoFar(book.usage(account, asked.grouping, asked.period, asked.after, asked.limit), counted_through)
