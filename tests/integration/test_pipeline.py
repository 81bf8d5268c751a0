"""From the stream to the bus to the audit table."""

import dataclasses
import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest

from shared.ledger.accounts import Account
from shared.ledger.events import Event, entry_event
from shared.ledger.records import hash_of
from shared.ports.ledger import EntryFilter, Published
from tests.integration.world import FAILURE_QUEUE, World

ALICE = "user:alice"


class FlakyBus:
    """Does not take the events at these places of its first call; `is_down`: takes none at all."""

    def __init__(self, *, refuses: tuple[int, ...] = (), is_down: bool = False) -> None:
        self.calls: list[list[int]] = []
        self._refuses = refuses
        self._is_down = is_down

    def publish(self, events: Sequence[Event]) -> Published:
        self.calls.append([event.detail["seq"] for event in events])
        if self._is_down:
            return Published(tuple(range(len(events))))
        return Published(self._refuses if len(self.calls) == 1 else ())


@pytest.fixture
def charged(world: World) -> World:
    """Alice has a funding and two charges on the ledger; nothing is published yet."""
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 100})
    world.cost({"actor": ALICE, "cost": 10})
    world.cost({"actor": ALICE, "cost": 1000})
    return world


def use_bus(world: World, monkeypatch: pytest.MonkeyPatch, bus: FlakyBus) -> None:
    runtime = dataclasses.replace(world.modules["outbox"].runtime, bus=bus, pause=lambda _: None)
    monkeypatch.setattr(world.modules["outbox"], "runtime", runtime)


def audited(world: World) -> list[int]:
    rows = world.get(f"/v1/accounts/{ALICE}/audit").body
    assert rows["verified"]
    return [item["seq"] for item in rows["items"]]


def test_every_entry_reaches_the_audit_table_refusals_too(charged: World) -> None:
    assert charged.invoke("outbox", charged.stream_event()) == {"batchItemFailures": []}
    assert charged.invoke("audit", charged.queue_event()) == {"batchItemFailures": []}
    assert audited(charged) == [3, 2, 1]


def test_the_bus_carries_the_entry_as_the_api_shows_it(charged: World) -> None:
    charged.invoke("outbox", charged.stream_event())
    shown = charged.get(f"/v1/accounts/{ALICE}/entries").body["items"]
    events = charged.bus_events()
    published = {event["detail"]["seq"]: event["detail"]["data"] for event in events}
    assert [event["detail-type"] for event in events] == [
        "credit.funding-update", "credit.record-cost", "credit.record-cost",
    ]  # fmt: skip
    assert [{**published[item["seq"]], "record": None} for item in shown] == [
        {**item, "record": None} for item in shown
    ]


def test_a_stream_that_is_read_twice_keeps_each_row_once(charged: World) -> None:
    charged.settle()
    rows = charged.contents()
    charged.settle()
    assert charged.contents() == rows


def test_messages_in_any_order_make_the_same_table(charged: World) -> None:
    charged.invoke("outbox", charged.stream_event())
    event = charged.queue_event()
    charged.invoke("audit", {"Records": event["Records"][::-1]})
    assert audited(charged) == [3, 2, 1]


def test_only_what_the_bus_did_not_take_is_sent_again(charged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = FlakyBus(refuses=(1,))
    use_bus(charged, monkeypatch, bus)
    assert charged.invoke("outbox", charged.stream_event()) == {"batchItemFailures": []}
    assert bus.calls == [[1, 2, 3], [2]]


def test_a_bus_that_takes_nothing_fails_the_whole_batch(charged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    use_bus(charged, monkeypatch, FlakyBus(is_down=True))
    with pytest.raises(charged.modules["outbox"].BusUnavailable):
        charged.invoke("outbox", charged.stream_event())


def test_a_poison_record_goes_to_the_failure_queue_and_holds_up_nothing(charged: World) -> None:
    event = charged.stream_event()
    poison = next(each for each in event["Records"] if each["dynamodb"]["NewImage"].get("entry_seq") == {"N": "2"})
    poison["dynamodb"]["NewImage"]["record"] = {"S": "{}"}
    assert charged.invoke("outbox", event) == {"batchItemFailures": []}
    assert [each["detail"]["seq"] for each in charged.bus_events()] == [1, 3]
    [message] = charged.queue_event(FAILURE_QUEUE)["Records"]
    content = json.loads(message["body"])
    assert json.loads(content["record"]) == poison
    assert "KeyError" in content["why"]


def test_states_changes_and_deletions_are_not_published(charged: World) -> None:
    event = charged.stream_event()
    for record in event["Records"]:
        name = {"1": "MODIFY", "2": "REMOVE"}.get(record["dynamodb"]["NewImage"].get("entry_seq", {}).get("N"))
        record["eventName"] = name or "INSERT"
    charged.invoke("outbox", event)
    assert [each["detail"]["seq"] for each in charged.bus_events()] == [3]


def test_a_row_that_differs_is_loud_and_never_overwritten(
    charged: World, log: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    charged.settle()
    table = charged.contents()["audit"]
    forged = forged_message(charged, seq=2)
    answer = charged.invoke("audit", {"Records": [forged]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": forged["messageId"]}]}
    assert '"AuditRowsDiffering":[1.0]' in capsys.readouterr().out
    assert '"level":"ERROR"' in log.getvalue()
    assert charged.contents()["audit"] == table


def forged_message(world: World, seq: int) -> dict[str, Any]:
    """An event of this seq that is whole in itself but not what the ledger recorded."""
    ledger = world.modules["history"].runtime.ledger
    entries = ledger.entries(Account("main", ALICE), EntryFilter(limit=100)).items
    entry = next(each for each in entries if each.seq == seq)
    other = dataclasses.replace(entry, amount=entry.amount + 1)
    other = dataclasses.replace(other, hash=hash_of(other))
    event = entry_event(other)
    body = {"source": "millicent", "detail-type": event.detail_type, "detail": event.detail}
    return {"messageId": "forged", "body": json.dumps(body, default=float)}


def test_a_message_that_is_no_event_is_reported_and_the_others_are_kept(charged: World) -> None:
    charged.invoke("outbox", charged.stream_event())
    records = charged.queue_event()["Records"]
    answer = charged.invoke("audit", {"Records": [{"messageId": "junk", "body": "junk"}, *records]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "junk"}]}
    assert audited(charged) == [3, 2, 1]
