"""Amounts of the client: exact, rounded once, readable."""

from decimal import Decimal

from millicent.amounts import dollars_to_microcents, microcents, readable


def test_a_half_microcent_is_rounded_up_and_less_is_not() -> None:
    assert dollars_to_microcents(Decimal("0.000000005")) == 1
    assert dollars_to_microcents(Decimal("0.0000000049999999999999999999")) == 0
    assert dollars_to_microcents(Decimal("0.000000025")) == 3


def test_people_see_thousands_apart() -> None:
    assert readable(Decimal("1234567.5")) == "1,234,567.500"
    assert microcents(Decimal("1234567.5")) == 1_234_567_500
