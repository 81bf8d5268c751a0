"""Sums the spending of an account, by meter, app, model, member or day."""

from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass
from shared.ledger.usage import Grouping
from shared.ports.ledger import Ledger
from shared.ports.usage import DayRange, UsageBook, UsagePage
from shared.usecases.read_account import known_state


@dataclass(frozen=True, slots=True)
class UsageAsked:
    """`after` is the last name of the page before."""

    grouping: Grouping
    period: DayRange
    after: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class UsageSoFar:
    """All entries up to seq `counted_through` are in the sums; later ones may be."""

    page: UsagePage
    counted_through: int


def list_usage(account: Account, asked: UsageAsked, book: UsageBook, ledger: Ledger) -> UsageSoFar:
    """Raises AccountNotFound for an actor without entries."""
    # The seq is read before the sums, so that the sums contain at least the entries up to it.
    counted_through = book.counted_through(account)
    if not counted_through:
        known_state(account, ledger)
    return UsageSoFar(book.usage(account, asked.grouping, asked.period, asked.after, asked.limit), counted_through)
