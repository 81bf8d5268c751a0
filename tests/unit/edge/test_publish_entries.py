from collections.abc import Iterable, Sequence

import pytest

from shared.ledger.entries import Entry
from shared.ledger.events import Event
from shared.ledger.operations import Charge, FundingUpdate
from shared.ledger.records import record_of
from shared.ports.ledger import Published
from shared.usecases.publish_entries import (
    ATTEMPTS,
    MAX_BYTES_PER_CALL,
    MAX_EVENTS_PER_CALL,
    Publication,
    StreamRecord,
    publish_entries,
)
from tests.builders import history


class ScriptedBus:
    """Refuses these seqs, each so many times."""

    def __init__(self, refusals: dict[int, int] | None = None) -> None:
        self.calls: list[list[int]] = []
        self._refusals = dict(refusals or {})

    def publish(self, events: Sequence[Event]) -> Published:
        seqs = [event.detail["seq"] for event in events]
        self.calls.append(seqs)
        return Published(tuple(index for index, seq in enumerate(seqs) if self._refuses(seq)))

    def _refuses(self, seq: int) -> bool:
        left = self._refusals.get(seq, 0)
        self._refusals[seq] = left - 1
        return left > 0


class ListQueue:
    def __init__(self) -> None:
        self.sent: list[tuple[object, str]] = []

    def send(self, record: object, why: str) -> None:
        self.sent.append((record, why))


class BrokenQueue:
    def send(self, record: object, why: str) -> None:
        raise ConnectionError("the queue is away")


def entries(count: int) -> list[Entry]:
    return history(FundingUpdate(0, 1_000_000), *(Charge(1) for _ in range(count - 1)))[1]


def stream(recorded: Iterable[Entry]) -> list[StreamRecord]:
    return [StreamRecord(f"n{entry.seq}", record_of(entry), entry.hash, {"seq": entry.seq}) for entry in recorded]


def poisoned(record: StreamRecord, text: str | None = "{}", digest: str | None = "0" * 64) -> StreamRecord:
    return StreamRecord(record.sequence_number, text, digest, record.raw)


def publish(
    records: Sequence[StreamRecord], bus: ScriptedBus, queue: ListQueue | BrokenQueue, *, size: int = 1000
) -> tuple[Publication, list[int]]:
    pauses: list[int] = []
    done = publish_entries(records, bus, queue, size_bytes=lambda _: size, pause=pauses.append)
    return done, pauses


def test_entries_are_published_in_the_order_of_the_stream_ten_at_a_time() -> None:
    bus = ScriptedBus()
    done, pauses = publish(stream(entries(23)), bus, ListQueue())
    assert bus.calls == [list(range(1, 11)), list(range(11, 21)), [21, 22, 23]]
    assert (done, pauses) == (Publication(published=23, poisoned=0, failed=()), [])


def test_a_call_stays_within_what_the_bus_takes_in_bytes() -> None:
    bus = ScriptedBus()
    publish(stream(entries(7)), bus, ListQueue(), size=MAX_BYTES_PER_CALL // 3)
    assert bus.calls == [[1, 2, 3], [4, 5, 6], [7]]


@pytest.mark.parametrize("size", [1, MAX_BYTES_PER_CALL // MAX_EVENTS_PER_CALL, MAX_BYTES_PER_CALL])
def test_no_call_is_over_a_limit_and_no_entry_is_left_out(size: int) -> None:
    bus = ScriptedBus()
    publish(stream(entries(25)), bus, ListQueue(), size=size)
    assert all(len(call) <= MAX_EVENTS_PER_CALL and len(call) * size <= MAX_BYTES_PER_CALL for call in bus.calls)
    assert [seq for call in bus.calls for seq in call] == list(range(1, 26))


def test_an_event_larger_than_any_call_is_poison() -> None:
    bus, queue = ScriptedBus(), ListQueue()
    done, _ = publish(stream(entries(1)), bus, queue, size=MAX_BYTES_PER_CALL + 1)
    assert (done.poisoned, bus.calls) == (1, [])
    assert "the bus takes 262144" in queue.sent[0][1]


def test_only_what_was_not_taken_is_sent_again_after_a_pause() -> None:
    bus = ScriptedBus({2: 1, 4: 2})
    done, pauses = publish(stream(entries(5)), bus, ListQueue())
    assert bus.calls == [[1, 2, 3, 4, 5], [2, 4], [4]]
    assert (done.failed, pauses) == ((), [50, 100])


def test_what_is_never_taken_is_reported_and_the_rest_is_published() -> None:
    bus = ScriptedBus({3: 99, 14: 99})
    done, _ = publish(stream(entries(15)), bus, ListQueue())
    assert done == Publication(published=13, poisoned=0, failed=("n3", "n14"))
    assert sum(3 in call for call in bus.calls) == ATTEMPTS


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (None, "0" * 64),
        ("{}", None),
        ("{}", "0" * 64),
        ("nonsense", "0" * 64),
        ("[]", "0" * 64),
        ('"text"', "0" * 64),
        ("null", "0" * 64),
        ('{"schema": 2}', "0" * 64),
    ],
)
def test_a_record_that_is_no_entry_goes_to_the_failure_queue(text: str | None, digest: str | None) -> None:
    records = stream(entries(3))
    records[1] = poisoned(records[1], text, digest)
    bus, queue = ScriptedBus(), ListQueue()
    done, _ = publish(records, bus, queue)
    assert bus.calls == [[1, 3]]
    assert [record for record, _ in queue.sent] == [{"seq": 2}]
    assert done == Publication(published=2, poisoned=1, failed=())


def test_a_record_that_was_altered_is_not_published() -> None:
    records = stream(entries(2))
    text = records[1].record
    assert text is not None
    records[1] = poisoned(records[1], text.replace('"amount":-1,', '"amount":-2,'), records[1].digest)
    bus, queue = ScriptedBus(), ListQueue()
    publish(records, bus, queue)
    assert bus.calls == [[1]]
    assert queue.sent[0][1] == "the record is not what its hash covers"


def test_a_kind_without_an_event_is_poison() -> None:
    records = stream(entries(1))
    text = records[0].record
    assert text is not None
    records[0] = poisoned(records[0], text.replace('"funding_update"', '"hold"'))
    assert publish(records, ScriptedBus(), ListQueue())[0].poisoned == 1


def test_poison_behind_a_failure_waits_until_it_comes_again() -> None:
    records = stream(entries(3))
    records[0], records[2] = poisoned(records[0]), poisoned(records[2])
    queue = ListQueue()
    done, _ = publish(records, ScriptedBus({2: 99}), queue)
    assert [record for record, _ in queue.sent] == [{"seq": 1}]
    assert done.failed == ("n2",)


def test_a_failure_queue_that_is_away_fails_the_batch_after_the_others_were_published() -> None:
    records = stream(entries(3))
    records[0] = poisoned(records[0])
    bus = ScriptedBus()
    with pytest.raises(ConnectionError):
        publish(records, bus, BrokenQueue())
    assert bus.calls == [[2, 3]]


def test_an_outage_is_a_bus_that_took_nothing() -> None:
    down, _ = publish(stream(entries(2)), ScriptedBus({1: 99, 2: 99}), ListQueue())
    partly, _ = publish(stream(entries(2)), ScriptedBus({2: 99}), ListQueue())
    empty, _ = publish([], ScriptedBus(), ListQueue())
    assert (down.is_outage, partly.is_outage, empty.is_outage) == (True, False, False)
