"""What usage is worth below a microcent does not vanish: it is carried."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.problems import refusal_of
from shared.ledger.accounts import AccountState
from shared.ledger.batches import Standing, first_group
from shared.ledger.context import References
from shared.ledger.entries import Entry
from shared.ledger.operations import CaptureHold, Charge, GrantCredits, IfInsufficient, PlaceHold, Refund, Terms
from shared.ledger.records import entry_from_record, record_of
from shared.ledger.reducer import NOTHING_NAMED, apply, replay
from shared.ledger.remainders import QUANTA_PER_MICROCENT, carry_text, settled
from shared.ledger.views import public_entry
from shared.verification.accounts import verify_account
from tests.builders import ALICE, NOW_MS, history, operation

HALF = QUANTA_PER_MICROCENT // 2
USED = {"bytes": 50, "meter": "egress"}
DAY_MS = 86_400_000

carries = st.integers(-HALF, HALF - 1)
remainders = st.integers(-HALF, HALF - 1)


def charge(cost: int, tenths: int, if_insufficient: IfInsufficient = "refuse") -> Charge:
    """Worth `cost` microcents and so many tenths of one."""
    remainder = tenths * QUANTA_PER_MICROCENT // 10
    return Charge(cost, if_insufficient, usage=USED, rate_card="egress@1", remainder=remainder or None)


def tenths(carry: int) -> float:
    return carry * 10 / QUANTA_PER_MICROCENT


def amounts(entries: list[Entry]) -> list[int]:
    return [-entry.amount for entry in entries if entry.kind == "charge"]


def test_half_a_microcent_at_a_time_comes_to_what_all_is_worth() -> None:
    # 50 bytes at 0.09 dollars a gigabyte are 0.45 microcents.
    each = Charge(0, usage=USED, rate_card="egress@1", remainder=45 * QUANTA_PER_MICROCENT // 100)
    state, entries = history(GrantCredits(1000), *[each] * 2000)
    assert (state.spent, state.carry) == (900, 0)
    assert amounts(entries)[:6] == [0, 1, 0, 1, 0, 1]


def test_the_first_operation_is_charged_what_it_is_worth_to_the_nearest() -> None:
    for cost, remainder, taken in ((3, 4, 3), (3, -5, 3), (4, -5, 4), (0, 4, 0)):
        assert amounts(history(GrantCredits(1000), charge(cost, remainder))[1]) == [taken]


def test_the_carry_is_from_half_a_microcent_below_to_less_than_half_above() -> None:
    assert settled(0, HALF - 1, 0) == (0, HALF - 1)
    assert settled(1, -HALF, 0) == (1, -HALF)
    assert settled(0, HALF - 1, 1) == (1, -HALF)
    assert settled(1, -HALF, -1) == (0, HALF - 1)


def test_what_is_worth_a_whole_number_takes_it_whatever_is_carried() -> None:
    state, entries = history(GrantCredits(1000), charge(0, 4), Charge(7), charge(7, 0), PlaceHold(7, DAY_MS))
    assert amounts(entries) == [0, 7, 7]
    assert tenths(state.carry) == 4
    assert [entry.carry is None for entry in entries] == [True, False, True, True, True]


def test_the_entry_says_what_was_carried_before_and_after() -> None:
    _, entries = history(GrantCredits(1000), charge(0, 4), charge(0, 3))
    shown = [public_entry(entry) for entry in entries[1:]]
    assert [(each["carry_before"], each["carry_after"]) for each in shown] == [
        ("0", "0.0004"),
        ("0.0004", "-0.0003"),
    ]
    assert [each["amount"] for each in shown] == [0, Decimal("-0.001")]
    assert "carry_before" not in public_entry(entries[0])


def test_a_refusal_leaves_the_carry_and_says_what_was_missing_with_it() -> None:
    state, entries = history(GrantCredits(3), charge(0, 4), charge(5, 2))
    assert (entries[-1].outcome, tenths(state.carry)) == ("refused", 4)
    # 5.2 and the 0.4 that are carried are 6 to the nearest.
    problem = refusal_of(entries[-1])
    assert [problem[name] * 1000 for name in ("required", "shortfall", "largest_affordable")] == [6, 3, 3]
    assert entries[-1].carry == {"before": state.carry, "after": state.carry}


def test_what_a_partial_charge_could_not_take_is_its_shortfall_and_not_carried() -> None:
    state, entries = history(GrantCredits(3), charge(0, 4), charge(5, 2, "partial"))
    assert (-entries[-1].amount, entries[-1].shortfall, tenths(state.carry)) == (3, 3, -4)


def test_a_charge_that_overdraws_carries_too() -> None:
    state, entries = history(charge(0, 4, "overdraw"), charge(0, 4, "overdraw"))
    assert (amounts(entries), state.available, tenths(state.carry)) == ([0, 1], -1, -2)


def test_a_batch_carries_from_one_charge_to_the_next() -> None:
    state, _ = history(GrantCredits(1000))
    batch = [operation(f"c-{number}", charge(0, 4)) for number in range(10)]
    change = first_group(Standing(ALICE, state, {each.key: NOTHING_NAMED for each in batch}), batch, NOW_MS)
    assert (change.state.spent, change.state.carry) == (4, 0)


def test_a_capture_carries_and_its_hold_covers_it() -> None:
    capture = CaptureHold("h3", 7, usage=USED, rate_card="egress@1", remainder=2 * QUANTA_PER_MICROCENT // 10)
    state, entries = _held([charge(0, 4), PlaceHold(8, DAY_MS)], capture)
    # 7.2 and 0.4 are 8: all of what was held for 7.2.
    assert (entries[-1].outcome, entries[-1].amount, tenths(state.carry)) == ("applied", -8, -4)


def test_a_refund_gives_back_what_was_taken_and_leaves_the_carry() -> None:
    state, entries = history(GrantCredits(1000), charge(0, 4), charge(0, 4))
    refund = operation("refund", Refund(entries[-1].key))
    change = apply(state, refund, NOW_MS, References(charge=entries[-1]))
    assert (change.entries[-1].amount, tenths(change.state.carry)) == (1, -2)


def _held(before: list[Terms], capture: CaptureHold) -> tuple[AccountState, list[Entry]]:
    state, entries = history(GrantCredits(1000), *before[:-1])
    placed = apply(state, operation("hold", before[-1]), NOW_MS)
    change = apply(placed.state, operation("capture", capture), NOW_MS, References(hold=placed.holds[0].hold))
    return change.state, [*entries, *placed.entries, *change.entries]


def test_the_record_alone_leads_to_the_carry() -> None:
    state, entries = history(GrantCredits(1000), charge(0, 4), charge(2, 3), Charge(5))
    read = [entry_from_record(record_of(entry), entry.hash) for entry in entries]
    assert read == entries
    assert replay(ALICE, read) == state
    assert verify_account(ALICE, read, state) == []


def test_a_carry_that_is_not_what_the_entries_add_up_to_is_found() -> None:
    state, entries = history(GrantCredits(1000), charge(0, 4), charge(2, 3))
    [stored] = verify_account(ALICE, entries, replace(state, carry=0))
    assert (stored.place, stored.problem) == ("state", "carry does not match the entries")
    altered = replace(entries[1], carry={"before": 0, "after": 0})
    assert "differs from what the ledger would write" in {
        each.problem for each in verify_account(ALICE, [entries[0], altered, entries[2]], state)
    }


def test_what_is_carried_is_no_content_of_a_request() -> None:
    one, other = (operation("key", replace(charge(5, each), cost=each)) for each in (1, 2))
    assert one.request_hash == other.request_hash


@pytest.mark.parametrize(
    ("carry", "text"),
    [(0, "0"), (1, "0.000000000000000001"), (-HALF, "-0.0005"), (QUANTA_PER_MICROCENT // 8, "0.000125")],
)
def test_a_carry_is_shown_in_millicents_as_a_decimal_text(carry: int, text: str) -> None:
    assert carry_text(carry) == text


@given(st.integers(0, 10**15), remainders, carries)
def test_nothing_is_lost_and_the_carry_stays_within_half_a_microcent(amount: int, remainder: int, carry: int) -> None:
    after = settled(amount, remainder, carry)
    worth = amount * QUANTA_PER_MICROCENT + remainder
    assert after.amount * QUANTA_PER_MICROCENT + after.carry == worth + carry
    assert -HALF <= after.carry < HALF
    if worth >= 0:
        assert after.amount >= 0


@given(st.integers(0, 10**9), st.integers(0, QUANTA_PER_MICROCENT - 1), carries)
def test_what_is_rounded_up_covers_the_same_with_any_carry(whole: int, rest: int, carry: int) -> None:
    amount, remainder = (whole, rest) if rest < HALF else (whole + 1, rest - QUANTA_PER_MICROCENT)
    assert settled(amount, remainder or None, carry).amount <= whole + (rest > 0)


@given(st.lists(st.tuples(st.integers(0, 3), remainders), max_size=40))
def test_what_was_taken_is_within_half_a_microcent_of_what_all_was_worth(worths: list[tuple[int, int]]) -> None:
    worths = [(cost, remainder) for cost, remainder in worths if cost or remainder >= 0]
    charges: list[Any] = [
        Charge(cost, "overdraw", usage=USED, rate_card="egress@1", remainder=remainder or None)
        for cost, remainder in worths
    ]
    state, _ = history(*charges)
    exact = sum(Fraction(remainder, QUANTA_PER_MICROCENT) + cost for cost, remainder in worths)
    assert exact - state.spent == Fraction(state.carry, QUANTA_PER_MICROCENT)
    assert Fraction(-1, 2) <= exact - state.spent < Fraction(1, 2)
