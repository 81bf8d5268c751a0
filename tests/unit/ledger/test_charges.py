"""What a charge does, and how it is refused."""

from dataclasses import replace

import pytest

from shared.ledger.accounts import AccountState
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, Refund
from shared.ledger.reducer import apply
from shared.ledger.views import public_entry
from tests.builders import ALICE, NOW_MS, after, history, operation, outcomes


def test_a_charge_moves_credits_from_available_to_spent() -> None:
    state = after(FundingUpdate(0, 100), Charge(30))
    assert (state.available, state.spent, state.funded) == (70, 30, 100)


def test_a_charge_may_take_the_last_credit() -> None:
    assert after(FundingUpdate(0, 100), Charge(100)).available == 0


def test_a_charge_of_one_more_than_there_is_is_refused_and_says_what_is_missing() -> None:
    state, entries = history(FundingUpdate(0, 100), Charge(101))
    assert (entries[-1].outcome, entries[-1].reason, entries[-1].shortfall) == (
        "refused",
        "insufficient_credits",
        1,
    )
    assert (state.available, state.spent) == (100, 0)


def test_a_refusal_is_the_first_entry_of_an_account_that_did_not_exist() -> None:
    state, entries = history(Charge(5))
    assert outcomes(entries) == [("charge", "refused")]
    assert (state.seq, state.head_hash) == (1, entries[0].hash)


def test_a_charge_of_nothing_is_recorded() -> None:
    state, entries = history(Charge(0))
    assert outcomes(entries) == [("charge", "applied")]
    assert state.balances == AccountState(ALICE).balances


def test_an_overdraft_limit_lets_charges_go_below_zero_down_to_the_limit() -> None:
    funded, _ = history(GrantCredits(90))
    state = replace(funded, overdraft_limit=10)
    assert apply(state, operation("a", Charge(100)), NOW_MS).state.available == -10
    refused = apply(state, operation("b", Charge(101)), NOW_MS).entries[-1]
    assert (refused.outcome, refused.shortfall) == ("refused", 1)


def test_overdraw_always_records_the_whole_cost() -> None:
    state, entries = history(FundingUpdate(0, 10), Charge(25, "overdraw"))
    assert (entries[-1].amount, state.available, state.spent) == (-25, -15, 25)


def test_partial_takes_what_is_there_and_says_what_was_missing() -> None:
    state, entries = history(FundingUpdate(0, 10), Charge(25, "partial"))
    assert (entries[-1].outcome, entries[-1].amount, entries[-1].shortfall) == ("partial", -10, 15)
    assert state.available == 0


def test_five_partial_charges_of_ten_on_five_take_five_in_sum() -> None:
    state, entries = history(FundingUpdate(0, 5), *[Charge(10, "partial")] * 5)
    assert [entry.amount for entry in entries[1:]] == [-5, 0, 0, 0, 0]
    assert state.spent == 5


def test_partial_takes_nothing_from_an_account_that_owes() -> None:
    state, entries = history(Charge(10, "overdraw"), Charge(5, "partial"))
    assert (entries[-1].amount, state.available) == (0, -10)


def test_what_is_missing_to_an_account_that_owes_includes_the_debt() -> None:
    _, entries = history(Charge(10, "overdraw"), Charge(5))
    assert entries[-1].shortfall == 15


@pytest.mark.parametrize("if_insufficient", ["refuse", "overdraw", "partial"])
def test_with_enough_credits_every_mode_takes_the_cost(if_insufficient: str) -> None:
    _, entries = history(FundingUpdate(0, 10), Charge(10, if_insufficient))  # type: ignore[arg-type]
    assert (entries[-1].outcome, entries[-1].amount, entries[-1].shortfall) == ("applied", -10, 0)


def test_readers_see_which_check_came_before_a_charge_and_which_charge_a_refund_returns() -> None:
    _, entries = history(FundingUpdate(0, 100), Charge(30, check_id="check-1"), Charge(5), Refund("key-2", 10))
    shown = [public_entry(entry) for entry in entries]
    named = [{name: each[name] for name in ("charge", "check_id") if name in each} for each in shown]
    assert named == [{}, {"check_id": "check-1"}, {}, {"charge": "key-2"}]
