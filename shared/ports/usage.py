"""Ports of the usage: the ledger read forward, and the book of the sums."""

from dataclasses import dataclass
from typing import Protocol

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
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
        """At most `limit` entries in the order of their seq. May trail the newest writes by a moment."""
        ...

    def entry(self, account: Account, key: str) -> Entry | None:
        """A strong read."""
        ...


class UsageBook(Protocol):
    """Where the sums of every account are kept."""

    def counted_through(self, account: Account) -> int:
        """The seq of the last entry that is in the sums, 0 before the first. A strong read."""
        ...

    def add(self, account: Account, tally: Tally) -> bool:
        """Adds a tally, whole, if the last entry counted is the one that it follows. False where it is another."""
        ...

    def usage(self, account: Account, grouping: Grouping, period: DayRange, after: str | None, limit: int) -> UsagePage:
        """A strong read, of at most `limit` names; of fewer where many have nothing in the period."""
        ...
