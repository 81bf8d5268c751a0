"""Amounts are parsed exactly, or refused with words that say what would be right."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.amounts import MAX_AMOUNT_MICROCENTS, parse_millicents, to_millicents
from shared.ledger.errors import InvalidAmount


@pytest.mark.parametrize(
    ("value", "microcents"),
    [
        (0, 0),
        (42, 42_000),
        (Decimal("42.5"), 42_500),
        ("42.500", 42_500),
        ("0.001", 1),
        (Decimal("1E+2"), 100_000),
        (Decimal("-0.0"), 0),
        (10**12, MAX_AMOUNT_MICROCENTS),
        (Decimal("999999999999.999"), MAX_AMOUNT_MICROCENTS - 1),
    ],
)
def test_an_amount_is_read_exactly(value: object, microcents: int) -> None:
    assert parse_millicents(value) == microcents


@pytest.mark.parametrize(
    ("value", "must_be"),
    [
        (True, "a number or a decimal string"),
        (None, "a number or a decimal string"),
        (42.5, "a number or a decimal string"),
        ([1], "a number or a decimal string"),
        ("", "a number or a decimal string such as"),
        ("abc", "a number or a decimal string such as"),
        ("NaN", "a number or a decimal string such as"),
        ("1e3", "a number or a decimal string such as"),
        ("1_000", "a number or a decimal string such as"),
        (" 1", "a number or a decimal string such as"),
        ("1\n", "a number or a decimal string such as"),
        ("٤٢", "a number or a decimal string such as"),
        ("0042", "a number or a decimal string such as"),
        (Decimal("NaN"), "a finite number"),
        (Decimal("Infinity"), "a finite number"),
        (-1, "0 or more"),
        ("-0.001", "0 or more"),
        ("0.0001", "an amount with at most three decimals"),
        ("1.0000", "an amount with at most three decimals"),
        (Decimal("1e-400"), "an amount with at most three decimals"),
        (10**12 + 1, "at most 1000000000000 millicents"),
        (Decimal("1000000000000.001"), "at most 1000000000000 millicents"),
        (Decimal("1e400"), "at most 1000000000000 millicents"),
    ],
)
def test_what_is_no_amount_is_refused_with_what_would_be_right(value: object, must_be: str) -> None:
    with pytest.raises(InvalidAmount, match=must_be):
        parse_millicents(value)


@pytest.mark.parametrize(
    ("microcents", "text"),
    [
        (0, "0"),
        (100_000, "100"),
        (42_500, "42.5"),
        (1, "0.001"),
        (-1, "-0.001"),
        (-42_000, "-42"),
        (10**15, "1000000000000"),
    ],
)
def test_an_amount_is_written_with_no_more_decimals_than_it_has(microcents: int, text: str) -> None:
    assert str(to_millicents(microcents)) == text


@given(st.integers(min_value=0, max_value=MAX_AMOUNT_MICROCENTS))
def test_writing_and_reading_an_amount_gives_the_same_amount(microcents: int) -> None:
    assert parse_millicents(to_millicents(microcents)) == microcents
    assert parse_millicents(str(to_millicents(microcents))) == microcents
