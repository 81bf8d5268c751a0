"""Events can be made again from the entry at any time, and are then the same."""

from typing import get_args

from shared.ledger.amounts import to_millicents
from shared.ledger.canonical import sha256_hex
from shared.ledger.events import check_event, entry_event
from shared.ledger.kinds import KINDS
from shared.ledger.operations import Charge, FundingUpdate, Kind
from tests.builders import ALICE, NOW_MS, history

_, ENTRIES = history(FundingUpdate(0, 5_000, note="opening"), Charge(1_500))


def test_every_kind_has_an_event() -> None:
    assert set(KINDS) == set(get_args(Kind))


def test_the_event_of_a_charge_shows_the_entry_in_millicents() -> None:
    event = entry_event(ENTRIES[1])
    assert event.detail_type == "credit.record-cost"
    data = event.detail["data"]
    assert (data["amount"], data["available_before"], data["available_after"]) == (
        to_millicents(-1_500),
        5,
        to_millicents(3_500),
    )


def test_the_event_carries_the_exact_text_that_the_hash_covers() -> None:
    data = entry_event(ENTRIES[1]).detail["data"]
    assert sha256_hex(data["record"]) == data["hash"] == ENTRIES[1].hash


def test_the_envelope_names_tenant_actor_seq_time_and_request() -> None:
    detail = entry_event(ENTRIES[1]).detail
    assert {name: detail[name] for name in detail if name not in ("data", "event_id")} == {
        "version": 1,
        "tenant": "main",
        "actor": "user:alice",
        "seq": 2,
        "occurred_at": "2025-11-23T12:13:20.000Z",
        "correlation_id": "request-of-key-2",
    }


def test_an_event_made_twice_has_the_same_id_and_another_entry_another() -> None:
    ids = [entry_event(entry).detail["event_id"] for entry in (ENTRIES[0], ENTRIES[0], ENTRIES[1])]
    assert ids[0] == ids[1] != ids[2]


def test_the_note_of_a_funding_is_shown_as_its_reason() -> None:
    assert entry_event(ENTRIES[0]).detail["data"]["reason"] == "opening"


def test_a_check_has_an_event_without_a_seq() -> None:
    detail = check_event(ALICE, "check-1", {"allowed": True}, NOW_MS, "request-1").detail
    assert (detail["seq"], detail["data"]) == (None, {"allowed": True})
