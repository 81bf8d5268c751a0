"""What usage costs."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from millicent.amounts import dollars_to_microcents, microcents, readable
from millicent.replay import PricedUsage, Pricer, UnknownModel, Usage, price_all

AT = datetime(2026, 1, 31, tzinfo=UTC)


def usage(model: str = "gpt-4o", input_tokens: int = 374, output_tokens: int = 44) -> Usage:
    return Usage("key-1", "user:alice", model, input_tokens, output_tokens, AT)


def test_a_request_costs_its_tokens_at_the_price_of_its_model() -> None:
    # gpt-4o: $2.50 and $10 for a million tokens: $0.000935 + $0.00044.
    assert Pricer()(usage()) == 137_500


def test_the_cost_is_sent_in_millicents_with_three_decimals() -> None:
    assert str(PricedUsage(usage(), 137_500).cost) == "137.500"
    assert str(PricedUsage(usage(), 1).cost) == "0.001"


def test_the_whole_cost_is_rounded_once_half_up() -> None:
    # gpt-4o-mini: $0.15 and $0.60 for a million tokens, 15 and 60 microcents for one.
    one_token = usage("gpt-4o-mini", 1, 0)
    assert [Pricer(Decimal(factor))(one_token) for factor in ("0.1", "0.09", "0.03")] == [2, 1, 0]
    # 1.5 + 1.5 would be 2 + 2 if each kind of token were rounded by itself.
    assert Pricer(Decimal("0.1"))(usage("gpt-4o-mini", 5, 0)) == 8
    assert Pricer(Decimal("0.025"))(usage("gpt-4o-mini", 1, 1)) == 2


def test_a_half_microcent_is_rounded_up_and_less_is_not() -> None:
    assert dollars_to_microcents(Decimal("0.000000005")) == 1
    assert dollars_to_microcents(Decimal("0.0000000049999999999999999999")) == 0
    assert dollars_to_microcents(Decimal("0.000000025")) == 3


def test_a_multiplier_is_applied_exactly() -> None:
    assert Pricer(Decimal("1.2"))(usage()) == 165_000


@pytest.mark.parametrize("multiplier", ["-1", "NaN", "Infinity"])
def test_a_multiplier_that_makes_no_price_is_refused(multiplier: str) -> None:
    with pytest.raises(ValueError, match="multiplied"):
        Pricer(Decimal(multiplier))


def test_all_unknown_models_are_named_at_once() -> None:
    rows = [usage("gpt-4o"), usage("no-such-model"), usage("another"), usage("no-such-model")]
    with pytest.raises(UnknownModel) as unknown:
        price_all(rows, Pricer())
    assert str(unknown.value) == (
        "there is no price for the model 'no-such-model'; there is no price for the model 'another'"
    )


def test_a_model_that_is_not_sold_by_the_token_is_unknown_and_not_free() -> None:
    with pytest.raises(UnknownModel, match="there is no price for input tokens of the model 'whisper-1'"):
        Pricer()(usage("whisper-1"))


def test_a_request_without_tokens_costs_nothing() -> None:
    assert Pricer()(usage(input_tokens=0, output_tokens=0)) == 0


def test_usage_without_a_time_costs_the_same_all_day() -> None:
    undated = Usage("key-1", "user:alice", "deepseek-chat", 1000, 1000)
    prices = {Pricer(today=datetime(2025, 3, 1, hour, 59, tzinfo=UTC))(undated) for hour in range(24)}
    assert len(prices) == 1


def test_the_price_is_that_of_the_time_of_the_request() -> None:
    # DeepSeek sold for less at night (UTC) in the spring of 2025.
    noon, night = (Usage("k", "a", "deepseek-chat", 10**6, 0, datetime(2025, 3, 1, h, tzinfo=UTC)) for h in (12, 20))
    assert Pricer()(night) < Pricer()(noon)


def test_people_see_thousands_apart() -> None:
    assert readable(Decimal("1234567.5")) == "1,234,567.500"
    assert microcents(Decimal("1234567.5")) == 1_234_567_500
