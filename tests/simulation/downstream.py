"""Downstream of the ledger: stream, outbox, bus, queue and audit consumer. The decisions are the product's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec

from shared.adapters.driver import Pace, retry_until_deadline
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.events import LOW_BALANCE_DETAIL_TYPE, SOURCE, Event
from shared.ledger.protocol import Busy, Unknown
from shared.ledger.records import record_of
from shared.ports.ledger import AuditTrail, Kept, Published
from shared.usecases.keep_audit import Audited, Message, keep_audit, keep_event
from shared.usecases.publish_entries import Publication, StreamRecord, publish_entries
from tests.simulation.chance import Chance, Clock
from tests.simulation.matrix import (
    AUDIT,
    BUS,
    COMPARE,
    KEEP,
    OUTBOX,
    PUBLISH,
    QUEUE,
    QUEUE_KILLED,
    SET_ASIDE,
    STREAM,
    STREAM_KILLED,
    Fault,
)
from tests.simulation.table import Row
from tests.simulation.workload import HOUR_MS

Position: TypeAlias = tuple[Account, int]
"""An entry by its account and seq."""
Warned: TypeAlias = tuple[Account, int, int]
"""And the threshold that it fell below, in microcents."""

SHARDS: Final = 4
STREAM_BATCH: Final = 100
QUEUE_BATCH: Final = 10
RECORD_AGE_MAX_MS: Final = 20 * HOUR_MS
"""The mapping gives up on an older record; the stream itself forgets it four hours later."""
RECEIVES_MAX: Final = 5
_POLL_MS: Final = 200
_RETRY_MS: Final = 2000
_VISIBILITY_MS: Final = 60_000
_WHILE_DOWN_MS: Final = HOUR_MS
_AS_TEXT_EVERY: Final = 16
_SPOILT_AT_START: Final = 160
_SPOILT_AT_END: Final = 600

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class Killed(Exception):
    """The process that ran this died."""


class QueueDown(Exception):
    """The failure queue did not take a record, or its answer was lost."""


class Window(NamedTuple):
    """When a consumer is down."""

    starts_ms: int
    ends_ms: int

    def is_open(self, now_ms: int) -> bool:
        return self.starts_ms <= now_ms < self.ends_ms


@dataclass(slots=True)
class Delivery:
    """A message in the queue: one of sixteen as the text that it is on AWS, the others as what that text says.

    `is_spoilt`: what is in it is no longer what was sent.
    """

    envelope: Mapping[str, Any]
    position: Position
    receives: int = 0
    text: str | None = None
    is_spoilt: bool = False


Consumer: TypeAlias = Callable[[list[Delivery]], list[bool]]
"""Tells of each delivery whether it failed."""


class Queue:
    """The queue of the audit consumer, and the failure queue behind it."""

    def __init__(self, clock: Clock, chance: Chance, consume: Consumer, down: Window) -> None:
        self.dead: list[Delivery] = []
        self.handled_in_batch: Callable[[], int] = lambda: 0
        self._clock = clock
        self._chance = chance
        self._spot = chance.spot(QUEUE)
        self._killed = chance.spot(QUEUE_KILLED)
        self._outage = chance.spot(AUDIT)
        self._consume = consume
        self._down = down
        self._visible: list[Delivery] = []
        self._is_polled = False

    def put(self, deliveries: Sequence[Delivery]) -> None:
        self._visible += deliveries
        if not self._is_polled:
            self._is_polled = True
            self._clock.later(_POLL_MS, self._receive, None)

    def redrive(self) -> None:
        """Puts what is dead, and still what was sent, back into the queue."""
        revived = [delivery for delivery in self.dead if not delivery.is_spoilt]
        self.dead = [delivery for delivery in self.dead if delivery.is_spoilt]
        for delivery in revived:
            delivery.receives = 0
        if revived:
            self.put(revived)

    def _receive(self, _: object) -> None:
        self._is_polled = False
        if self._down.is_open(self._clock.now_ms):
            self._outage.fired(Fault.OUTAGE)
            self._is_polled = True
            self._clock.later(_WHILE_DOWN_MS, self._receive, None)
            return
        visible, self._visible = self._visible, []
        for start in range(0, len(visible), QUEUE_BATCH):
            self._deliver(visible[start : start + QUEUE_BATCH])

    def _deliver(self, batch: list[Delivery]) -> None:
        fault = self._spot.draw()
        if fault is Fault.LATE:
            self._clock.later(300_000 + self._chance.below(HOUR_MS), self.put, batch)
            return
        if fault is Fault.REORDERED:
            self._chance.rng.shuffle(batch)
        if fault is Fault.CORRUPTED:
            self._spoil(batch[self._chance.below(len(batch))])
        self._hand_over(batch)
        if fault is Fault.DUPLICATE:
            self._clock.later(_VISIBILITY_MS, self.put, batch)

    def _hand_over(self, batch: list[Delivery]) -> None:
        try:
            is_failed = self._consume(batch)
        except Killed:
            if self.handled_in_batch():
                self._killed.fired(Fault.KILLED_IN_BATCH)
            is_failed = [True] * len(batch)
        except (LedgerThrottled, LedgerUnavailable):
            is_failed = [True] * len(batch)
        for delivery in (each for each, failed in zip(batch, is_failed, strict=True) if failed):
            self._take_back(delivery)

    def _take_back(self, delivery: Delivery) -> None:
        delivery.receives += 1
        if delivery.receives >= RECEIVES_MAX:
            self.dead.append(delivery)
        else:
            self._clock.later(_VISIBILITY_MS, self.put, [delivery])

    def _spoil(self, delivery: Delivery) -> None:
        text = delivery.text or text_of(delivery.envelope)
        # Near either end: in what is said of the event, or in the record. Between them is what nobody here looks at.
        cut = self._chance.below(_SPOILT_AT_START + _SPOILT_AT_END)
        cut = cut if cut < _SPOILT_AT_START else len(text) - 1 - (cut - _SPOILT_AT_START)
        delivery.text = text[:cut] + "#" + text[cut + 1 :]
        delivery.is_spoilt = True


class Bus:
    """Implements ports.EventBus. `taken` counts since it was last set.

    `warnings` are the ids of the events that warned of each entry and threshold.
    """

    def __init__(self, clock: Clock, chance: Chance, queue: Queue) -> None:
        self.taken = 0
        self.warnings: dict[Warned, set[str]] = {}
        self._clock = clock
        self._chance = chance
        self._queue = queue
        self._call = chance.spot(PUBLISH)
        self._delivery = chance.spot(BUS)

    def publish(self, events: Sequence[Event]) -> Published:
        fault = self._call.draw()
        none_taken = Published(tuple(range(len(events))))
        if fault in {Fault.THROTTLED, Fault.LOST_BEFORE}:
            return none_taken
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        if fault is Fault.PARTLY_TAKEN:
            return self._take_partly(events)
        self._take(events)
        if fault is Fault.KILLED_AFTER:
            raise Killed
        return none_taken if fault in {Fault.LOST_AFTER, Fault.CORRUPTED} else Published()

    def _take_partly(self, events: Sequence[Event]) -> Published:
        failed = tuple(index for index in range(len(events)) if self._chance.rng.random() < 0.5)
        self._take([event for index, event in enumerate(events) if index not in failed])
        return Published(failed)

    def _take(self, events: Sequence[Event]) -> None:
        self.taken += len(events)
        for event in events:
            if event.detail_type == LOW_BALANCE_DETAIL_TYPE:
                self._take_warning(event.detail)
        in_time = [delivery for event in events if (delivery := self._routed(event)) is not None]
        self._clock.later(30 + self._chance.below(300), self._queue.put, in_time)

    def _take_warning(self, detail: Mapping[str, Any]) -> None:
        threshold = int(detail["data"]["threshold"] * 1000)
        warned = Account(detail["tenant"], detail["actor"]), detail["seq"], threshold
        self.warnings.setdefault(warned, set()).add(detail["event_id"])

    def _routed(self, event: Event) -> Delivery | None:
        """The event on its way; None where it takes another way than the others of its call."""
        delivery = _delivery(event)
        fault = self._delivery.draw()
        if fault is Fault.LATE:
            self._clock.later(60_000 + self._chance.below(20 * HOUR_MS), self._queue.put, [delivery])
            return None
        if fault is Fault.REORDERED:
            self._clock.later(1000 + self._chance.below(5000), self._queue.put, [delivery])
            return None
        if fault is Fault.DUPLICATE:
            self._clock.later(self._chance.below(60_000), self._queue.put, [_delivery(event)])
        return delivery


def _delivery(event: Event) -> Delivery:
    detail = event.detail
    seq: int = detail["seq"]
    delivery = Delivery(
        {"source": SOURCE, "detail-type": event.detail_type, "detail": detail},
        (Account(detail["tenant"], detail["actor"]), seq),
    )
    if seq % _AS_TEXT_EVERY == 0:
        delivery.text = text_of(delivery.envelope)
    return delivery


def text_of(envelope: Mapping[str, Any]) -> str:
    return _ENCODER.encode(envelope).decode()


def size_bytes(event: Event) -> int:
    """About what the event weighs; far from any limit here."""
    return 1000 + len(event.detail["data"].get("record", ""))


class FailureQueue:
    """Implements ports.FailureQueue. `records` are the numbers of stream records that were set aside."""

    def __init__(self, chance: Chance) -> None:
        self.records: list[object] = []
        self._spot = chance.spot(SET_ASIDE)

    def send(self, record: object, why: str) -> None:
        fault = self._spot.draw()
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        if fault in {Fault.THROTTLED, Fault.LOST_BEFORE}:
            raise QueueDown(why)
        self.records.append(record)
        if fault is Fault.KILLED_AFTER:
            raise Killed
        if fault in {Fault.LOST_AFTER, Fault.CORRUPTED}:
            raise QueueDown(why)


class StreamRow(NamedTuple):
    row: Row
    position: Position
    written_ms: int


_stream_row_of: Final[Callable[[tuple[Row, Position, int]], StreamRow]] = partial(tuple.__new__, StreamRow)


@dataclass(slots=True)
class Shard:
    """`next` is the first row that the outbox has not confirmed."""

    number: int
    rows: list[StreamRow] = field(default_factory=list)
    next: int = 0
    is_polled: bool = False


class Outbox:
    """The stream and its consumer. `excused` are the entries that ended in a failure queue for a reason."""

    def __init__(self, clock: Clock, chance: Chance, bus: Bus, down: Window) -> None:
        self.excused: set[Position] = set()
        self._clock = clock
        self._chance = chance
        self._bus = bus
        self._down = down
        self._failure_queue = FailureQueue(chance)
        self._spot = chance.spot(STREAM)
        self._killed = chance.spot(STREAM_KILLED)
        self._outage = chance.spot(OUTBOX)
        self._shards = [Shard(number) for number in range(SHARDS)]
        self._shard_of: dict[Account, Shard] = {}
        self._spoilt: set[object] = set()
        self._seqs: dict[Account, int] = {}

    def on_row(self, account: Account, row: Row) -> None:
        shard = self._shard_of.setdefault(account, self._shards[len(self._shard_of) % SHARDS])
        seq = self._seqs[account] = self._seqs.get(account, 0) + 1
        shard.rows.append(_stream_row_of((row, (account, seq), self._clock.now_ms)))
        self._poll_later(shard, _POLL_MS)

    def _poll_later(self, shard: Shard, delay_ms: int) -> None:
        if not shard.is_polled:
            shard.is_polled = True
            self._clock.later(delay_ms, self._poll, shard)

    def _poll(self, shard: Shard) -> None:
        shard.is_polled = False
        if self._down.is_open(self._clock.now_ms):
            self._outage.fired(Fault.OUTAGE)
            self._poll_later(shard, _WHILE_DOWN_MS)
            return
        self._give_up_on_old(shard)
        delay_ms = self._deliver(shard) if shard.next < len(shard.rows) else 0
        if shard.next < len(shard.rows):
            self._poll_later(shard, delay_ms)

    def _give_up_on_old(self, shard: Shard) -> None:
        rows, oldest_ms = shard.rows, self._clock.now_ms - RECORD_AGE_MAX_MS
        while shard.next < len(rows) and rows[shard.next].written_ms < oldest_ms:
            self.excused.add(rows[shard.next].position)
            shard.next += 1

    def _deliver(self, shard: Shard) -> int:
        """Hands a batch to the outbox; returns in how many ms to come again if anything is left."""
        fault = self._spot.draw()
        if fault is Fault.LATE:
            return 60_000 + self._chance.below(HOUR_MS)
        start = max(shard.next - STREAM_BATCH // 2, 0) if fault is Fault.DUPLICATE else shard.next
        order = list(range(start, min(start + STREAM_BATCH, len(shard.rows))))
        if fault is Fault.REORDERED:
            self._chance.rng.shuffle(order)
        records = [_stream_record(shard, place) for place in order]
        if fault is Fault.CORRUPTED:
            self._spoil(records)
        publication = self._publish(records)
        if publication is None or publication.is_outage:
            return _RETRY_MS
        failed = [int(number) for number in publication.failed]
        shard.next = max(shard.next, min(failed, default=order[0] + len(order) if fault is None else max(order) + 1))
        self._excuse(shard)
        return _POLL_MS

    def _publish(self, records: list[StreamRecord]) -> Publication | None:
        """None where the function ended with an error."""
        self._bus.taken = 0
        try:
            return publish_entries(records, self._bus, self._failure_queue, size_bytes=size_bytes, pause=_no_pause)
        except Killed:
            if self._bus.taken:
                self._killed.fired(Fault.KILLED_IN_BATCH)
        except QueueDown:
            pass
        return None

    def _spoil(self, records: list[StreamRecord]) -> None:
        place = self._chance.below(len(records))
        good = records[place]
        record = cast("str", good.record)
        cut = self._chance.below(len(record))
        ways = (None, record[:cut], record[:cut] + "#" + record[cut + 1 :], record.replace('"amount":', '"amount":1'))
        bad = ways[self._chance.below(len(ways))]
        records[place] = StreamRecord(good.sequence_number, bad, good.digest, good.raw)
        self._spoilt.add(good.raw)

    def _excuse(self, shard: Shard) -> None:
        """A spoilt record that was set aside. One that was set aside although it was good has no excuse."""
        for raw in self._failure_queue.records:
            if raw in self._spoilt:
                self.excused.add(cast("Position", raw))
        self._failure_queue.records.clear()


def _stream_record(shard: Shard, place: int) -> StreamRecord:
    row, position, _ = shard.rows[place]
    return StreamRecord(str(place), row.record, row.digest, position)


def _no_pause(_duration_ms: int) -> None:
    """The clock of the world stands still while a consumer is at work."""


class AuditRow(NamedTuple):
    record: str
    digest: str
    event_id: str


_audit_row_of: Final[Callable[[tuple[str, str, str]], AuditRow]] = partial(tuple.__new__, AuditRow)


class Trail:
    """The audit table as ports.AuditTrail for entries, with the put, compare and budget of the real one.

    `kept` counts since it was last set.
    """

    def __init__(self, chance: Chance) -> None:
        self.rows: dict[Account, dict[int, AuditRow]] = {}
        self.differing = 0
        self.kept = 0
        self._put_spot = chance.spot(KEEP)
        self._get_spot = chance.spot(COMPARE)
        self._elapsed_ms = 0
        self._pace = Pace(lambda: self._elapsed_ms, self._sleep, lambda limit: limit // 2)

    def keep_entry(self, entry: Entry, event_id: str) -> Kept:
        row = _audit_row_of((record_of(entry), entry.hash, event_id))
        rows = self.rows.setdefault(entry.account, {})
        if retry_until_deadline(lambda: self._put(rows, entry.seq, row), self._pace, 5000):
            self.kept += 1
            return "kept"
        stored = retry_until_deadline(lambda: self._get(rows, entry.seq), self._pace, 5000)
        if stored == row:
            return "already_kept"
        self.differing += 1
        return "differs"

    def _sleep(self, duration_ms: int) -> None:
        self._elapsed_ms += duration_ms

    def _put(self, rows: dict[int, AuditRow], seq: int, row: AuditRow) -> bool | Busy | Unknown:
        fault = self._put_spot.draw()
        if (trouble := _before(fault)) is not None:
            return trouble
        is_new = rows.setdefault(seq, row) is row
        return _after(fault) or is_new

    def _get(self, rows: dict[int, AuditRow], seq: int) -> AuditRow | Busy | Unknown:
        fault = self._get_spot.draw()
        return _before(fault) or _after(fault) or rows[seq]


def _before(fault: Fault | None) -> Busy | Unknown | None:
    if fault is Fault.KILLED_BEFORE:
        raise Killed
    if fault is Fault.THROTTLED:
        return Busy(throttled=True)
    return Unknown() if fault is Fault.LOST_BEFORE else None


def _after(fault: Fault | None) -> Unknown | None:
    if fault is Fault.KILLED_AFTER:
        raise Killed
    return Unknown() if fault in {Fault.LOST_AFTER, Fault.CORRUPTED} else None


def audit_consumer(trail: Trail) -> Consumer:
    """The audit function."""
    rows = cast("AuditTrail", trail)

    def keep(delivery: Delivery) -> bool:
        if delivery.text is None:
            return Audited("", keep_event(delivery.envelope, rows)).is_failed
        return keep_audit([Message("", delivery.text)], rows)[0].is_failed

    def consume(batch: list[Delivery]) -> list[bool]:
        trail.kept = 0
        return [keep(delivery) for delivery in batch]

    return consume
