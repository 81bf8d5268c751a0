"""Ports of what is told of a whole tenant: its feed of entries and checks, its expiring holds, the failure queues."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.events import event_id_of_check, event_id_of_entry
from shared.ledger.frozen import dataclass
from shared.ledger.holds import Hold
from shared.ledger.operations import Kind, Outcome

CHECK: Final = "check"
ActivityKind: TypeAlias = Kind | Literal["check"]
ActivityOutcome: TypeAlias = Outcome | Literal["allowed"]
"""Of an entry, or of a check: allowed or refused."""


@dataclass(frozen=True, slots=True)
class FeedLine:
    """An entry or a check in a few words. Amounts in microcents, times in epoch milliseconds.

    `amount` is that of the entry, signed; of a check, the minimum that was asked for. `key` is that of the entry, or
    the id of the check. `seq` is 0 for a check. `low_balance` are the thresholds that the entry fell below.
    """

    kind: str
    outcome: str
    actor: str
    at_ms: int
    key: str
    seq: int
    amount: int
    available_after: int
    by: str | None = None
    reason: str | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None
    hold: str | None = None
    member: str | None = None
    low_balance: tuple[int, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> "FeedLine":
        return cls(
            entry.kind,
            entry.outcome,
            entry.account.actor,
            entry.at_ms,
            entry.key,
            entry.seq,
            entry.amount,
            entry.after.available,
            by=entry.by,
            reason=entry.reason or entry.parameters.get("note"),
            app=entry.app,
            meter=entry.meter,
            model=entry.model,
            hold=None if entry.hold is None else entry.hold["id"],
            member=entry.member,
            low_balance=entry.alerts,
        )

    @property
    def is_check(self) -> bool:
        return self.kind == CHECK

    @property
    def order(self) -> tuple[int, str, int, str]:
        """Lines are listed from the largest."""
        return self.at_ms, self.actor, self.seq, self.key

    @property
    def name(self) -> tuple[str, int, str]:
        """Of which a tenant has one alone."""
        return self.actor, self.seq, self.key

    def event_id(self, tenant: str) -> str:
        """The id of the event of the entry or check."""
        account = Account(tenant, self.actor)
        return event_id_of_check(account, self.key) if self.is_check else event_id_of_entry(account, self.seq)


def newest_first(lines: Iterable[FeedLine]) -> tuple[FeedLine, ...]:
    return tuple(sorted(lines, key=lambda line: line.order, reverse=True))


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Which lines to list; None: any."""

    kind: str | None = None
    outcome: str | None = None
    actor: str | None = None

    def admits(self, line: FeedLine) -> bool:
        return (
            self.kind in {None, line.kind} and self.outcome in {None, line.outcome} and self.actor in {None, line.actor}
        )


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """What came at once, newest line first. Names are in the order in which batches came."""

    name: str
    lines: tuple[FeedLine, ...]


@dataclass(frozen=True, slots=True)
class FeedStretch:
    """All lines since `since_ms`, newest first. `is_complete`: that is as far back as was asked for."""

    lines: tuple[FeedLine, ...]
    since_ms: int
    is_complete: bool


class ActivityFeed(Protocol):
    """The newest entries and checks of each tenant, in the batches in which they came, spread over shards."""

    @property
    def shards(self) -> int: ...

    def add(self, tenant: str, lines: Sequence[FeedLine], name: str) -> None:
        """Adds a batch; `name` tells it from others of the same instant."""
        ...

    def batches(
        self, tenant: str, shard: int, below: str | None, since_ms: int | None, limit: int
    ) -> Sequence[FeedBatch]:
        """The newest batches of a shard, with names before `below`, that came at `since_ms` or later.

        As many as there are, up to `limit`. A strong read: every batch that was added before is in it.
        """
        ...

    def newest(self, tenant: str, since_ms: int) -> FeedStretch:
        """As many of the lines since an instant as one read has, perhaps without those of the last moment."""
        ...


@dataclass(frozen=True, slots=True)
class ExpiringHolds:
    """Open holds and their accounts, first to expire first. `is_complete`: there are no others."""

    items: tuple[tuple[Account, Hold], ...]
    is_complete: bool


class OpenHoldsOfTenants(Protocol):
    def expiring(self, tenant: str, from_ms: int, to_ms: int) -> ExpiringHolds:
        """Open holds of a tenant that expire between two instants. May be slightly behind the newest writes."""
        ...


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """A failure queue and how many messages are in it."""

    name: str
    messages: int


class FailureQueues(Protocol):
    def depths(self) -> Sequence[QueueDepth]:
        """Every failure queue of the deployment. Raises what the client of the queues raises."""
        ...
