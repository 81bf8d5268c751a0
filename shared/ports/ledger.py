"""Ports of the use cases. Adapters and fakes implement them."""

from collections.abc import Sequence
from dataclasses import field
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerError
from shared.ledger.events import Event
from shared.ledger.frozen import dataclass
from shared.ledger.holds import Hold
from shared.ledger.operations import Kind, Operation
from shared.ledger.protocol import Recorded

_Item_co = TypeVar("_Item_co", covariant=True)

Kept: TypeAlias = Literal["kept", "already_kept", "differs"]
"""The result for an audit row: written, already there with the same text, or there with other content."""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to list, newest first. Times in epoch milliseconds, `from_ms` inclusive, `to_ms` exclusive.

    `app`, `meter` and `model` match those of an entry or, if it has none, those of the hold or charge that it names.
    """

    limit: int
    before_seq: int | None = None
    kind: Kind | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None

    def admits_use(self, entry: Entry) -> bool:
        """Whether the entry is of this app, meter and model."""
        app, meter, model = entry.spent_through
        return self.app in {None, app} and self.meter in {None, meter} and self.model in {None, model}

    @property
    def is_sieve(self) -> bool:
        """Whether the filter may admit only a few of the entries that it evaluates."""
        given = (self.kind, self.from_ms, self.to_ms, self.app, self.meter, self.model)
        return any(each is not None for each in given)


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item_co]):
    """`next_before_seq` continues the listing; None at its end.

    `is_whole`: no row was unreadable or out of place.
    """

    items: tuple[_Item_co, ...]
    next_before_seq: int | None
    is_whole: bool = True


class Ledger(Protocol):
    """The record of all accounts."""

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
        """The holds that have not ended, due or not. The listing may be slightly behind the newest writes."""
        ...

    def hold(self, account: Account, hold_id: str) -> Hold | None:
        """A strong read. None if there never was such a hold."""
        ...

    def state(self, account: Account) -> AccountState | None:
        """A strong read. None for an account without entries."""
        ...

    def entry(self, account: Account, key: str) -> Entry | None:
        """A strong read of the entry under a key."""
        ...

    def entries(self, account: Account, wanted: EntryFilter) -> Page[Entry]:
        """The listing may be slightly behind the newest writes."""
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
    """Indexes of the events that the bus did not accept; empty if it accepted all. `cause` is why, for the log."""

    failed: tuple[int, ...] = field(default=())
    cause: Exception | None = field(default=None, compare=False)


class EventBus(Protocol):
    def publish(self, events: Sequence[Event]) -> Published: ...


class FailureQueue(Protocol):
    """Receives stream records that can never be published."""

    def send(self, record: object, why: str) -> None: ...
