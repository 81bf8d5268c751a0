"""Ports: what the use cases need of the world. Adapters and fakes implement them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerError
from shared.ledger.events import Event
from shared.ledger.holds import Hold
from shared.ledger.operations import Kind, Operation
from shared.ledger.protocol import Recorded

_Item_co = TypeVar("_Item_co", covariant=True)

Kept: TypeAlias = Literal["kept", "already_kept", "differs"]
"""What became of an audit row: written, there already word for word, or there with other content."""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to list, newest first. Times in epoch milliseconds, `from_ms` inclusive, `to_ms` exclusive.

    `app` and `meter` are those that an entry names or, where it names none, those of the hold or charge that it names.
    """

    limit: int
    before_seq: int | None = None
    kind: Kind | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    app: str | None = None
    meter: str | None = None

    def admits_use(self, entry: Entry) -> bool:
        """Whether the entry is of this app and meter."""
        app, meter = entry.spent_through
        return self.app in {None, app} and self.meter in {None, meter}

    @property
    def is_sieve(self) -> bool:
        """Whether it may leave few of the entries that it goes over."""
        given = (self.kind, self.from_ms, self.to_ms, self.app, self.meter)
        return any(each is not None for each in given)


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item_co]):
    """`next_before_seq` continues the listing; None at its end.

    `is_whole`: nothing on it was unreadable or out of place.
    """

    items: tuple[_Item_co, ...]
    next_before_seq: int | None
    is_whole: bool = True


class Ledger(Protocol):
    """The record itself."""

    def record(self, operation: Operation, now_ms: int) -> Recorded:
        """See protocol.record for the guarantees and errors."""
        ...

    def record_batch(self, operations: Sequence[Operation], now_ms: int) -> dict[str, Recorded | LedgerError]:
        """See protocol.record_batch."""
        ...

    def do_what_is_due(self, account: Account, correlation_id: str, now_ms: int) -> int:
        """See protocol.do_what_is_due."""
        ...

    def open_holds(self, account: Account) -> tuple[Hold, ...]:
        """Those that have not ended, due or not. May trail the newest writes by a moment."""
        ...

    def hold(self, account: Account, hold_id: str) -> Hold | None:
        """A strong read. None where there never was such a hold."""
        ...

    def state(self, account: Account) -> AccountState | None:
        """A strong read. None for an account that nothing was ever recorded for."""
        ...

    def entry(self, account: Account, key: str) -> Entry | None:
        """A strong read of what is recorded under a key."""
        ...

    def entries(self, account: Account, wanted: EntryFilter) -> Page[Entry]:
        """May trail the newest writes by a moment."""
        ...


class AuditTrail(Protocol):
    """The audit table: a copy of the ledger that no role can change. Rows can only be added."""

    def keep_entry(self, entry: Entry, event_id: str) -> Kept: ...

    def keep_check(self, event: Event) -> Kept: ...

    def page(self, account: Account, limit: int, before_seq: int | None) -> Page[Entry]:
        """Newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """Indexes of the events that the bus did not take; empty when it took all. `cause` is why, for the log."""

    failed: tuple[int, ...] = field(default=())
    cause: Exception | None = field(default=None, compare=False)


class EventBus(Protocol):
    def publish(self, events: Sequence[Event]) -> Published: ...


class FailureQueue(Protocol):
    """Where a stream record goes that can never be published."""

    def send(self, record: object, why: str) -> None: ...
