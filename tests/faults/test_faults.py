"""What becomes of operations when DynamoDB, or the way to it, fails."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pynamodb.exceptions import PynamoDBException

from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry
from shared.ledger.errors import AccountBusy, LedgerError, LedgerThrottled, LedgerUnavailable
from shared.ledger.operations import Charge, GrantCredits
from shared.ledger.protocol import Recorded
from shared.ports.ledger import EntryFilter
from shared.verification.accounts import verify_account
from tests.builders import ALICE, NOW_MS, operation, outcomes
from tests.database import record_patiently
from tests.faults.conftest import Scene

READ, WRITE = "GetItem", "TransactWriteItems"

Fault = dict[str, Any]

LOSE_THE_ANSWER: Fault = {"response": {"abort_bytes": 0}}
CUT_THE_ANSWER_SHORT: Fault = {"response": {"truncate_bytes": 1}}
GARBLE_THE_ANSWER: Fault = {"response": {"corrupt_bytes": 16}}
RESET: Fault = {"reset": True}
SERVER_ERROR: Fault = {"error": {"code": "InternalServerError", "status": 500}}
THROTTLE: Fault = {"error": {"code": "ProvisionedThroughputExceededException"}}
CONFLICT: Fault = {"error": {"code": "TransactionConflictException"}}
CANCEL_FOR_A_CONFLICT: Fault = {
    "error": {
        "code": "TransactionCanceledException",
        "fields": {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]},
    }
}
CANCEL_FOR_A_THROTTLE: Fault = {
    "error": {
        "code": "TransactionCanceledException",
        "fields": {"CancellationReasons": [{"Code": "None"}, {"Code": "ThrottlingError"}]},
    }
}
WRITES_AND_THEN_FAILS = {"lost": LOSE_THE_ANSWER, "cut short": CUT_THE_ANSWER_SHORT, "garbled": GARBLE_THE_ANSWER}
WRITES_NOTHING = {
    "reset": RESET,
    "server error": SERVER_ERROR,
    "throttle": THROTTLE,
    "conflict": CONFLICT,
    "canceled for a conflict": CANCEL_FOR_A_CONFLICT,
    "canceled for a throttle": CANCEL_FOR_A_THROTTLE,
}
READ_FAULTS = {**WRITES_AND_THEN_FAILS, "reset": RESET, "server error": SERVER_ERROR, "throttle": THROTTLE}


def on(operation_name: str, fault: Fault, **when: object) -> Fault:
    return {"operation": operation_name, **fault, **when}


def fund(scene: Scene, amount: int = 100) -> None:
    scene.truth.record(operation("funding", GrantCredits(amount)), NOW_MS)


def history_of(scene: Scene) -> tuple[AccountState, list[Entry]]:
    """State and entries as they truly are, verified."""
    stored = scene.truth.state(ALICE)
    entries = list(scene.truth.entries(ALICE, EntryFilter(1000)).items)[::-1]
    assert stored is not None
    assert verify_account(ALICE, entries, stored) == []
    return stored, entries


@pytest.mark.parametrize("fault", WRITES_AND_THEN_FAILS.values(), ids=WRITES_AND_THEN_FAILS)
def test_a_charge_whose_answer_was_lost_is_applied_once_and_answered(scene: Scene, fault: Fault) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, fault, times=1))
    recorded = scene.ledger.record(operation("k", Charge(30)), NOW_MS)
    stored, entries = history_of(scene)
    assert len(scene.proxy.struck()) == 1
    assert recorded == Recorded(entries[-1], replayed=False)
    assert (stored.available, outcomes(entries)) == (70, [("grant", "applied"), ("charge", "applied")])


def test_the_loss_of_answer_after_answer_charges_once(scene: Scene) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, LOSE_THE_ANSWER, times=4))
    recorded = scene.ledger.record(operation("k", Charge(30)), NOW_MS)
    stored, entries = history_of(scene)
    assert len(scene.proxy.struck()) == 4
    assert recorded == Recorded(entries[-1], replayed=False)
    assert (stored.available, len(entries)) == (70, 2)


def test_a_charge_whose_answers_were_all_lost_is_found_by_the_same_key_later(scene: Scene) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, LOSE_THE_ANSWER))
    with pytest.raises(LedgerUnavailable):
        scene.hasty.record(operation("k", Charge(30)), NOW_MS)
    scene.proxy.fail()
    again = scene.hasty.record(operation("k", Charge(30), request="another"), NOW_MS)
    stored, entries = history_of(scene)
    assert again == Recorded(entries[-1], replayed=True)
    assert (stored.available, len(entries)) == (70, 2)


def test_a_refusal_whose_answer_was_lost_stays_a_refusal_although_credits_have_come(scene: Scene) -> None:
    scene.proxy.fail(on(WRITE, LOSE_THE_ANSWER))
    with pytest.raises(LedgerUnavailable):
        scene.hasty.record(operation("k", Charge(30)), NOW_MS)
    scene.proxy.fail()
    fund(scene)
    again = scene.hasty.record(operation("k", Charge(30)), NOW_MS)
    assert (again.entry.outcome, again.replayed) == ("refused", True)
    assert history_of(scene)[0].available == 100


def test_a_lost_answer_is_told_apart_from_a_charge_that_came_in_between(scene: Scene) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, LOSE_THE_ANSWER, times=1))
    with ThreadPoolExecutor(2) as threads:
        mine = threads.submit(scene.ledger.record, operation("mine", Charge(30)), NOW_MS)
        others = threads.submit(scene.truth.record, operation("others", Charge(5)), NOW_MS)
    stored, entries = history_of(scene)
    assert {mine.result().entry.key, others.result().entry.key} == {entry.key for entry in entries[1:]}
    assert (mine.result().replayed, stored.available) == (False, 65)


@pytest.mark.parametrize("fault", WRITES_NOTHING.values(), ids=WRITES_NOTHING)
def test_a_write_that_was_turned_away_is_sent_again(scene: Scene, fault: Fault) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, fault, times=3))
    recorded = scene.ledger.record(operation("k", Charge(30)), NOW_MS)
    stored, entries = history_of(scene)
    assert len(scene.proxy.struck()) == 3
    assert recorded == Recorded(entries[-1], replayed=False)
    assert (stored.available, len(entries)) == (70, 2)


@pytest.mark.parametrize("fault", READ_FAULTS.values(), ids=READ_FAULTS)
def test_a_read_that_failed_is_asked_again_and_never_taken_for_an_empty_account(scene: Scene, fault: Fault) -> None:
    fund(scene)
    scene.proxy.fail(on(READ, fault, times=2))
    assert scene.ledger.state(ALICE) == scene.truth.state(ALICE)
    assert len(scene.proxy.struck()) == 2


@pytest.mark.parametrize("fault", READ_FAULTS.values(), ids=READ_FAULTS)
def test_a_look_up_that_failed_is_asked_again_and_never_taken_for_nothing_recorded(scene: Scene, fault: Fault) -> None:
    fund(scene)
    scene.proxy.fail(on(READ, fault, times=2))
    assert scene.ledger.entry(ALICE, "funding") == scene.truth.entry(ALICE, "funding")


@pytest.mark.parametrize("fault", [GARBLE_THE_ANSWER, RESET, THROTTLE], ids=["garbled", "reset", "throttle"])
def test_a_listing_that_failed_is_asked_again(scene: Scene, fault: Fault) -> None:
    fund(scene)
    scene.proxy.fail(on("Query", fault, times=2))
    assert scene.ledger.entries(ALICE, EntryFilter(10)) == scene.truth.entries(ALICE, EntryFilter(10))
    assert len(scene.proxy.struck()) == 2


def test_an_answer_that_comes_too_late_is_not_waited_for(scene: Scene) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, {"latency": 2500}, times=1), on(WRITE, {"latency": 1}))
    recorded = scene.ledger.record(operation("k", Charge(30)), NOW_MS)
    assert recorded.replayed is False
    assert len(scene.proxy.struck()) > 1
    assert history_of(scene)[0].available == 70


@pytest.mark.parametrize("fault", [THROTTLE, CANCEL_FOR_A_THROTTLE], ids=["throttle", "canceled for a throttle"])
def test_a_charge_throttled_past_its_deadline_says_so_and_wrote_nothing(scene: Scene, fault: Fault) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, fault))
    with pytest.raises(LedgerThrottled):
        scene.hasty.record(operation("k", Charge(30)), NOW_MS)
    assert len(history_of(scene)[1]) == 1


@pytest.mark.parametrize("fault", [CONFLICT, CANCEL_FOR_A_CONFLICT], ids=["conflict", "canceled for a conflict"])
def test_a_charge_that_others_kept_out_past_its_deadline_says_that_the_account_is_busy(
    scene: Scene, fault: Fault
) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, fault))
    with pytest.raises(AccountBusy):
        scene.hasty.record(operation("k", Charge(30)), NOW_MS)
    assert len(history_of(scene)[1]) == 1
    scene.proxy.fail()
    assert scene.hasty.record(operation("k", Charge(30)), NOW_MS).replayed is False


@pytest.mark.parametrize("fault", [RESET, SERVER_ERROR], ids=["reset", "server error"])
def test_a_charge_without_an_answer_past_its_deadline_says_so_and_can_be_sent_again(scene: Scene, fault: Fault) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, fault))
    with pytest.raises(LedgerUnavailable):
        scene.hasty.record(operation("k", Charge(30)), NOW_MS)
    assert len(history_of(scene)[1]) == 1
    scene.proxy.fail()
    assert scene.hasty.record(operation("k", Charge(30)), NOW_MS).replayed is False


def test_throttling_after_an_answer_was_lost_does_not_say_that_nothing_was_written(scene: Scene) -> None:
    fund(scene)
    scene.proxy.fail(on(WRITE, LOSE_THE_ANSWER, times=1), on(WRITE, THROTTLE))
    with pytest.raises(LedgerUnavailable):
        scene.hasty.record(operation("k", Charge(30)), NOW_MS)
    assert history_of(scene)[0].available == 70


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"])
def test_what_the_deployer_must_mend_is_not_retried(scene: Scene, code: str) -> None:
    scene.proxy.fail(on(WRITE, {"error": {"code": code, "status": 400}}))
    with pytest.raises(PynamoDBException):
        scene.ledger.record(operation("k", Charge(30)), NOW_MS)
    assert len(scene.proxy.struck()) == 1


def test_many_threads_on_a_failing_network_lose_nothing_and_charge_nothing_twice(scene: Scene) -> None:
    fund(scene, 40)
    scene.proxy.fail(
        *(on(WRITE, fault, probability=0.06) for fault in (*WRITES_AND_THEN_FAILS.values(), *WRITES_NOTHING.values())),
        *(on(READ, fault, probability=0.06) for fault in READ_FAULTS.values()),
    )
    operations = [operation(f"k-{number // 2}", Charge(1), request=f"request-{number}") for number in range(120)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda each: record_patiently(scene.ledger, each, NOW_MS), operations))
    stored, entries = history_of(scene)
    assert len(scene.proxy.struck()) > 10
    assert Counter(entry.outcome for entry in entries) == {"applied": 41, "refused": 20}
    assert {entry.key for entry in entries} == {"funding", *(each.key for each in operations)}
    assert all(answer.entry in entries for answer in answers)
    assert stored.available == 0


def test_an_operation_fails_in_no_way_but_those_of_the_ledger(scene: Scene) -> None:
    fund(scene)
    faults = [on(READ, fault) for fault in READ_FAULTS.values()]
    for fault in [*faults, *(on(WRITE, fault) for fault in WRITES_NOTHING.values())]:
        scene.proxy.fail(fault)
        with pytest.raises(LedgerError):
            scene.hasty.record(operation("k", Charge(30)), NOW_MS)
