"""Holds, refunds and batches, wherever the record is kept."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.ledger.entries import Entry
from shared.ledger.errors import IdempotencyKeyReused
from shared.ledger.holds import HeldPrice
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    ExtendHold,
    GrantCredits,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from shared.ledger.protocol import MAX_BATCH, Recorded
from shared.ports.ledger import EntryFilter, Ledger
from shared.verification.accounts import verify_account
from tests.builders import ALICE, NOW_MS, SECOND_MS, drawn, operation, remaining

TTL_MS = 60 * SECOND_MS
DUE_MS = NOW_MS + TTL_MS


def send(ledger: Ledger, key: str, terms: Terms, now_ms: int = NOW_MS) -> Entry:
    return ledger.record(operation(key, terms), now_ms).entry


def placed(ledger: Ledger, amount: int, key: str = "hold", now_ms: int = NOW_MS) -> str:
    entry = send(ledger, key, PlaceHold(amount, TTL_MS), now_ms)
    assert not entry.is_refused
    return f"h{entry.seq}"


def balances(ledger: Ledger) -> tuple[int, int, int]:
    """Available, held, spent; checked against all there is on record."""
    state = ledger.state(ALICE)
    assert state is not None
    entries = list(ledger.entries(ALICE, EntryFilter(1000)).items)[::-1]
    assert verify_account(ALICE, entries, state) == []
    assert sum(hold.remaining for hold in ledger.open_holds(ALICE)) == state.held
    return state.available, state.held, state.spent


def ending(entry: Entry) -> tuple[str, str | None]:
    return entry.outcome, entry.reason


def test_six_holds_of_a_thousand_on_five_thousand_five_are_placed(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(5000))
    outcomes = [send(ledger, f"h-{number}", PlaceHold(1000, TTL_MS)).outcome for number in range(6)]
    assert outcomes == ["applied"] * 5 + ["refused"]
    assert balances(ledger) == (0, 5000, 0)


def test_a_hold_takes_what_is_there_down_to_its_minimum(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(50))
    assert ending(send(ledger, "a", PlaceHold(100, TTL_MS, 51))) == ("refused", "insufficient_credits")
    entry = send(ledger, "b", PlaceHold(100, TTL_MS, 50))
    assert (entry.outcome, entry.amount, entry.shortfall) == ("partial", -50, 50)
    assert balances(ledger) == (0, 50, 0)


def test_a_capture_of_a_part_charges_it_and_returns_the_rest(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(15))
    hold = placed(ledger, 8)
    entry = send(ledger, "capture", CaptureHold(hold, 5))
    assert (entry.amount, drawn(entry)) == (-5, {"g1": 5})
    assert balances(ledger) == (10, 0, 5)


@pytest.mark.parametrize("ends", [CaptureHold("h2"), ReleaseHold("h2")], ids=lambda ends: ends.kind)
def test_a_hold_ends_once(ledger: Ledger, ends: Terms) -> None:
    send(ledger, "fund", GrantCredits(15))
    assert placed(ledger, 8) == "h2"
    assert send(ledger, "first", ends).outcome == "applied"
    told = "hold_captured" if ends.kind == "capture" else "hold_released"
    others: list[Terms] = [CaptureHold("h2"), ReleaseHold("h2"), ExtendHold("h2", TTL_MS)]
    for number, again in enumerate(others):
        assert ending(send(ledger, f"again-{number}", again)) == ("refused", told)


def test_a_capture_sent_again_is_answered_again(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(15))
    terms = CaptureHold(placed(ledger, 8))
    first = ledger.record(operation("capture", terms), NOW_MS)
    assert ledger.record(operation("capture", terms), DUE_MS) == Recorded(first.entry, replayed=True)
    assert balances(ledger) == (7, 0, 8)


def test_a_capture_above_the_hold_leaves_it_intact_unless_the_excess_is_charged(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(10))
    hold = placed(ledger, 8)
    assert ending(send(ledger, "a", CaptureHold(hold, 9))) == ("refused", "exceeds_hold")
    assert ending(send(ledger, "b", CaptureHold(hold, 11, "charge"))) == ("refused", "insufficient_credits")
    assert balances(ledger) == (2, 8, 0)
    assert send(ledger, "c", CaptureHold(hold, 9, "charge")).amount == -9
    assert balances(ledger) == (1, 0, 9)


def test_a_hold_that_was_never_placed_is_not_found(ledger: Ledger) -> None:
    assert ending(send(ledger, "a", ReleaseHold("h9"))) == ("refused", "hold_not_found")


def test_a_hold_is_over_at_its_instant_and_an_extension_moves_that(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(10))
    first, second = placed(ledger, 4, "a"), placed(ledger, 4, "b")
    send(ledger, "extend", ExtendHold(second, 2 * TTL_MS))
    assert ending(send(ledger, "late", CaptureHold(first), DUE_MS)) == ("refused", "hold_expired")
    assert send(ledger, "in time", CaptureHold(second), DUE_MS).outcome == "applied"


def test_expired_holds_never_block_a_payer_and_expire_once(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(10))
    placed(ledger, 4, "a")
    placed(ledger, 6, "b")
    assert ending(send(ledger, "early", Charge(10), DUE_MS - 1)) == ("refused", "insufficient_credits")
    assert ending(send(ledger, "due", Charge(10), DUE_MS)) == ("applied", None)
    assert balances(ledger) == (0, 0, 10)
    kinds = [entry.kind for entry in ledger.entries(ALICE, EntryFilter(100)).items]
    assert kinds.count("expire") == 2


def test_what_returns_goes_back_to_the_grants_that_paid_except_to_expired_ones(ledger: Ledger) -> None:
    send(ledger, "soon", GrantCredits(5, expires_at_ms=NOW_MS + SECOND_MS))
    send(ledger, "never", GrantCredits(5))
    hold = placed(ledger, 8)
    entry = send(ledger, "release", ReleaseHold(hold), NOW_MS + SECOND_MS)
    assert (entry.amount, drawn(entry)) == (3, {"g2": 3})
    state = ledger.state(ALICE)
    assert state is not None
    assert (remaining(state), state.expired) == ({"g2": 5}, 5)
    assert balances(ledger) == (5, 0, 0)


def test_refunds_never_exceed_the_charge(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(100))
    send(ledger, "charge", Charge(30))
    assert send(ledger, "a", Refund("charge", 10)).amount == 10
    assert ending(send(ledger, "b", Refund("charge", 50))) == ("refused", "exceeds_charge")
    assert send(ledger, "c", Refund("charge")).amount == 20
    assert ending(send(ledger, "d", Refund("charge", 1))) == ("refused", "exceeds_charge")
    assert ending(send(ledger, "e", Refund("charge"))) == ("refused", "exceeds_charge")
    assert balances(ledger) == (100, 0, 0)


@pytest.mark.parametrize("named", ["nothing", "fund", "refused"])
def test_only_a_charge_that_was_taken_can_be_refunded(ledger: Ledger, named: str) -> None:
    send(ledger, "fund", GrantCredits(10))
    send(ledger, "refused", Charge(11))
    assert ending(send(ledger, "refund", Refund(named))) == ("refused", "charge_not_found")


def test_a_capture_can_be_refunded(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(10))
    send(ledger, "capture", CaptureHold(placed(ledger, 8), 5))
    assert send(ledger, "refund", Refund("capture")).amount == 5
    assert balances(ledger) == (10, 0, 0)


def test_a_voided_grant_takes_back_what_is_left_of_it(ledger: Ledger) -> None:
    send(ledger, "a", GrantCredits(10, priority=1))
    send(ledger, "b", GrantCredits(10, priority=2))
    send(ledger, "c", Charge(4))
    assert send(ledger, "void", VoidGrant("g1")).amount == -6
    assert ending(send(ledger, "again", VoidGrant("g1"))) == ("refused", "grant_not_found")
    assert balances(ledger) == (10, 0, 4)


@pytest.mark.parametrize("ledger", ["memory", "dynamodb-local"], indirect=True)
def test_of_captures_releases_and_expiries_at_once_one_wins(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(100))
    hold = placed(ledger, 40)
    terms: list[Terms] = [CaptureHold(hold), ReleaseHold(hold), CaptureHold(hold, 10), ReleaseHold(hold)]
    with ThreadPoolExecutor(len(terms)) as threads:
        entries = list(threads.map(lambda one: send(ledger, f"end-{terms.index(one)}-{id(one)}", one), terms))
    assert [entry.outcome for entry in entries].count("applied") == 1
    balances(ledger)


@pytest.mark.parametrize("ledger", ["memory", "dynamodb-local"], indirect=True)
def test_holds_that_are_placed_at_once_are_each_placed(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(100))
    with ThreadPoolExecutor(6) as threads:
        entries = list(threads.map(lambda number: send(ledger, f"h-{number}", PlaceHold(10, TTL_MS)), range(6)))
    assert [entry.outcome for entry in entries] == ["applied"] * 6
    assert balances(ledger) == (40, 60, 0)


def test_a_batch_records_each_charge_on_what_the_ones_before_it_left(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(25))
    answers = ledger.record_batch([operation(f"c{number}", Charge(10)) for number in range(4)], NOW_MS)
    entries = {key: answer.entry for key, answer in answers.items() if isinstance(answer, Recorded)}
    assert [(entry.outcome, entry.seq) for entry in entries.values()] == [
        ("applied", 2),
        ("applied", 3),
        ("refused", 4),
        ("refused", 5),
    ]
    assert balances(ledger) == (5, 0, 20)


def test_in_a_batch_replays_and_reused_keys_stand_apart_from_new_charges(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(100))
    send(ledger, "old", Charge(10))
    send(ledger, "reused", Charge(11))
    batch = [operation("old", Charge(10)), operation("reused", Charge(10)), operation("new", Charge(10))]
    answers = ledger.record_batch(batch, NOW_MS)
    old, new = answers["old"], answers["new"]
    assert isinstance(old, Recorded)
    assert isinstance(new, Recorded)
    assert (old.replayed, new.replayed, new.entry.seq) == (True, False, 4)
    assert isinstance(answers["reused"], IdempotencyKeyReused)
    assert balances(ledger) == (69, 0, 31)


def test_a_whole_batch_again_is_answered_again(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(1000))
    batch = [operation(f"c{number}", Charge(1)) for number in range(MAX_BATCH)]
    first, again = ledger.record_batch(batch, NOW_MS), ledger.record_batch(batch, NOW_MS)
    assert [answer.entry for answer in first.values() if isinstance(answer, Recorded)] == [
        answer.entry for answer in again.values() if isinstance(answer, Recorded)
    ]
    assert all(isinstance(answer, Recorded) and answer.replayed for answer in again.values())
    assert balances(ledger) == (1000 - MAX_BATCH, 0, MAX_BATCH)


def test_a_batch_that_falls_short_first_returns_expired_holds(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(10))
    placed(ledger, 8)
    answers = ledger.record_batch([operation("a", Charge(5)), operation("b", Charge(5))], DUE_MS)
    assert [answer.entry.outcome for answer in answers.values() if isinstance(answer, Recorded)] == ["applied"] * 2
    assert balances(ledger) == (0, 0, 10)


def test_a_hold_is_read_with_the_price_that_it_holds(ledger: Ledger) -> None:
    send(ledger, "fund", GrantCredits(100))
    usage = {"meter": "llm", "model": "m", "output_tokens": 5}
    entry = send(ledger, "hold", PlaceHold(10, TTL_MS, usage=usage, rate_card="llm/m@3"))
    held = ledger.hold(ALICE, f"h{entry.seq}")
    assert held is not None
    assert (held.amount, held.price) == (10, HeldPrice("llm/m@3", "m", NOW_MS))
    assert ledger.hold(ALICE, "h99") is None
