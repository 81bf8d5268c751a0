"""The outbox: publishes the events of every new entry on the bus, at least once, in the order of the stream.

A stream delivers a batch again from its first failed record on. So a record that can never be published must not be
reported as failed: it would block all records after it. It goes to the failure queue instead.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Final, TypeAlias

from shared.ledger.events import Event, entry_events
from shared.ledger.frozen import dataclass
from shared.ledger.records import entry_from_record, hash_of
from shared.ports.ledger import EventBus, FailureQueue, Published

MAX_EVENTS_PER_CALL: Final = 10
MAX_BYTES_PER_CALL: Final = 256 * 1024
ATTEMPTS: Final = 3
FIRST_PAUSE_MS: Final = 50


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A new row of the ledger in the stream.

    `record` and `digest` are the entry's canonical text and hash, None if the row has no such text. `raw` is the whole
    stream record, for the analysis of records that cannot be published.
    """

    sequence_number: str
    record: str | None
    digest: str | None
    raw: object


@dataclass(frozen=True, slots=True)
class Publication:
    """The result of a batch: `published` counts events, `poisoned` the records that can never be published.

    `failed` lists the sequence numbers to report as failed, in the order of the stream; `cause` is why, for the log.
    """

    published: int
    poisoned: int
    failed: tuple[str, ...]
    cause: Exception | None = field(default=None, compare=False)

    @property
    def is_outage(self) -> bool:
        """Whether the bus accepted none of the events."""
        return bool(self.failed) and not self.published


@dataclass(frozen=True, slots=True)
class _Publishable:
    position: int
    event: Event
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Poison:
    position: int
    why: str


_Sorted: TypeAlias = _Publishable | _Poison


def publish_entries(
    records: Sequence[StreamRecord],
    bus: EventBus,
    failure_queue: FailureQueue,
    *,
    size_bytes: Callable[[Event], int],
    pause: Callable[[int], None],
) -> Publication:
    """Publishes the entries of a batch. `size_bytes` returns the size of an event on the bus, `pause` waits that many
    ms.

    Never raises for a single record. Errors of the failure queue propagate after everything else was published. The
    batch is then delivered again, and consumers recognise the repeated events.
    """
    examined = [each for position, record in enumerate(records) for each in _examine(position, record, size_bytes)]
    publishable = [each for each in examined if isinstance(each, _Publishable)]
    calls_made = [_publish(call, bus, pause) for call in calls(publishable)]
    failed = [position for call in calls_made for position in call.failed]
    # The records after the first failure are delivered again, so their poison can wait until then.
    settled = min(failed, default=len(records))
    poison = [each for each in examined if isinstance(each, _Poison) and each.position < settled]
    for each in poison:
        failure_queue.send(records[each.position].raw, each.why)
    return Publication(
        published=len(publishable) - len(failed),
        poisoned=len(poison),
        failed=tuple(records[position].sequence_number for position in dict.fromkeys(failed)),
        cause=next((call.cause for call in calls_made if call.failed), None),
    )


def calls(publishable: Iterable[_Publishable]) -> Iterator[list[_Publishable]]:
    """Packs events into calls within the limits of the bus, in order."""
    call: list[_Publishable] = []
    weight = 0
    for each in publishable:
        if call and (len(call) == MAX_EVENTS_PER_CALL or weight + each.size_bytes > MAX_BYTES_PER_CALL):
            yield call
            call, weight = [], 0
        call.append(each)
        weight += each.size_bytes
    if call:
        yield call


def _examine(position: int, record: StreamRecord, size_bytes: Callable[[Event], int]) -> list[_Sorted]:
    if record.record is None or record.digest is None:
        return [_Poison(position, "the row has no readable record or no hash")]
    try:
        entry = entry_from_record(record.record, record.digest)
        events = entry_events(entry)
        is_as_recorded = hash_of(entry) == record.digest
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as malformed:
        return [_Poison(position, f"the record is no entry: {type(malformed).__name__}")]
    if not is_as_recorded:
        return [_Poison(position, "the record is not what its hash covers")]
    return [_weighed(position, event, size_bytes(event)) for event in events]


def _weighed(position: int, event: Event, size: int) -> _Sorted:
    if size > MAX_BYTES_PER_CALL:
        return _Poison(position, f"the event has {size} bytes, the bus takes {MAX_BYTES_PER_CALL}")
    return _Publishable(position, event, size)


def _publish(call: Sequence[_Publishable], bus: EventBus, pause: Callable[[int], None]) -> Published:
    """Sends one call, then again only the rejected events. Returns the positions that the bus never accepted."""
    waiting, published = list(call), Published()
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(FIRST_PAUSE_MS << attempt - 1)
        published = bus.publish([each.event for each in waiting])
        waiting = [waiting[index] for index in published.failed]
        if not waiting:
            break
    return Published(tuple(each.position for each in waiting), published.cause)
