"""What is held of an estimate covers whatever the usage turns out to be."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import genai_prices
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.genai_rates import GenaiCard
from shared.ledger.errors import InvalidOperation
from shared.ledger.remainders import QUANTA_PER_MICROCENT, settled
from shared.pricing.estimates import most_of
from shared.pricing.rates import Price, Rate, Tier, Worth, worth_of

NOW_MS = 1_795_500_000_000
HALF = QUANTA_PER_MICROCENT // 2
TIERS = (Tier(Decimal(1000), Decimal(2)), Tier(Decimal(5000), Decimal("0.5")))


def price(text: str, **more: Any) -> Price:
    return Price(price=Decimal(text), **more)


def units(used: Mapping[str, int | str]) -> dict[str, Fraction]:
    return {name: Fraction(number) for name, number in used.items()}


def most(prices: Mapping[str, Price], **used: int | str) -> int | Fraction:
    """In millicents."""
    return Fraction(most_of(units(used), Rate(prices=prices)).amount, 1000)


def worth(prices: Mapping[str, Price], **used: int | str) -> Worth:
    return worth_of(units(used), Rate(prices=prices))


CACHE = {
    "input": price("10"),
    "written": price("12.5", part_of=("input",)),
    "read": price("1", part_of=("input",)),
    "output": price("50"),
}


def test_what_goes_in_is_held_for_as_if_all_of_it_were_written_to_a_cache() -> None:
    assert most(CACHE, input=1000, output=10) == 1000 * Fraction("12.5") + 500
    assert (
        worth(CACHE, input=1000, written=1000).amount <= most_of({"input": Fraction(1000)}, Rate(prices=CACHE)).amount
    )


def test_a_cheaper_part_changes_nothing() -> None:
    assert most({"input": price("10"), "read": price("1", part_of=("input",))}, input=1000) == 10_000


def test_a_part_that_is_named_is_the_most_that_there_will_be_of_it() -> None:
    assert most(CACHE, input=1000, written=100) == 900 * 10 + 100 * Fraction("12.5")
    assert most(CACHE, input=1000, written=0) == 10_000
    assert most(CACHE, input=1000, written=0, read=900) == 10_000


def test_parts_that_are_together_more_than_their_whole_are_no_contradiction_in_an_estimate() -> None:
    assert most(CACHE, input=1000, written=700, read=700) == 700 * Fraction("12.5") + 300 * 10


def test_a_part_alone_cannot_be_more_than_its_whole() -> None:
    with pytest.raises(InvalidOperation, match=r"usage\.input must be at least as many"):
        most(CACHE, input=5, read=6)
    with pytest.raises(InvalidOperation, match=r"usage\.pages must be one of the priced quantities"):
        most(CACHE, pages=6)


def test_what_is_not_estimated_is_not_held_for() -> None:
    assert most(CACHE, input=100) == 1250


def test_parts_of_parts_are_held_for() -> None:
    nested = {"a": price("1"), "b": price("2", part_of=("a",)), "c": price("9", part_of=("a", "b"))}
    assert most(nested, a=10) == 90
    # Each part is bounded alone: that c is among the three of b is not made use of.
    assert most(nested, a=10, b=3) == 3 * 9 + 3 * 2 + 4
    assert most(nested, a=10, c=1) == 9 + 9 * 2


@pytest.mark.parametrize(("number", "millicents"), [(1000, 3000), (1500, 4000), (6000, 11_500)])
def test_graduated_tiers_are_held_for_as_they_are_paid(number: int, millicents: int) -> None:
    assert most({"calls": price("3", tiers=TIERS)}, calls=number) == millicents


@pytest.mark.parametrize(("number", "millicents"), [(1000, 3000), (1400, 3000), (2000, 4000), (6000, 10_000)])
def test_where_all_units_become_cheaper_fewer_of_them_may_cost_more(number: int, millicents: int) -> None:
    assert most({"calls": price("3", tiers=TIERS, tier_mode="volume")}, calls=number) == millicents


def test_tiers_by_another_quantity_are_held_for_at_the_dearest_that_it_may_reach() -> None:
    dearer = (Tier(Decimal(200), Decimal(2)),)
    prices = {"input": price("0"), "output": price("1", tiers=dearer, tier_mode="volume", tiers_by="input")}
    assert [most(prices, input=number, output=10) for number in (200, 201)] == [10, 20]
    assert most(prices, output=10) == 10


def test_the_least_number_of_units_is_held_for() -> None:
    assert most({"seconds": price("2", minimum_units=Decimal(10))}, seconds=3) == 20


def test_the_least_number_of_units_of_a_part_is_held_for_beside_the_rest_of_its_whole() -> None:
    prices = {"input": price("10"), "written": price("12.5", part_of=("input",), minimum_units=100)}
    dearest = worth(prices, input=50, written=1)
    assert dearest.amount == (100 * 12.5 + 49 * 10) * 1000
    assert dearest.amount <= most_of(units({"input": 50}), Rate(prices=prices)).amount


def test_the_least_charge_and_the_price_of_a_request_are_held_for() -> None:
    rate = Rate(prices={"calls": price("1")}, request_price=Decimal(2), minimum_charge=Decimal(5))
    assert [most_of(units({"calls": number}), rate).amount for number in (0, 2, 9)] == [5000, 5000, 11_000]


def test_a_hold_is_rounded_up() -> None:
    assert most_of({"bytes": Fraction(1)}, Rate(prices={"bytes": price("1", per=10**9)})).amount == 1


def test_the_built_in_card_holds_for_cache_writes_and_audio() -> None:
    for model in ("claude-sonnet-4-5", "gpt-4o-realtime-preview"):
        card = GenaiCard().find("llm", model, NOW_MS)
        assert card is not None, genai_prices.__version__
        prices = card.rate.prices
        held = most_of({"input_tokens": Fraction(1000)}, card.rate).amount
        parts = [name for name, each in prices.items() if "input_tokens" in each.part_of]
        assert parts
        dearest = max(Fraction(prices[name].price) / prices[name].per for name in ("input_tokens", *parts))
        assert held == dearest * 1000 * 1000


# --- whatever the card, whatever the usage ---------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d", "e")
amounts = st.decimals(min_value=0, max_value=20, places=3)
numbers = st.integers(0, 60)


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """Parts of parts are parts of the wholes of those, as cards have them."""
    prices: dict[str, Price] = {}
    for place, name in enumerate(NAMES[: draw(st.integers(1, 5))]):
        direct = draw(st.sets(st.sampled_from(NAMES[:place]), max_size=2)) if place else set()
        wholes = direct | {further for each in direct for further in prices[each].part_of}
        bounds = sorted(draw(st.sets(st.integers(1, 50), max_size=3)))
        mode: Any = draw(st.sampled_from(["graduated", "volume"])) if bounds else "graduated"
        by = draw(st.none() | st.sampled_from(NAMES[: place + 1])) if mode == "volume" else None
        prices[name] = Price(
            price=draw(amounts),
            per=draw(st.integers(1, 7)),
            tiers=tuple(Tier(Decimal(bound), draw(amounts)) for bound in bounds),
            tier_mode=mode,
            tiers_by=by,
            part_of=tuple(sorted(wholes)),
            minimum_units=Decimal(draw(st.sampled_from([0, 0, 0, 5, 20]))),
        )
    counted = {"n": ("a",)} if draw(st.booleans()) else {}
    least, request = draw(st.sampled_from([0, 0, 300])), draw(st.sampled_from([0, 0, 7]))
    return Rate(prices=prices, request_price=Decimal(request), minimum_charge=Decimal(least), counted=counted)


@st.composite
def estimates(draw: st.DrawFn) -> tuple[Rate, dict[str, Fraction], dict[str, Fraction]]:
    """A rate, what is estimated, and what was used within that: built from units that each are of one quantity."""
    rate = draw(rates())
    own = {name: draw(numbers) for name in rate.prices}
    total = {
        name: own[name] + sum(own[part] for part in own if name in rate.prices[part].part_of) for name in rate.prices
    }
    used = {name: Fraction(number) for name, number in total.items() if number or draw(st.booleans())}
    if rate.counted and total["a"]:
        used["n"] = Fraction(draw(st.integers(0, total["a"])))
    named = {name: number + draw(numbers) for name, number in used.items() if name != "n"}
    for name in list(named):
        part_of = rate.prices[name].part_of
        wholes = [named[whole] for whole in part_of if whole in named]
        named[name] = min([named[name], *wholes])
        is_impossible = any(whole not in named for whole in part_of if not rate.prices[whole].part_of)
        if part_of and (is_impossible or draw(st.booleans())):
            del named[name]
    named, used = _requests(draw, named, used)
    return rate, named, used


def _requests(draw: st.DrawFn, named: dict[str, Fraction], used: dict[str, Fraction]) -> Iterable[dict[str, Fraction]]:
    """The same, as the sum of requests: of at most as many as were estimated."""
    most = draw(st.sampled_from([1, 1, 2, 5]))
    counts = [most, draw(st.integers(1, most))]
    return [
        units | ({"requests": Fraction(count)} if count > 1 or draw(st.booleans()) else {})
        for units, count in zip((named, used), counts, strict=True)
    ]


@settings(max_examples=500, deadline=None)
@given(estimates(), st.integers(-HALF, HALF - 1))
def test_what_is_held_covers_every_usage_within_it_whatever_is_carried(
    case: tuple[Rate, dict[str, Fraction], dict[str, Fraction]], carry: int
) -> None:
    rate, named, used = case
    captured = worth_of(used, rate)
    assert settled(captured.amount, captured.remainder or None, carry).amount <= most_of(named, rate).amount


@settings(max_examples=300, deadline=None)
@given(estimates())
def test_usage_is_within_itself(case: tuple[Rate, dict[str, Fraction], dict[str, Fraction]]) -> None:
    rate, _, used = case
    assert worth_of(used, rate).amount <= most_of(used, rate).amount
