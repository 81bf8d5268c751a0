"""The built-in card says what its library says, and asks no network."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.genai_rates import GenaiCard, _units, rate_of
from shared.ledger.errors import InvalidOperation
from shared.pricing.errors import Unpriced
from shared.pricing.rates import Rate, worth_of
from shared.pricing.usage import Usage
from shared.usecases.price_usage import price_by
from tests.differential.prices import compared

AT: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT_MS: Final = int(AT.timestamp()) * 1000
MODELS: Final = [(provider, model) for provider in providers for model in provider.models]
PRICED: Final = [each for each in MODELS if rate_of(*each, AT) is not None]

pytestmark = pytest.mark.usefixtures("socket_disabled")


def find(model: str) -> Rate | None:
    card = GenaiCard().find("llm", model, AT_MS)
    return None if card is None else card.rate


def microcents(dollars: Decimal) -> Decimal:
    return (dollars * 10**8).quantize(Decimal(1), ROUND_HALF_UP)


def test_gpt_4o_is_priced_as_in_the_design() -> None:
    rate = find("gpt-4o")
    assert rate is not None
    assert worth_of({"input_tokens": Fraction(374), "output_tokens": Fraction(44)}, rate).amount == 137_500


def test_the_card_names_the_version_of_the_data_and_the_model_that_was_matched() -> None:
    card = GenaiCard().find("llm", "gpt-4o", AT_MS)
    assert card is not None
    assert card.reference == f"genai-prices@{genai_prices.__version__}/openai/gpt-4o"
    assert (card.version, card.matched_model) == (genai_prices.__version__, "openai/gpt-4o")


@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o", "GPT-4o", "gpt-4o-2024-08-06"])
def test_a_model_goes_by_all_names_that_its_provider_has_for_it(model: str) -> None:
    assert find(model) is not None


@pytest.mark.parametrize("model", ["no-such-model", "openai/no-such-model", "", "/", "nobody/gpt-of-nobody"])
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert find(model) is None


def test_only_language_models_have_a_built_in_price() -> None:
    assert GenaiCard().find("storage", "gpt-4o", AT_MS) is None
    assert GenaiCard().find("llm", None, AT_MS) is None


def test_a_model_that_the_library_has_no_price_of_is_not_free() -> None:
    unpriced = [each for each in MODELS if rate_of(*each, AT) is None]
    assert unpriced != []
    assert all(not any(vars(model.get_prices(AT)).values()) for _, model in unpriced)


def test_every_price_of_the_library_can_be_read() -> None:
    assert len(PRICED) > 1000
    assert all(rate.prices or rate.request_price for each in PRICED if (rate := rate_of(*each, AT)))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Provider, ModelInfo, dict[str, int]]:
    """A model and a usage of the quantities that it has a price of, each part within its whole mostly."""
    provider, model = draw(st.sampled_from(PRICED))
    rate = rate_of(provider, model, AT)
    assert rate is not None
    used: dict[str, int] = {}
    for name in sorted(rate.prices, key=lambda name: len(rate.prices[name].part_of)):
        wholes = [used[whole] for whole in rate.prices[name].part_of if whole in used]
        used[name] = draw(st.integers(0, min(wholes, default=3_000_000)))
    return provider, model, used


@settings(max_examples=500, deadline=None)
@given(cases())
def test_the_built_in_card_costs_what_the_library_says(case: tuple[Provider, ModelInfo, dict[str, int]]) -> None:
    provider, model, used = case
    rate = rate_of(provider, model, AT)
    assert rate is not None
    try:
        theirs = model.calc_price(genai_prices.Usage(**used), provider, genai_request_timestamp=AT).total_price
    except ValueError:
        with pytest.raises(InvalidOperation):
            worth_of({name: Fraction(number) for name, number in used.items()}, rate)
        return
    ours = worth_of({name: Fraction(number) for name, number in used.items()}, rate).amount
    assert ours == microcents(theirs)


def test_random_usages_of_all_models_cost_what_the_library_says_at_any_time() -> None:
    counts = compared(2_000)
    assert counts["equal"] == 2_000
    assert counts["equal"] > 0.6 * counts.total()


@pytest.mark.parametrize(
    ("model", "whole", "part"),
    [
        ("openai/gpt-4o-audio-preview", "input_tokens", "input_audio_tokens"),
        ("openai/gpt-4o-audio-preview", "output_tokens", "output_audio_tokens"),
        ("openai/gpt-4o", "input_tokens", "input_audio_tokens"),
        ("openai/gpt-4o-transcribe", "output_tokens", "output_audio_tokens"),
        ("openai/gpt-5-image", "output_tokens", "output_image_tokens"),
        ("google/gemini-2.5-flash", "output_tokens", "output_audio_tokens"),
        ("google/gemini-2.5-flash-image", "input_tokens", "input_audio_tokens"),
        ("anthropic/claude-2", "input_tokens", "cache_write_tokens"),
        ("google/claude-3-haiku", "input_tokens", "cache_write_1h_tokens"),
        ("mistral/mistral-ocr-2503", "input_document_pages", "input_annotated_document_pages"),
    ],
)
def test_a_dearer_part_without_a_price_is_not_its_wholes(model: str, whole: str, part: str) -> None:
    used = {whole: 1_000_000, "cache_write_tokens": 1_000_000} if "1h" in part else {whole: 1_000_000}
    with pytest.raises(Unpriced) as refused:
        charge(model, {**used, part: 1_000_000})
    assert refused.value.field == f"usage.{part}"
    assert charge(model, {**used, part: 0}) == charge(model, used) > 0


@pytest.mark.parametrize(
    ("model", "used", "cost"),
    [
        ("openai/gpt-audio", {"input_tokens": 1_000_000, "input_audio_tokens": 1_000_000}, 3_200_000),
        ("openai/gpt-audio", {"output_tokens": 1_000_000, "output_audio_tokens": 1_000_000}, 6_400_000),
        ("google/gemini-2.5-flash", {"input_tokens": 1_000_000, "input_audio_tokens": 1_000_000}, 100_000),
        ("google/gemini-2.5-flash-image", {"output_tokens": 1_000_000, "output_image_tokens": 1_000_000}, 3_000_000),
        ("google/gemini-2.5-pro", {"input_tokens": 100_000, "input_audio_tokens": 100_000}, 12_500),
        ("google/gemini-2.5-flash-tts", {"output_tokens": 1_000_000, "output_audio_tokens": 1_000_000}, 1_000_000),
        ("openai/gpt-image-1", {"output_tokens": 1_000_000, "output_image_tokens": 1_000_000}, 4_000_000),
        ("openai/gpt-4o", {"input_tokens": 1_000_000, "input_image_tokens": 1_000_000}, 250_000),
        ("anthropic/claude-sonnet-4-5", {"input_tokens": 10**5, "cache_write_tokens": 10**5}, 37_500),
        (
            "anthropic/claude-sonnet-4-5",
            {"input_tokens": 10**5, "cache_write_tokens": 10**5, "cache_write_1h_tokens": 10**5},
            60_000,
        ),
    ],
)
def test_a_part_costs_its_own_price_or_that_of_a_whole_which_includes_it(
    model: str, used: dict[str, int], cost: int
) -> None:
    assert charge(model, used) == cost


def test_how_many_parts_are_both_must_be_said_where_that_makes_a_price() -> None:
    used = {"input_tokens": 100, "input_audio_tokens": 40, "cache_read_tokens": 30}
    with pytest.raises(InvalidOperation, match="cache_audio_read_tokens"):
        charge("google/gemini-2.5-flash", used)
    none, ten = ({**used, "cache_audio_read_tokens": number} for number in (0, 10))
    assert charge("google/gemini-2.5-flash", none) == Fraction("0.003") * 30 + Fraction("0.1") * 40 + Fraction("0.9")
    assert charge("google/gemini-2.5-flash", ten) < charge("google/gemini-2.5-flash", none)


def charge(model: str, used: dict[str, int]) -> Fraction:
    """The exact price in millicents."""
    items = price_by(GenaiCard().find("llm", model, AT_MS), Usage("llm", model, used)).worth.items
    return sum((item.millicents for item in items), Fraction(0))


def test_every_model_costs_what_the_library_says() -> None:
    compared = 0
    for provider, model in PRICED:
        rate = rate_of(provider, model, AT)
        assert rate is not None
        used = {name: 987_654 // 5 ** len(price.part_of) for name, price in rate.prices.items()}
        try:
            theirs = model.calc_price(genai_prices.Usage(**used), provider, genai_request_timestamp=AT).total_price
        except ValueError:  # parts of different kinds that may overlap, which one number each cannot tell
            continue
        ours = worth_of({name: Fraction(number) for name, number in used.items()}, rate).amount
        assert ours == microcents(theirs), model.id
        compared += 1
    assert compared > 0.95 * len(PRICED)


@pytest.mark.parametrize(
    "used",
    [
        *({"audio_seconds": seconds} for seconds in (0, 3, 10, 11)),
        {"audio_seconds": 3, "input_audio_seconds": 3},
        {"audio_seconds": 15, "input_audio_seconds": 3},
    ],
)
def test_what_is_billed_at_least_is_billed_as_the_library_does(used: dict[str, int]) -> None:
    provider, model = next(each for each in MODELS if (each[0].id, each[1].id) == ("groq", "whisper-large-v3"))
    rate = rate_of(provider, model, AT)
    assert rate is not None
    theirs = model.calc_price(genai_prices.Usage(**used), provider, genai_request_timestamp=AT).total_price
    assert worth_of({name: Fraction(number) for name, number in used.items()}, rate).amount == microcents(theirs)


def test_a_reasoning_model_is_not_paid_twice_for_what_it_thought() -> None:
    rate = find("gpt-5")
    assert rate is not None
    said = {"input_tokens": Fraction(10), "output_tokens": Fraction(1000)}
    assert worth_of(said | {"output_reasoning_tokens": Fraction(900)}, rate) == worth_of(said, rate)


def test_every_unit_of_the_library_is_known() -> None:
    assert {"input_mtok", "output_mtok", "requests_kcount", "audio_hours"} <= _units().keys()


def test_a_name_of_a_free_model_is_free_and_only_that_name() -> None:
    rate = find("google/gemini-2.0-flash-exp:free")
    assert rate is not None
    assert worth_of({"input_tokens": Fraction(10**6), "output_tokens": Fraction(10**6)}, rate).amount == 0
    assert find("openai/moderation") is None


def test_the_fast_model_of_a_gateway_costs_six_times_the_other() -> None:
    used = {"input_tokens": Fraction(1000), "output_tokens": Fraction(1000)}
    fast, plain = find("anthropic/claude-opus-4.6-fast"), find("anthropic/claude-opus-4.6")
    assert fast is not None
    assert plain is not None
    assert worth_of(used, fast).amount == 6 * worth_of(used, plain).amount
