"""What usage is worth: exact, and rounded once."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.errors import InvalidOperation
from shared.pricing.rates import LineItem, Price, Rate, Tier, worth_of

MILLICENT = 1000
prices = st.decimals(min_value=0, max_value=10_000, places=6)
units = st.integers(min_value=0, max_value=10**9)


def price(text: str, **more: Any) -> Price:
    return Price(price=Decimal(text), **more)


def rate(**members: Any) -> Rate:
    return Rate(**({"prices": {}} | members))


def amount(rate: Rate, **used: int | str) -> int:
    return worth_of({name: Fraction(number) for name, number in used.items()}, rate).amount


TOKENS = rate(prices={"input_tokens": price("250000", per=10**6), "output_tokens": price("1000000", per=10**6)})


def test_each_quantity_is_paid_for_at_its_own_price() -> None:
    assert amount(TOKENS, input_tokens=374, output_tokens=44) == 137_500


def test_what_was_not_used_is_not_paid_for() -> None:
    assert amount(TOKENS, input_tokens=0) == amount(TOKENS) == 0


@pytest.mark.parametrize(
    ("number", "microcents"),
    [(1, 0), (2, 0), (4, 0), (5, 1), (14, 1), (15, 2), (25, 3)],
)
def test_half_a_microcent_is_rounded_up(number: int, microcents: int) -> None:
    assert amount(rate(prices={"requests": price("0.0001")}), requests=number) == microcents


def test_an_operation_is_rounded_once_and_not_quantity_by_quantity() -> None:
    tenths = {name: price("0.0004") for name in ("a", "b", "c")}
    assert amount(rate(prices=tenths), a=1, b=1, c=1) == 1


def test_a_price_for_an_hour_is_exact_for_seconds() -> None:
    by_the_hour = rate(prices={"seconds": price("1", per=3600)})
    assert amount(by_the_hour, seconds=1) == 0
    assert worth_of({"seconds": Fraction(1)}, by_the_hour).items[0].millicents == Fraction(1, 3600)
    assert amount(by_the_hour, seconds=3600 * 7) == 7 * MILLICENT


def test_units_may_have_decimals() -> None:
    assert amount(rate(prices={"seconds": price("2")}), seconds="12.5") == 25 * MILLICENT


GRADUATED = (Tier(Decimal(1000), Decimal(2)), Tier(Decimal(5000), Decimal(1)))


@pytest.mark.parametrize(
    ("number", "millicents"),
    [(0, 0), (999, 2997), (1000, 3000), (1001, 3002), (5000, 11_000), (5001, 11_001), (10_000, 16_000)],
)
def test_a_graduated_tier_holds_for_the_units_above_its_bound(number: int, millicents: int) -> None:
    assert amount(rate(prices={"calls": price("3", tiers=GRADUATED)}), calls=number) == millicents * MILLICENT


@pytest.mark.parametrize(("number", "millicents"), [(1000, 3000), (1001, 2002), (5000, 10_000), (5001, 5001)])
def test_a_volume_tier_holds_for_all_units(number: int, millicents: int) -> None:
    by_volume = price("3", tiers=GRADUATED, tier_mode="volume")
    assert amount(rate(prices={"calls": by_volume}), calls=number) == millicents * MILLICENT


@pytest.mark.parametrize(("prompt", "millicents"), [(200, 10), (201, 20)])
def test_the_volume_may_be_that_of_another_quantity(prompt: int, millicents: int) -> None:
    by_prompt = price("1", tiers=(Tier(Decimal(200), Decimal(2)),), tier_mode="volume", tiers_by="prompt")
    assert amount(rate(prices={"prompt": price("0"), "answer": by_prompt}), prompt=prompt, answer=10) == (
        millicents * MILLICENT
    )


def test_a_request_can_have_a_price_of_its_own() -> None:
    assert amount(rate(request_price=Decimal("0.5"), prices={"bytes": price("1", per=10)}), bytes=5) == MILLICENT
    assert amount(rate(request_price=Decimal("0.5"))) == MILLICENT // 2


def test_a_minimum_charge_is_taken_where_the_sum_is_less() -> None:
    at_least = rate(prices={"bytes": price("1")}, minimum_charge=Decimal(10))
    assert [amount(at_least, bytes=number) for number in (0, 9, 10, 11)] == [10_000, 10_000, 10_000, 11_000]


def test_the_minimum_charge_is_an_item_of_what_is_missing() -> None:
    worth = worth_of({"bytes": Fraction(4)}, rate(prices={"bytes": price("1")}, minimum_charge=Decimal(10)))
    assert worth.items == (
        LineItem("bytes", Fraction(4), Decimal(1)),
        LineItem("minimum_charge", Fraction(6), Decimal(1)),
    )


def test_whoever_uses_any_pays_for_the_least_number_of_units() -> None:
    transcription = rate(prices={"seconds": price("2", minimum_units=Decimal(10))})
    assert [amount(transcription, seconds=number) for number in (0, 1, 10, 11)] == [0, 20_000, 20_000, 22_000]


def test_parts_with_a_price_of_their_own_count_towards_the_least_number_of_units() -> None:
    prices = {"audio": price("2", minimum_units=Decimal(10)), "speech": price("3", part_of=("audio",))}
    used = [{"audio": 3, "speech": 3}, {"audio": 15, "speech": 3}, {"audio": 10, "speech": 10}]
    assert [amount(rate(prices=prices), **each) for each in used] == [23_000, 33_000, 30_000]


CACHED = rate(prices={"input": price("10"), "cached": price("1", part_of=("input",))}, counted={"read": ("input",)})


def test_what_is_part_of_another_quantity_is_paid_for_once() -> None:
    assert amount(CACHED, input=100, cached=90) == (10 * 10 + 90) * MILLICENT


def test_parts_of_parts_are_paid_for_once() -> None:
    nested = {"a": price("100"), "b": price("10", part_of=("a",)), "c": price("1", part_of=("a", "b"))}
    assert amount(rate(prices=nested), a=10, b=6, c=2) == (4 * 100 + 4 * 10 + 2) * MILLICENT


def test_a_part_without_a_price_of_its_own_is_counted_already() -> None:
    assert amount(CACHED, input=100, read=50) == 1000 * MILLICENT


@pytest.mark.parametrize("used", [{"cached": 1}, {"input": 5, "cached": 6}])
def test_a_part_cannot_be_more_than_its_whole(used: dict[str, int]) -> None:
    with pytest.raises(InvalidOperation, match=r"usage\.input must be at least as many as its parts"):
        amount(CACHED, **used)


@pytest.mark.parametrize("used", [{"read": 1}, {"input": 5, "read": 6}])
def test_a_counted_part_cannot_be_more_than_its_whole(used: dict[str, int]) -> None:
    with pytest.raises(InvalidOperation, match=r"usage\.read must be at most input"):
        amount(CACHED, **used)


def test_a_quantity_without_a_price_is_refused_by_name_with_those_that_have_one() -> None:
    with pytest.raises(
        InvalidOperation, match=r"usage\.images must be one of the priced quantities.*input_tokens, output_tokens"
    ) as refused:
        amount(TOKENS, images=1)
    assert refused.value.field == "usage.images"


def test_a_quantity_of_nothing_needs_no_price() -> None:
    assert amount(TOKENS, input_tokens=4, images=0) == amount(TOKENS, input_tokens=4)


LONG = rate(
    prices={
        "input": price("10", tiers=(Tier(Decimal(100), Decimal(20)),), tier_mode="volume"),
        "seconds": price("1", minimum_units=Decimal(10)),
        "steps": price("5", tiers=(Tier(Decimal(10), Decimal(1)),)),
    },
    request_price=Decimal(7),
    minimum_charge=Decimal(50),
)


def test_the_sum_of_many_requests_pays_for_each_and_has_no_price_of_a_long_one() -> None:
    assert amount(LONG, input=1000, requests=20) == (10 * 1000 + 7 * 20) * 1000
    assert amount(LONG, input=1000, requests=1) == amount(LONG, input=1000) == (20 * 1000 + 7) * 1000
    assert amount(LONG, steps=100, requests=2) == (5 * 100 + 7 * 2) * 1000


def test_what_a_request_pays_at_least_is_paid_for_each() -> None:
    assert amount(LONG, seconds=3, requests=2) == (10 * 2 + 7 * 2 + 66) * 1000
    assert amount(LONG, requests=3) == 3 * 50 * 1000


@pytest.mark.parametrize("requests", ["0", "0.5", "1.5"])
def test_requests_are_counted_in_whole_numbers(requests: str) -> None:
    with pytest.raises(InvalidOperation, match=r"usage\.requests must be a whole number of at least 1"):
        amount(LONG, input=1, requests=requests)


def test_a_card_may_have_a_price_for_requests_like_for_any_quantity() -> None:
    assert amount(rate(prices={"requests": price("3")}), requests="0.5") == 1500


def test_a_rate_is_free_if_every_price_on_it_is_0() -> None:
    free = {"input": price("0"), "output": price("0")}
    assert rate(prices=free).is_free
    assert not LONG.is_free
    assert not rate(prices={"input": price("0", tiers=(Tier(Decimal(1), Decimal(1)),))}).is_free
    assert not rate(prices=free, request_price=Decimal(1)).is_free
    assert not rate(prices=free, minimum_charge=Decimal(1)).is_free


def test_an_amount_beyond_all_bounds_is_refused() -> None:
    dear = rate(prices={"calls": price("1000")})
    assert amount(dear, calls=10**9) == 10**15
    with pytest.raises(InvalidOperation, match="worth at most"):
        amount(dear, calls=10**9 + 1)


@given(prices, st.integers(min_value=0, max_value=10**8), st.integers(min_value=1, max_value=10**7))
def test_every_price_is_rounded_half_up_to_a_microcent(each: Decimal, number: int, per: int) -> None:
    microcents = each * number * MILLICENT
    exact = Fraction(microcents) / per
    got = amount(rate(prices={"x": Price(price=each, per=per)}), x=number)
    assert Fraction(-1, 2) <= exact - got < Fraction(1, 2)
    if per == 1:
        assert got == int(microcents.quantize(Decimal(1), ROUND_HALF_UP))


@given(prices, st.lists(st.tuples(st.integers(1, 10**6), prices), max_size=5), st.integers(0, 2 * 10**6))
def test_graduated_tiers_cost_what_each_unit_alone_adds(
    first: Decimal, steps: list[tuple[int, Decimal]], number: int
) -> None:
    bounds = dict(sorted(steps))
    tiered = Price(price=first, tiers=tuple(Tier(Decimal(above), each) for above, each in bounds.items()))
    items = worth_of({"x": Fraction(number)}, rate(prices={"x": tiered})).items
    edges = [0, *(above for above in bounds if above < number), number]
    each_price = [first, *bounds.values()]
    expected = sum(
        (Fraction(each_price[place]) * (edges[place + 1] - edges[place]) for place in range(len(edges) - 1)),
        Fraction(0),
    )
    assert sum((item.millicents for item in items), Fraction(0)) == expected
    assert sum(item.units for item in items) == number


@given(units, units)
def test_more_usage_never_costs_less(less: int, more: int) -> None:
    less, more = sorted((less, more))
    calls = rate(prices={"calls": price("0.3", per=7, tiers=(Tier(Decimal(100), Decimal("0.1")),))})
    assert amount(calls, calls=less) <= amount(calls, calls=more)
