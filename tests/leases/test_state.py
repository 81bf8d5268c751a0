"""The state of a budget, in virtual time, against a plain ledger."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from millicent import InsufficientCredits, LimitExceeded, ids
from millicent.errors import AccountBusy, AccountFrozen, ApiError
from millicent.leases.calls import ExtendHold, Failed, PlaceHold, ReleaseHold, SettleLines
from millicent.leases.lanes import LaneState
from tests.leases.desk import Desk
from tests.leases.plain_ledger import Fault, busy, lost_after, lost_before, unreachable


def of(kind: type, made: list[Any]) -> list[Any]:
    return [call for call in made if isinstance(call, kind)]


def stocked(**settings: Any) -> Desk:
    desk = Desk(**settings)
    desk.work()
    return desk


def test_a_slice_is_held_before_anything_is_spent() -> None:
    desk = Desk()
    assert not desk.spend(1)
    desk.work()
    assert desk.spend(1)
    assert desk.ledger.held == 1000
    assert desk.ledger.spent == 0


def test_what_was_spent_is_settled_out_of_the_hold_and_the_rest_returns() -> None:
    desk = stocked()
    desk.spend("137.5")
    desk.close()
    assert desk.ledger.spent == Decimal("137.5")
    assert desk.ledger.available == Decimal("9862.5")
    assert {hold.status for hold in desk.ledger.holds.values()} == {"released"}
    assert desk.state.is_settled


def test_the_slice_is_spent_to_the_microcent() -> None:
    desk = stocked(available=1000)
    assert desk.spend("999.999")
    assert desk.spend("0.001")
    with pytest.raises(InsufficientCredits):
        desk.spend_waiting("0.001")
    desk.close()
    assert desk.ledger.available == 0


def test_nothing_is_spent_of_a_slice_in_the_last_sixth_of_its_life() -> None:
    desk = stocked(ttl_s=60)
    desk.pass_s(49.9)
    assert desk.spend(1)
    desk.pass_s(0.1)
    assert not desk.spend(1)


def test_a_holds_life_counts_from_before_it_was_first_asked_for() -> None:
    desk = Desk(ttl_s=60)
    desk.ledger.faults.append(lost_after)
    desk.work()
    desk.pass_s(45)
    call = desk.lease.due("holds", desk.now_s)
    assert call is not None
    desk.lease.answered(call, desk.answer(call), desk.now_s)
    assert desk.state.left == 1_000_000
    desk.pass_s(4.9)
    assert desk.spend(1)
    desk.pass_s(0.2)
    assert not desk.spend(1)


def test_a_hold_whose_answer_came_too_late_is_released_unspent() -> None:
    desk = Desk(ttl_s=60)
    desk.ledger.faults.append(lost_after)
    desk.work()
    desk.pass_s(55)
    desk.state._last_spend_s = desk.now_s
    assert [call.hold for call in of(ReleaseHold, desk.work())] == ["h1"]
    assert desk.ledger.holds["h1"].status == "released"


def test_a_slice_is_extended_at_a_third_of_its_life() -> None:
    desk = stocked(ttl_s=60)
    desk.pass_s(19)
    desk.spend(1)
    assert not of(ExtendHold, desk.work())
    desk.pass_s(1)
    assert of(ExtendHold, desk.work())
    desk.pass_s(49)
    assert desk.spend(1)


def test_an_extension_counts_from_before_it_was_sent() -> None:
    desk = stocked(ttl_s=60)
    desk.pass_s(20)
    call = desk.lease.due("holds", desk.now_s)
    assert isinstance(call, ExtendHold)
    answer = desk.answer(call)
    desk.pass_s(25)
    desk.lease.answered(call, answer, desk.now_s)
    desk.pass_s(24.9)
    assert desk.spend(1)
    desk.pass_s(0.2)
    assert not desk.spend(1)


def test_an_extension_without_an_answer_extends_nothing_and_is_made_again() -> None:
    desk = stocked(ttl_s=60)
    desk.pass_s(20)
    desk.ledger.faults.append(lost_before)
    first = of(ExtendHold, desk.work())
    desk.pass_s(1)
    again = of(ExtendHold, desk.work())
    assert first[0].key != again[0].key


def test_a_process_that_slept_through_its_hold_spends_nothing_of_it() -> None:
    desk = stocked(ttl_s=60)
    desk.spend(100)
    desk.pass_s(3600)
    assert not desk.spend(1)
    desk.spend_waiting(1)
    assert desk.ledger.held == 1000


def test_spends_whose_hold_has_ended_are_charged_late_once_and_say_so() -> None:
    desk = stocked(ttl_s=60, available=1000)
    desk.spend(700)
    desk.pass_s(3600)
    desk.ledger.charge({"key": "another", "cost": "900"})
    desk.close()
    late = {key: line for key, line in desk.ledger.charges.items() if key != "another"}
    assert list(late) == ["lease-1.1.late"]
    assert late["lease-1.1.late"]["metadata"] == {"lease": "h1"}
    assert late["lease-1.1.late"]["if_insufficient"] == "overdraw"
    assert desk.ledger.available == -600
    assert (desk.state.counts.late, desk.state.counts.late_microcents) == (1, 700_000)


def test_a_late_charge_has_a_key_that_the_ledger_takes_and_the_same_each_time() -> None:
    keys: list[str] = []
    for _ in range(2):
        desk = stocked(ttl_s=60)
        desk.spend(700, key="k" * ids.LONGEST)
        desk.pass_s(3600)
        desk.close()
        keys += desk.ledger.charges
    assert keys[0] == keys[1]
    assert keys[0].endswith(".late")
    assert ids.is_id(keys[0])


def test_a_late_charge_that_was_lost_is_sent_again_under_its_key() -> None:
    desk = stocked(ttl_s=60)
    desk.spend(700)
    desk.pass_s(3600)
    desk.work(("holds",))
    call = desk.lease.due("lines", desk.now_s)
    assert isinstance(call, SettleLines)
    desk.lease.answered(call, desk.answer(call), desk.now_s)
    desk.ledger.faults.append(lost_after)
    desk.work()
    desk.pass_s(1)
    desk.close()
    assert desk.ledger.spent == 700


def test_a_flush_without_an_answer_is_sent_again_and_charged_once() -> None:
    desk = stocked()
    desk.spend(5)
    desk.pass_s(1)
    desk.ledger.faults.append(lost_after)
    desk.work()
    assert desk.state.unsettled_spends == 1
    desk.pass_s(1)
    desk.work()
    assert desk.state.unsettled_spends == 0
    assert desk.ledger.spent == 5


def test_after_a_failure_there_is_a_pause_which_grows() -> None:
    desk = stocked()
    desk.spend(5)
    pauses = []
    for _ in range(8):
        desk.ledger.faults.append(lost_before)
        desk.pass_s(5)
        desk.work(("lines",))
        pauses.append(desk.state._lanes["lines"].pause_until_s - desk.now_s)
    longest = [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len(set(pauses)) == 8


@pytest.mark.parametrize(("ttl_s", "pause_s"), [(900, 30.0), (120, 10.0)])
def test_a_pause_is_what_the_service_asks_for_unless_a_hold_would_end_in_it(ttl_s: int, pause_s: float) -> None:
    desk = stocked(ttl_s=ttl_s)
    desk.spend(5)
    desk.pass_s(1)
    for status in (429, 503):
        answer = httpx.Response(status, json={"status": status}, headers={"Retry-After": "30"})
        desk.ledger.faults.append(always(answer))
        desk.work(("lines",))
        assert desk.state._lanes["lines"].pause_until_s - desk.now_s == pytest.approx(pause_s)
        desk.pass_s(pause_s)


def test_budgets_that_were_sent_away_together_do_not_come_back_together() -> None:
    first, second = (LaneState.begun(900, prefix) for prefix in ("lease-1", "lease-2"))
    for lane in (first, second):
        lane.failed(RuntimeError(), 0.0)
    assert first.pause_until_s != second.pause_until_s


def test_a_batch_that_is_not_answered_in_time_is_sent_again_in_smaller_ones() -> None:
    desk = stocked(flush_at=100)
    for _ in range(100):
        desk.spend(1)
    sizes = []
    for fault in (lost_after, lost_before, lost_before, None, None):
        desk.pass_s(5)
        call = desk.lease.due("lines", desk.now_s)
        assert isinstance(call, SettleLines)
        desk.ledger.faults += [fault] if fault else []
        desk.lease.answered(call, desk.answer(call), desk.now_s)
        sizes.append(len(call.lines))
    assert sizes == [100, 50, 25, 12, 24]
    desk.close()
    assert desk.ledger.spent == 100


@pytest.mark.parametrize("fault", [busy, unreachable])
def test_a_batch_that_met_no_ledger_is_not_made_smaller(fault: Any) -> None:
    desk = stocked(flush_at=100)
    for _ in range(100):
        desk.spend(1)
    desk.ledger.faults.append(fault)
    desk.work(("lines",))
    desk.pass_s(5)
    assert [len(call.lines) for call in of(SettleLines, desk.work(("lines",)))] == [100]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_line_for_which_its_batch_is_refused_whole_is_found_and_the_others_are_recorded(status: int) -> None:
    desk = stocked(flush_at=100)
    heard = []
    desk.state.on_result = lambda key, result: heard.append((key, result))
    for number in range(100):
        desk.spend(1, key=f"k{number}")
    desk.ledger.whole["k37"] = (status, "not_as_it_is")
    desk.work(("lines",))
    assert desk.ledger.spent == 99
    assert [line.key for line, _ in desk.state.rejected] == ["k37"]
    (result,) = [result for key, result in heard if key == "k37"]
    assert (result.status, result.problem.code) == (status, "not_as_it_is")
    assert len(heard) == 100
    assert desk.state.last_failure is None
    desk.close()
    assert desk.state.is_settled


def test_a_gateways_refusal_of_a_whole_batch_is_no_answer_to_its_lines() -> None:
    desk = stocked()
    desk.spend(1, key="k")
    desk.ledger.whole["k"] = (400, None)
    desk.pass_s(1)
    desk.work()
    assert desk.state.rejected == []
    desk.ledger.whole.clear()
    desk.pass_s(1)
    desk.close()
    assert desk.ledger.spent == 1


def test_a_line_that_never_has_an_answer_keeps_no_other_from_the_record() -> None:
    desk = stocked(flush_at=10)
    for number in range(10):
        desk.spend(1, key=f"k{number}")
    desk.ledger.whole["k0"] = (500, "internal_error")
    for _ in range(20):
        desk.pass_s(5)
        desk.work(("lines",))
    assert desk.ledger.spent == 9
    assert list(desk.state._unsent) == ["k0"]


def test_lines_of_a_busy_account_wait_a_moment() -> None:
    desk = stocked()
    desk.spend(5)
    desk.pass_s(1)
    desk.ledger.faults.append(busy)
    assert len(of(SettleLines, desk.work())) == 1
    desk.pass_s(0.9)
    assert not of(SettleLines, desk.work())
    desk.pass_s(0.1)
    desk.work()
    assert desk.ledger.spent == 5


def test_lines_that_are_all_busy_are_sent_again_after_pauses_that_grow_and_say_why() -> None:
    desk = stocked(flush_at=2)
    pauses = []
    for key in ("a", "b"):
        desk.spend(5, key=key)
        desk.ledger.answers[key] = (429, {"status": 429, "code": "account_busy"})
    for _ in range(6):
        assert len(desk.work(("lines",))) == 1
        pauses.append(desk.state._lanes["lines"].pause_until_s - desk.now_s)
        assert isinstance(desk.state.last_failure, AccountBusy)
        desk.pass_s(5)
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, [0.25, 0.5, 1, 2, 4, 5], strict=True))
    del desk.ledger.answers["a"]
    desk.work(("lines",))
    assert desk.state._lanes["lines"].pause_until_s - desk.now_s <= 0.25
    del desk.ledger.answers["b"]
    desk.pass_s(1)
    desk.work()
    assert desk.state.last_failure is None
    assert desk.ledger.spent == 10


def test_a_batch_goes_out_by_number_or_by_age() -> None:
    desk = stocked(flush_at=3, flush_every_s=2.0)
    desk.spend(1)
    desk.spend(1)
    assert not of(SettleLines, desk.work())
    desk.spend(1)
    assert [len(call.lines) for call in of(SettleLines, desk.work())] == [3]
    desk.spend(1)
    desk.pass_s(1.9)
    assert not of(SettleLines, desk.work())
    desk.pass_s(0.1)
    assert of(SettleLines, desk.work())


def test_without_a_journal_no_more_than_a_slice_is_ever_unsettled() -> None:
    desk = stocked(slice_=1000, flush_every_s=1000, low_water=0.5)
    desk.spend(600)
    desk.work(("holds",))
    assert desk.ledger.held == 2000
    assert desk.spend(400)
    assert not desk.spend(1)
    desk.work(("lines",))
    assert desk.spend(1)


def test_those_who_wait_for_a_flush_are_served_in_the_order_in_which_they_came() -> None:
    desk = stocked(slice_=1000, flush_every_s=1000, low_water=0.9)
    desk.spend(900)
    desk.work(("holds",))
    for ticket, amount in (("first", 800), ("second", 300), ("third", 50)):
        assert not desk.spend(amount, ticket=ticket)
        desk.lease.wait(ticket, amount * 1000, desk.now_s)
    assert not desk.spend(1)
    desk.work(("lines",))
    assert not desk.spend(1)
    assert not desk.spend(50, ticket="third")
    assert desk.spend(800, ticket="first")
    del desk.state.wanted["first"]
    desk.work(("holds",))
    assert not desk.spend(50, ticket="third")
    desk.work(("lines",))
    assert desk.spend(300, ticket="second")
    del desk.state.wanted["second"]
    assert desk.spend(50, ticket="third")
    del desk.state.wanted["third"]
    assert desk.spend(1)


def test_a_reservation_waits_behind_those_who_came_before() -> None:
    desk = stocked(slice_=1000, flush_every_s=1000)
    desk.spend(900)
    desk.lease.wait("first", 100_000, desk.now_s)
    assert desk.lease.reserve(50_000, desk.now_s) is None
    assert desk.spend(100, ticket="first")


def test_where_there_is_room_for_all_a_newcomer_does_not_wait_for_who_came_before() -> None:
    desk = stocked()
    desk.lease.wait("first", 100_000, desk.now_s)
    assert desk.spend(1)
    assert desk.spend(100, ticket="first")


def test_who_waits_for_a_slice_keeps_nobody_from_the_one_that_is_there() -> None:
    desk = stocked()
    assert not desk.spend(3500, ticket="first")
    desk.lease.wait("first", 3_500_000, desk.now_s)
    assert desk.spend(1)
    desk.work()
    assert not desk.spend(1)
    assert desk.spend(3500, ticket="first")


def test_a_spend_that_its_reservation_covers_waits_in_its_place_and_for_no_hold() -> None:
    desk = stocked(slice_=1000, flush_every_s=1000, low_water=0.9)
    reserved = desk.lease.reserve(700_000, desk.now_s)
    desk.work(("holds",))
    desk.spend(590)
    desk.spend(20)
    assert not desk.spend(705, reserved, ticket="first")
    desk.lease.wait("first", 705_000, desk.now_s, reserved)
    assert desk.state.wanted == {"first": 5000}
    desk.state._is_prefetch_refused = True
    assert not of(PlaceHold, desk.work(("holds",)))
    assert not desk.spend(5)
    desk.work(("lines",))
    assert not desk.spend(5)
    assert desk.spend(705, reserved, ticket="first")


def test_a_new_slice_is_fetched_below_the_low_water_mark() -> None:
    desk = stocked(low_water=0.3)
    desk.spend(700)
    assert not of(PlaceHold, desk.work())
    desk.spend(1)
    assert of(PlaceHold, desk.work())


def test_a_spend_larger_than_a_slice_takes_a_hold_of_its_own_size() -> None:
    desk = stocked(available=5000)
    desk.spend_waiting(3500)
    assert [hold.amount for hold in desk.ledger.holds.values()] == [1000, 3500]


def test_near_the_end_of_the_account_slices_get_smaller() -> None:
    desk = stocked(available=1300)
    desk.spend(900)
    desk.work()
    assert desk.ledger.holds["h2"].amount == 300
    assert desk.ledger.available == 0


def test_what_is_left_in_two_slices_is_put_together_for_a_spend_that_fits_into_neither() -> None:
    desk = stocked(available=1300)
    desk.spend(800)
    desk.work()
    assert desk.state.left == 500_000
    desk.spend_waiting(450)
    desk.close()
    assert desk.ledger.spent == 1250
    assert desk.ledger.available == 50


def test_a_refusal_has_the_figures_of_the_api_with_what_is_left_of_the_slice() -> None:
    desk = stocked(available=1300)
    desk.spend(800)
    desk.work()
    with pytest.raises(InsufficientCredits) as refused:
        desk.spend_waiting(501)
    error = refused.value
    assert [error.required, error.available, error.largest_affordable, error.shortfall] == [501, 500, 500, 1]
    desk.spend_waiting(500)


def test_the_ledger_is_asked_once_for_refusals_in_a_row() -> None:
    desk = stocked(available=500)
    with pytest.raises(InsufficientCredits):
        desk.spend_waiting(501)
    asked = len(desk.ledger.seen)
    for _ in range(5):
        with pytest.raises(InsufficientCredits):
            desk.spend(600)
    desk.work()
    assert len(desk.ledger.seen) == asked


def test_credits_that_arrive_are_noticed_within_a_second() -> None:
    desk = stocked(available=500)
    with pytest.raises(InsufficientCredits):
        desk.spend_waiting(501)
    desk.ledger.available += 10_000
    desk.pass_s(1)
    desk.spend_waiting(501)


def test_each_refused_prefetch_is_the_last_until_somebody_waits() -> None:
    desk = stocked(available=1000)
    desk.spend(900)
    for _ in range(50):
        desk.pass_s(1)
        desk.state._last_spend_s = desk.now_s
        desk.work()
    assert len(of(PlaceHold, desk.made)) == 2


def test_a_frozen_account_refuses_as_the_api_does() -> None:
    frozen = {"status": 409, "code": "account_frozen", "detail": "frozen"}
    desk = Desk()
    desk.ledger.faults.append(lambda _, __: problem(frozen))
    with pytest.raises(AccountFrozen):
        desk.spend_waiting(1)


def test_a_limit_that_refuses_is_named() -> None:
    limit = {"amount": 100, "used": 90, "window": "day"}
    figures = {"required": 10, "available": 500, "held": 0, "shortfall": 0, "largest_affordable": 5, "limit": limit}
    desk = Desk()
    for _ in range(2):
        desk.ledger.faults.append(lambda _, __: problem({"status": 402, "code": "limit_exceeded", **figures}))
    with pytest.raises(LimitExceeded) as refused:
        desk.spend_waiting(20)
    assert refused.value.limit is not None
    assert refused.value.largest_affordable == 5


def always(answer: httpx.Response) -> Fault:
    return lambda _, __: answer


def problem(document: dict[str, Any]) -> Any:
    return httpx.Response(int(document["status"]), json=document)


def test_an_idle_slice_returns_and_the_next_spend_fetches_one() -> None:
    desk = stocked(idle_release_s=60)
    desk.spend(1)
    desk.pass_s(60)
    desk.work()
    assert desk.ledger.held == 0
    assert desk.state.is_settled
    desk.spend_waiting(1)


def test_a_reserved_part_is_spent_by_nobody_else_and_returns_to_the_slice() -> None:
    desk = stocked()
    reserved = desk.lease.reserve(400_000, desk.now_s)
    assert reserved is not None
    assert not desk.spend(601)
    assert desk.spend(150, reserved)
    desk.lease.end(reserved)
    desk.lease.end(reserved)
    assert desk.state.left == 850_000
    assert [each.reservations for each in desk.state.slices.values()] == [0]


def test_a_part_that_costs_more_than_was_reserved_takes_the_rest_of_the_slice() -> None:
    desk = stocked()
    reserved = desk.lease.reserve(400_000, desk.now_s)
    assert not desk.spend("1000.001", reserved)
    assert desk.spend(1000, reserved)
    assert desk.state.left == 0


def test_a_slice_with_a_reservation_is_neither_released_nor_let_go() -> None:
    desk = stocked(idle_release_s=60, ttl_s=900)
    reserved = desk.lease.reserve(0, desk.now_s)
    assert reserved is not None
    desk.pass_s(61)
    desk.state.retire_all()
    desk.work()
    assert desk.ledger.holds["h1"].status == "open"
    assert desk.spend(0, reserved)
    desk.lease.end(reserved)
    desk.close()
    assert desk.ledger.holds["h1"].status == "released"


def test_a_reservation_whose_hold_has_ended_spends_of_another_slice() -> None:
    desk = stocked(ttl_s=60)
    reserved = desk.lease.reserve(400_000, desk.now_s)
    desk.pass_s(3600)
    desk.work()
    assert not desk.spend(100, reserved)
    desk.spend_waiting(100)
    desk.close()
    assert desk.ledger.spent == 100
    assert desk.state.counts.late == 0


def test_sums_are_one_part_for_each_app_meter_and_model() -> None:
    desk = stocked(record="sum")
    for model in ("a", "b", "a"):
        desk.spend(1, meter="llm", metadata={"model": model, "request": "not kept"})
    desk.spend(2, app="chat")
    desk.close()
    told = [
        (line.get("meter"), line.get("app"), line["cost"], line["metadata"]) for line in desk.ledger.charges.values()
    ]
    assert told == [
        ("llm", None, "2.000", {"model": "a", "count": 2}),
        ("llm", None, "1.000", {"model": "b", "count": 1}),
        (None, "chat", "2.000", {"count": 1}),
    ]
    assert desk.state.counts.settled == 4


def test_a_sum_that_was_sent_grows_no_more() -> None:
    desk = stocked(record="sum")
    desk.spend(1)
    desk.pass_s(1)
    call = desk.lease.due("lines", desk.now_s)
    assert isinstance(call, SettleLines)
    desk.spend(1)
    assert [line.microcents for line in call.lines] == [1000]
    desk.lease.answered(call, Failed(RuntimeError()), desk.now_s)
    desk.close()
    desk.pass_s(1)
    desk.work()
    assert [line["cost"] for line in desk.ledger.charges.values()] == ["1.000", "1.000"]


def test_a_spend_under_a_key_of_the_callers_is_made_once() -> None:
    desk = stocked()
    desk.spend(5, key="order-1")
    desk.spend(5, key="order-1")
    assert desk.state.left == 995_000


def test_a_line_that_will_never_be_recorded_is_counted_and_stops_nothing() -> None:
    desk = stocked()
    desk.spend(5)
    desk.ledger.answers["lease-1.1"] = (422, {"status": 422, "code": "validation_failed"})
    desk.spend(6)
    desk.close()
    assert desk.state.counts.rejected == 1
    assert [line.key for line, _ in desk.state.rejected] == ["lease-1.1"]
    assert desk.state.is_settled


def test_a_line_that_met_a_defect_of_the_service_is_sent_again() -> None:
    desk = stocked()
    desk.spend(5)
    desk.ledger.answers["lease-1.1"] = (500, {"status": 500, "code": "internal_error"})
    desk.pass_s(1)
    assert len(of(SettleLines, desk.work())) == 1
    del desk.ledger.answers["lease-1.1"]
    desk.pass_s(1)
    desk.work()
    assert desk.ledger.spent == 5


def test_a_token_that_was_refused_loses_no_spend() -> None:
    desk = stocked()
    desk.spend(5)
    desk.pass_s(1)
    desk.ledger.faults.append(lambda _, __: problem({"status": 401}))
    desk.work()
    assert isinstance(desk.state.last_error, ApiError)
    desk.pass_s(1)
    desk.work()
    assert desk.ledger.spent == 5


def test_a_refusal_that_did_not_ask_the_ledger_does_not_end_a_hold_in_doubt() -> None:
    desk = Desk()
    desk.ledger.faults += [lost_after, lambda _, __: problem({"status": 403})]
    desk.work()
    desk.pass_s(1)
    desk.work()
    desk.pass_s(10)
    desk.close()
    assert {hold.status for hold in desk.ledger.holds.values()} == {"released"}


def test_a_request_that_is_invalid_when_it_is_repeated_never_was_a_hold() -> None:
    desk = Desk()
    desk.ledger.faults += [lost_before, lambda _, __: problem({"status": 422, "code": "validation_failed"})]
    desk.work()
    desk.pass_s(1)
    desk.work()
    desk.close()
    assert desk.state.is_settled


def test_a_spend_of_nothing_needs_a_hold_of_something() -> None:
    desk = stocked(idle_release_s=60)
    desk.pass_s(60)
    desk.work()
    desk.spend_waiting(0)
    assert desk.ledger.seen[-1][1]["minimum_amount"] == "0.001"
    desk.close()
    assert len(desk.ledger.charges) == 1
