"""A cost in dollars is exact: it is rounded once, and what is below a microcent is carried."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry
from shared.ledger.errors import InvalidAmount
from shared.ledger.money import cost_of, microcents_of, money_text, same_money
from shared.ledger.operations import CaptureHold, Charge, GrantCredits, PlaceHold, Terms
from shared.ledger.records import entry_from_record, record_of, sealed
from shared.ledger.remainders import QUANTA_PER_MICROCENT, rounded, settled
from shared.ledger.views import public_entry
from shared.ports.ledger import EntryFilter
from shared.verification.accounts import verify_account
from tests.builders import ALICE, NOW_MS, history, operation

HALF = QUANTA_PER_MICROCENT // 2

dollars = st.decimals(0, 10**7, allow_nan=False, allow_infinity=False, places=20).map("{:f}".format)


def charge(cost_usd: str) -> Charge:
    amount, remainder = rounded(microcents_of(cost_usd))
    return Charge(amount, remainder=remainder or None, cost_usd=cost_usd)


def capture(hold: str, cost_usd: str) -> CaptureHold:
    amount, remainder = rounded(microcents_of(cost_usd))
    return CaptureHold(hold, amount, remainder=remainder or None, cost_usd=cost_usd)


def taken(terms: Terms) -> int:
    *_, entry = history(GrantCredits(10**15), terms)[1]
    return -entry.amount


def altered(entry: Entry, **parameters: Any) -> Entry:
    """The entry with other parameters and a hash that fits them."""
    return sealed(replace(entry, parameters={**entry.parameters, **parameters}))


@pytest.mark.parametrize(
    ("cost_usd", "microcents"),
    [
        ("1.50", 150_000_000),
        ("0.00001375", 1_375),
        ("1.375e-05", 1_375),
        ("0.000000005", 1),
        ("0.00000000499999999999999999", 0),
        ("0.0000000049999999999999999999999999999999", 0),
        ("0.00013000000000000002", 13_000),
        ("0", 0),
        ("10000000", 10**15),
    ],
)
def test_a_cost_in_dollars_is_rounded_once_half_up_to_a_microcent(cost_usd: str, microcents: int) -> None:
    assert taken(charge(cost_usd)) == microcents


def test_ten_thousand_tiny_costs_come_to_their_sum() -> None:
    # 0.3 microcents each; rounded one by one they would come to nothing.
    state, _ = history(GrantCredits(10_000), *[charge("0.000000003")] * 1000)
    assert (state.spent, state.carry) == (300, 0)


@given(st.lists(dollars, min_size=1, max_size=6))
def test_what_an_account_paid_is_within_half_a_microcent_of_all_its_costs(costs: list[str]) -> None:
    state, _ = history(GrantCredits(10**17), *[charge(each) for each in costs])
    exact = sum((Fraction(each) for each in costs), Fraction(0)) * 10**8
    assert state.spent + Fraction(state.carry, QUANTA_PER_MICROCENT) == exact
    assert abs(state.spent - exact) <= Fraction(1, 2)


@given(st.fractions(0, 10))
def test_a_remainder_never_makes_the_first_operation_round_again(microcents: Fraction) -> None:
    amount, remainder = rounded(microcents)
    assert -HALF <= remainder < HALF
    assert amount == (microcents + Fraction(1, 2)).__floor__() == settled(amount, remainder or None, 0).amount


def test_the_record_keeps_the_text_that_was_given() -> None:
    *_, entry = history(GrantCredits(10**9), charge("1.50000"))[1]
    read = entry_from_record(record_of(entry), entry.hash)
    assert read.parameters == {"cost": 150_000_000, "cost_usd": "1.50000", "if_insufficient": "refuse"}
    assert public_entry(read)["cost_usd"] == "1.50000"


@pytest.mark.parametrize("other", ["1.5", "1.500", "15e-1", "0.15e1"])
def test_two_spellings_of_a_cost_are_one_operation(other: str) -> None:
    assert operation("a", charge("1.50")).request_hash == operation("a", charge(other)).request_hash


def test_costs_that_round_to_the_same_amount_are_two_operations() -> None:
    first, second = charge("0.0000000011"), charge("0.0000000012")
    assert first.cost == second.cost
    assert operation("a", first).request_hash != operation("a", second).request_hash


def test_a_cost_in_dollars_is_another_operation_than_the_amount_that_it_comes_to() -> None:
    assert operation("a", charge("1")).request_hash != operation("a", Charge(10**8)).request_hash


def test_a_capture_in_dollars_takes_its_cost_and_carries_the_rest() -> None:
    ledger = MemoryLedger()
    story: dict[str, Terms] = {"grant": GrantCredits(10_000), "hold": PlaceHold(2_000, 600_000)}
    for key, terms in story.items():
        ledger.record(operation(key, terms), NOW_MS)
    captured = ledger.record(operation("capture", capture("h2", "0.0000137504")), NOW_MS).entry
    assert (captured.amount, captured.after.held) == (-1_375, 0)
    assert public_entry(captured)["carry_after"] == "0.00004"
    entries = ledger.entries(ALICE, EntryFilter(limit=9)).items
    assert verify_account(ALICE, entries[::-1], ledger.state(ALICE)) == []


def test_a_recorded_cost_that_is_not_what_its_dollars_come_to_is_found() -> None:
    state, entries = history(GrantCredits(10_000), charge("0.00001375"))
    assert verify_account(ALICE, entries, state) == []
    for parameters in ({"cost_usd": "0.00001376"}, {"remainder": 1}, {"cost_usd": "a lot"}):
        found = verify_account(ALICE, [entries[0], altered(entries[1], **parameters)], state)
        assert "differs from what the ledger would write" in str(found) or "impossible operation" in str(found)


def test_records_without_money_are_as_they_were() -> None:
    assert cost_of({"cost": 5}) is None
    *_, entry = history(GrantCredits(10_000), Charge(5))[1]
    assert "cost_usd" not in public_entry(entry)
    assert AccountState(ALICE).carry == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.50", "1.50"),
        ("1e-7", "1e-7"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E-7"), "0.0000001"),
        (12, "12"),
        (Decimal("0E+3"), "0"),
    ],
)
def test_a_text_is_kept_and_a_number_is_written_in_plain_decimals(value: object, text: str) -> None:
    assert money_text(value) == text


@pytest.mark.parametrize(
    "value",
    [
        "", " 1", "1,50", "$1", "-1", "+1", "01", ".5", "1.", "NaN", "Infinity", "1e999", "0x1", "1_000",
        "\u0661", "1\n",        "0." + "1" * 63, "1e-41", "1e15",
        -1, Decimal("-0.0"), Decimal("Infinity"), Decimal("1E+400"), 1.5, True, None, [],
    ],
)  # fmt: skip
def test_what_is_no_exact_amount_of_money_is_refused(value: object) -> None:
    with pytest.raises(InvalidAmount):
        money_text(value)


@given(dollars, st.integers(0, 5))
def test_a_value_has_one_spelling_in_the_content(text: str, zeros: int) -> None:
    assert same_money(text + "0" * zeros) == same_money(text)
    assert Decimal(same_money(text)) == Decimal(text)
