"""Ports of usage: the ledger read forward, and the book of sums."""

from typing import Protocol

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.usage import Grouping, Sums, Tally


@dataclass(frozen=True, slots=True)
class DayRange:
    """UTC days, `first` and `last` included, as "2026-01-31"."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Names (for `day`, days) and their sums, in the order of the names. `next_after` continues; None at the end."""

    items: tuple[tuple[str, Sums], ...]
    next_after: str | None


class EntriesForward(Protocol):
    def following(self, account: Account, after_seq: int, limit: int) -> tuple[Entry, ...]:
        """At most `limit` entries in the order of seq. The listing may be slightly behind the newest writes."""
        ...

    def entry(self, account: Account, key: str) -> Entry | None:
        """A strong read."""
        ...


class UsageBook(Protocol):
    """Stores the sums of every account."""

    def counted_through(self, account: Account) -> int:
        """The seq of the last entry in the sums, 0 before the first. A strong read."""
        ...

    def add(self, account: Account, tally: Tally) -> bool:
        """Adds a whole tally if it follows the last counted entry; otherwise returns False."""
        ...

    def usage(self, account: Account, grouping: Grouping, period: DayRange, after: str | None, limit: int) -> UsagePage:
        """A strong read of at most `limit` names; fewer if many have no sums in the period."""
        ...
