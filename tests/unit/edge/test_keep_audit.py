import dataclasses
import json
from collections.abc import Mapping
from threading import Barrier
from typing import Any

import pytest

from in_memory.audit import MemoryAuditTrail
from shared.edge.http import encoded
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerUnavailable
from shared.ledger.events import Event, entry_event
from shared.ledger.operations import Charge
from shared.ledger.records import hash_of
from shared.ports.ledger import Kept
from shared.usecases.keep_audit import Message, keep_audit, keep_message
from tests.builders import ALICE, history
from tests.golden import golden_events

GOLDEN = golden_events()


def envelope(event: Event, **changes: Any) -> dict[str, Any]:
    return {"source": "millicent", "detail-type": event.detail_type, "detail": dict(event.detail), **changes}


def result_of(content: Mapping[str, Any], trail: MemoryAuditTrail) -> str:
    return keep_message(encoded(content), trail)


def entry() -> Entry:
    return history(Charge(5, if_insufficient="overdraw"))[1][0]


@pytest.mark.parametrize("name", sorted(GOLDEN.keys() - {"low-balance", "digest"}))
def test_an_event_is_kept_once_however_often_it_comes(name: str) -> None:
    trail = MemoryAuditTrail()
    assert [result_of(envelope(GOLDEN[name]), trail) for _ in range(3)] == ["kept", "already_kept", "already_kept"]


def test_an_alert_makes_no_row_beside_that_of_its_entry() -> None:
    trail = MemoryAuditTrail()
    assert [result_of(envelope(GOLDEN[name]), trail) for name in ("low-balance", "record-cost-low-balance")] == [
        "already_kept",
        "kept",
    ]
    assert [entry.alerts for entry in trail.page(ALICE, 10, None).items] == [(900_000,)]


def test_an_entry_is_kept_word_for_word() -> None:
    trail = MemoryAuditTrail()
    result_of(envelope(entry_event(entry())), trail)
    assert trail.page(ALICE, 10, None).items == (entry(),)


def test_another_story_about_a_kept_row_differs_and_is_reported() -> None:
    trail = MemoryAuditTrail()
    other = dataclasses.replace(entry(), amount=-6)
    other = dataclasses.replace(other, hash=hash_of(other))
    result_of(envelope(entry_event(entry())), trail)
    [audited] = keep_audit([Message("m", encoded(envelope(entry_event(other))))], trail)
    assert (audited.message_id, audited.result, audited.is_failed) == ("m", "differs", True)
    assert trail.page(ALICE, 10, None).items == (entry(),)


class WaitingTrail(MemoryAuditTrail):
    """A put waits until `together` of them are there; the put of seq `broken` fails."""

    def __init__(self, together: int, broken: int = 0) -> None:
        super().__init__()
        self._barrier = Barrier(together, timeout=20)
        self._broken = broken
        self.tried: list[int] = []

    def keep_entry(self, entry: Entry, event_id: str) -> Kept:
        self._barrier.wait()
        self.tried.append(entry.seq)
        if entry.seq == self._broken:
            raise LedgerUnavailable("no answer")
        return super().keep_entry(entry, event_id)


def messages_of(*entries: Entry) -> list[Message]:
    return [Message(f"m{each.seq}", encoded(envelope(entry_event(each)))) for each in entries]


def test_the_puts_of_a_batch_are_side_by_side_and_each_is_reported_by_its_message() -> None:
    entries = history(*[Charge(5, if_insufficient="overdraw")] * 8)[1]
    audited = keep_audit(messages_of(*entries), WaitingTrail(8))
    assert [(each.message_id, each.result) for each in audited] == [(f"m{seq}", "kept") for seq in range(1, 9)]


def test_of_a_batch_with_the_same_event_twice_one_is_kept() -> None:
    results = [each.result for each in keep_audit(messages_of(entry(), entry()), WaitingTrail(2))]
    assert sorted(results) == ["already_kept", "kept"]


def test_a_put_that_fails_keeps_none_beside_it_from_being_made() -> None:
    entries = history(*[Charge(5, if_insufficient="overdraw")] * 4)[1]
    trail = WaitingTrail(4, broken=2)
    with pytest.raises(LedgerUnavailable):
        keep_audit(messages_of(*entries), trail)
    assert sorted(trail.tried) == [1, 2, 3, 4]
    assert [each.seq for each in trail.page(ALICE, 10, None).items] == [4, 3, 1]


def test_a_malformed_message_among_others_fails_alone() -> None:
    batch = [*messages_of(entry()), Message("bad", "{}")]
    assert [each.is_failed for each in keep_audit(batch, MemoryAuditTrail())] == [False, True]


def detail_of(event: Event, **changes: Any) -> dict[str, Any]:
    return envelope(event, detail={**event.detail, **changes})


CHARGE = GOLDEN["record-cost"]
CHECK = GOLDEN["check-available"]


@pytest.mark.parametrize(
    "content",
    [
        {},
        envelope(CHARGE, source="other"),
        envelope(CHARGE, detail="text"),
        envelope(CHARGE, **{"detail-type": None}),
        envelope(CHARGE, **{"detail-type": "credit.funding-update"}),
        envelope(CHARGE, **{"detail-type": "credit.check-available"}),
        envelope(CHECK, **{"detail-type": "credit.record-cost"}),
        detail_of(CHARGE, event_id="another"),
        detail_of(CHARGE, data={}),
        detail_of(CHARGE, data=None),
        detail_of(CHARGE, data={**CHARGE.detail["data"], "hash": "0" * 64}),
        detail_of(CHARGE, data={**CHARGE.detail["data"], "record": "{}"}),
        detail_of(CHARGE, data={**CHARGE.detail["data"], "record": 5}),
        detail_of(CHECK, data={}),
        detail_of(CHECK, tenant=None),
        detail_of(CHECK, occurred_at=5),
    ],
    ids=lambda content: str(content)[:60],
)
def test_what_is_no_event_of_the_ledger_is_reported_and_not_kept(content: dict[str, Any]) -> None:
    trail = MemoryAuditTrail()
    [audited] = keep_audit([Message("m", encoded(content))], trail)
    assert (audited.result, audited.is_failed) == ("malformed", True)
    assert (trail.page(ALICE, 10, None).items, trail.checks) == ((), {})


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "null", "[" * 100_000, '{"a": 1e99999999999999999999}'])
def test_a_body_that_is_no_json_is_reported(body: str) -> None:
    assert keep_message(body, MemoryAuditTrail()) == "malformed"


def test_one_bad_message_does_not_hold_up_the_others() -> None:
    trail = MemoryAuditTrail()
    good = encoded(envelope(CHARGE))
    audited = keep_audit([Message("a", good), Message("b", "junk"), Message("c", good)], trail)
    assert [(each.message_id, each.result) for each in audited] == [
        ("a", "kept"),
        ("b", "malformed"),
        ("c", "already_kept"),
    ]


def test_what_the_trail_raises_escapes() -> None:
    class BrokenTrail(MemoryAuditTrail):
        def keep_entry(self, entry: Entry, event_id: str) -> Any:
            raise ConnectionError("the table is away")

    with pytest.raises(ConnectionError):
        keep_audit([Message("m", json.dumps(json.loads(encoded(envelope(CHARGE)))))], BrokenTrail())
