"""Usage as providers report it: what is counted of it, and what it costs at list price."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest

from shared.adapters.genai_rates import GenaiCard
from shared.edge.errors import ValidationFailed
from shared.edge.usage_request import usage_of
from shared.pricing.cards import RateBook, RateCard, names_of
from shared.pricing.errors import Unpriced
from shared.pricing.matching import CardName
from shared.pricing.rates import Price, Rate
from shared.pricing.usage import usage_from
from shared.usecases.price_usage import price_usage

AT_MS: Final = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * 1000

pytestmark = pytest.mark.usefixtures("socket_disabled")

CLAUDE: Final = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 1253,
    "cache_read_input_tokens": 128955,
    "cache_creation": {"ephemeral_5m_input_tokens": 1253, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 300,
    "service_tier": "standard",
    "inference_geo": "not_available",
    "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 2},
}
GPT: Final = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
GEMINI: Final = {
    "promptTokenCount": 262960,
    "cachedContentTokenCount": 257955,
    "candidatesTokenCount": 1744,
    "totalTokenCount": 264704,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 262960}],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 257955}],
    "trafficType": "ON_DEMAND",
}


class Shelf:
    """The tenant's cards, none at first."""

    def __init__(self, *cards: RateCard) -> None:
        self.cards = cards

    def names(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        return tuple(name for card in self.cards if card.meter == meter for name in names_of(card))

    def newest(self, tenant: str, meter: str, model: str | None, now_ms: int) -> tuple[RateCard, ...]:
        return tuple(each for each in self.cards if (each.meter, each.model) == (meter, model))

    def version(self, tenant: str, meter: str, model: str | None, version: int) -> RateCard | None:
        return None


def millicents(usage: Mapping[str, Any], *cards: RateCard) -> Fraction:
    """The exact price of the usage of a request."""
    book = RateBook(Shelf(*cards), GenaiCard(), lambda: 0)
    asked = usage_from(usage_of(dict(usage)).content)
    items = price_usage(asked, asked.units, "acme", book, AT_MS).worth.items
    return sum((item.millicents for item in items), Fraction(0))


def raw(provider: str, raw: Mapping[str, Any], model: str | None = None, **more: Any) -> dict[str, Any]:
    return {"provider": provider, "raw": raw, **({} if model is None else {"model": model}), **more}


def quantities(provider: str, report: Mapping[str, Any], model: str = "m") -> dict[str, Any]:
    return dict(usage_of(raw(provider, report, model)).quantities)


def refused(usage: Mapping[str, Any]) -> tuple[str, str]:
    with pytest.raises(ValidationFailed) as failed:
        usage_of(dict(usage))
    (fault,) = failed.value.errors
    return fault.path, fault.detail


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (raw("anthropic", CLAUDE, "claude-sonnet-4-5"), "4790.025"),
        (raw("anthropic", {"model": "claude-sonnet-4-5-20250929", "usage": CLAUDE, "id": "msg_1"}), "4790.025"),
        (raw("openai", GPT, "gpt-4o"), "561.5"),
        (raw("openai", {"model": "gpt-4o-2024-08-06", "usage": GPT, "service_tier": "default"}), "561.5"),
        (raw("google", {"modelVersion": "gemini-2.5-pro", "usageMetadata": GEMINI}), "10316.125"),
        (raw("gemini", GEMINI, "gemini-2.5-pro"), "10316.125"),
    ],
)
def test_what_a_provider_reports_costs_what_the_provider_bills(usage: Mapping[str, Any], cost: str) -> None:
    assert millicents(usage) == Fraction(cost)


@pytest.mark.parametrize(
    ("provider", "report", "counted"),
    [
        pytest.param(
            "anthropic",
            {
                "input_tokens": 10,
                "cache_creation_input_tokens": 300,
                "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
                "output_tokens": 7,
                "server_tool_use": {"web_search_requests": 3},
            },
            {
                "input_tokens": 310,
                "cache_write_tokens": 300,
                "cache_write_5m_tokens": 100,
                "cache_write_1h_tokens": 200,
                "output_tokens": 7,
                "web_searches": 3,
            },
            id="anthropic counts what it wrote to a cache apart from the input",
        ),
        pytest.param(
            "openai",
            {
                "prompt_tokens": 50,
                "completion_tokens": 40,
                "prompt_tokens_details": {"audio_tokens": 20, "text_tokens": 30},
                "completion_tokens_details": {"audio_tokens": 25, "reasoning_tokens": 5, "text_tokens": 10},
            },
            {
                "input_tokens": 50,
                "input_audio_tokens": 20,
                "output_tokens": 40,
                "output_audio_tokens": 25,
                "output_reasoning_tokens": 5,
            },
            id="openai chat",
        ),
        pytest.param(
            "openai",
            {
                "input_tokens": 328,
                "input_tokens_details": {"cached_tokens": 128},
                "output_tokens": 52,
                "output_tokens_details": {"reasoning_tokens": 10},
                "total_tokens": 380,
            },
            {"input_tokens": 328, "cache_read_tokens": 128, "output_tokens": 52, "output_reasoning_tokens": 10},
            id="openai responses",
        ),
        pytest.param("openai", {"prompt_tokens": 8, "total_tokens": 8}, {"input_tokens": 8}, id="openai embeddings"),
        pytest.param(
            "openai",
            {
                "input_tokens": 50,
                "output_tokens": 60,
                "total_tokens": 110,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            },
            {"input_tokens": 50, "input_text_tokens": 10, "input_image_tokens": 40, "output_tokens": 60},
            id="openai images",
        ),
        pytest.param(
            "openai",
            {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
                "output_tokens": 45,
                "total_tokens": 59,
            },
            {"input_tokens": 14, "input_audio_tokens": 14, "output_tokens": 45},
            id="openai transcriptions by the token",
        ),
        pytest.param(
            "openai", {"type": "duration", "seconds": 3}, {"audio_seconds": 3}, id="openai audio by the second"
        ),
        pytest.param(
            "google",
            {
                "promptTokenCount": 100,
                "toolUsePromptTokenCount": 5,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 30,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 60},
                    {"modality": "AUDIO", "tokenCount": 25},
                    {"modality": "IMAGE", "tokenCount": 15},
                ],
                "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
            },
            {
                "input_tokens": 105,
                "input_tool_tokens": 5,
                "input_text_tokens": 60,
                "input_audio_tokens": 25,
                "input_image_tokens": 15,
                "output_tokens": 50,
                "output_reasoning_tokens": 30,
                "output_text_tokens": 20,
            },
            id="gemini counts what it thought apart from the answer",
        ),
        pytest.param(
            "google",
            {
                "prompt_token_count": 100,
                "cached_content_token_count": None,
                "candidates_token_count": 20,
                "prompt_tokens_details": [{"modality": "AUDIO", "token_count": 100}],
            },
            {"input_tokens": 100, "input_audio_tokens": 100, "output_tokens": 20},
            id="gemini as its Python library spells it",
        ),
        pytest.param(
            "google",
            {
                "promptTokenCount": 10,
                "responseTokenCount": 4,
                "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}],
            },
            {"input_tokens": 10, "output_tokens": 4, "output_audio_tokens": 4},
            id="gemini live",
        ),
        pytest.param(
            "google",
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 30,
                "candidatesTokenCount": 20,
                "promptTokensDetails": [
                    {"modality": "AUDIO", "tokenCount": 40},
                    {"modality": "TEXT", "tokenCount": 60},
                ],
                "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 30}],
            },
            {
                "input_tokens": 100,
                "input_audio_tokens": 40,
                "input_text_tokens": 60,
                "cache_read_tokens": 30,
                "cache_text_read_tokens": 30,
                "cache_audio_read_tokens": 0,
                "output_tokens": 20,
            },
            id="gemini read no audio from its cache",
        ),
        pytest.param(
            "bedrock",
            {
                "usage": {
                    "inputTokens": 5,
                    "outputTokens": 3,
                    "totalTokens": 22,
                    "cacheReadInputTokens": 10,
                    "cacheWriteInputTokens": 4,
                    "cacheDetails": [{"ttl": "1h", "inputTokens": 4}],
                },
                "metrics": {"latencyMs": 551},
            },
            {
                "input_tokens": 19,
                "cache_read_tokens": 10,
                "cache_write_tokens": 4,
                "cache_write_1h_tokens": 4,
                "output_tokens": 3,
            },
            id="bedrock converse",
        ),
        pytest.param(
            "aws",
            {"usage": {"input_tokens": 5, "output_tokens": 6, "cache_read_input_tokens": 9}},
            {"input_tokens": 14, "cache_read_tokens": 9, "output_tokens": 6},
            id="bedrock claude",
        ),
        pytest.param(
            "aws",
            {"inputTextTokenCount": 5, "results": [{"tokenCount": 7, "outputText": "x"}, {"tokenCount": 1}]},
            {"input_tokens": 5, "output_tokens": 8},
            id="bedrock titan",
        ),
        pytest.param(
            "aws",
            {"embedding": [0.25, 1], "inputTextTokenCount": 5},
            {"input_tokens": 5},
            id="bedrock titan embeddings",
        ),
        pytest.param(
            "aws",
            {"generation": "x", "prompt_token_count": 5, "generation_token_count": 7, "stop_reason": "stop"},
            {"input_tokens": 5, "output_tokens": 7},
            id="bedrock llama",
        ),
        pytest.param(
            "aws",
            {
                "amazon-bedrock-invocationMetrics": {
                    "inputTokenCount": 5,
                    "outputTokenCount": 6,
                    "cacheReadInputTokenCount": 2,
                    "cacheWriteInputTokenCount": 0,
                    "invocationLatency": 77,
                    "firstByteLatency": 8,
                }
            },
            {"input_tokens": 7, "cache_read_tokens": 2, "output_tokens": 6},
            id="bedrock stream",
        ),
        pytest.param(
            "aws",
            {"x-amzn-bedrock-input-token-count": "5", "x-amzn-bedrock-output-token-count": "6", "date": "now"},
            {"input_tokens": 5, "output_tokens": 6},
            id="bedrock headers",
        ),
        pytest.param(
            "deepseek",
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_cache_hit_tokens": 4,
                "prompt_cache_miss_tokens": 6,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
            {"input_tokens": 10, "cache_read_tokens": 4, "output_tokens": 5},
            id="deepseek says twice what it read from a cache",
        ),
    ],
)
def test_a_report_is_counted_with_every_part_within_its_whole(
    provider: str, report: Mapping[str, Any], counted: Mapping[str, int]
) -> None:
    assert quantities(provider, report) == counted


@pytest.mark.parametrize(
    ("provider", "report", "place"),
    [
        ("openai", {"prompt_tokens": 8, "completion_tokens": 3, "video_tokens": 5}, ".video_tokens"),
        ("openai", {"usage": {"prompt_tokens": 8, "completion_tokens": 3, "new": {"units": 1}}}, ".usage.new.units"),
        ("openai", {"prompt_tokens": 8, "completion_tokens": "3"}, ".completion_tokens"),
        ("openai", {"prompt_tokens": 8, "completion_tokens": -3}, ".completion_tokens"),
        ("openai", {"prompt_tokens": True, "completion_tokens": 3}, ".prompt_tokens"),
        ("openai", {"prompt_tokens": 10**15 + 1, "completion_tokens": 3}, ".prompt_tokens"),
        ("openai", {"prompt_tokens": Decimal("1e999999999"), "completion_tokens": 3}, ".prompt_tokens"),
        ("openai", {"prompt_tokens": Decimal("Infinity"), "completion_tokens": 3}, ".prompt_tokens"),
        ("openai", {"prompt_tokens": Decimal("0.1234567"), "completion_tokens": 3}, ""),
        ("openai", GPT | {"total_tokens": Decimal("1e999999999")}, ".total_tokens"),
        ("openai", GPT | {"total_tokens": -1}, ".total_tokens"),
        (
            "openai",
            {"prompt_tokens": 8, "completion_tokens": 3, "completion_tokens_details": {"image_tokens": 3}},
            ".completion_tokens_details.image_tokens",
        ),
        ("openai", {"output": [{}, {"type": "web_search_call"}], "usage": GPT}, ".output[1].type"),
        ("openai", {"usage": GPT, "service_tier": "scale"}, ".service_tier"),
        ("anthropic", CLAUDE | {"inference_geo": "us"}, ".inference_geo"),
        ("anthropic", CLAUDE | {"speed": "fast"}, ".speed"),
        ("anthropic", CLAUDE | {"server_tool_use": {"code_executions": 2}}, ".server_tool_use.code_executions"),
        (
            "anthropic",
            CLAUDE | {"iterations": [{"type": "compaction", "input_tokens": 900, "output_tokens": 5}]},
            ".iterations[0].input_tokens",
        ),
        (
            "google",
            GEMINI | {"promptTokensDetails": [{"modality": "SMELL", "tokenCount": 5}]},
            ".promptTokensDetails[0].tokenCount",
        ),
        (
            "google",
            {"candidates": [{"groundingMetadata": {"webSearchQueries": ["x"]}}], "usageMetadata": GEMINI},
            ".candidates[0].groundingMetadata",
        ),
        (
            "deepseek",
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4},
            ".prompt_cache_hit_tokens",
        ),
        ("mistral", {"pages_processed": 5}, ""),
        ("openai", {}, ""),
        ("openai", {"id": "chatcmpl-1", "model": "gpt-4o"}, ""),
    ],
)
def test_nothing_that_may_be_billed_is_left_out_without_a_word(
    provider: str, report: Mapping[str, Any], place: str
) -> None:
    assert refused(raw(provider, report, "m"))[0] == f"$.usage.raw{place}"


def test_what_a_provider_repeats_or_gives_away_is_no_quantity() -> None:
    repeated = [{"type": "message", "input_tokens": 5, "output_tokens": 300}]
    assert quantities("anthropic", CLAUDE | {"iterations": repeated}) == quantities("anthropic", CLAUDE)
    assert quantities("openai", GPT | {"cost": Decimal("0.1"), "cost_details": {"upstream": 1}, "queue_time": 2}) == {
        "input_tokens": 2006,
        "cache_read_tokens": 1920,
        "output_tokens": 300,
    }


def test_a_report_of_nothing_is_a_quantity_of_nothing() -> None:
    assert quantities("openai", {"prompt_tokens": 0, "completion_tokens": 0}) == {"input_tokens": 0}


@pytest.mark.parametrize(
    ("usage", "path"),
    [
        ({"provider": "openai"}, "$.usage.raw"),
        ({"raw": GPT}, "$.usage.provider"),
        (raw("nobody", GPT, "m"), "$.usage.provider"),
        (raw("together", GPT, "m"), "$.usage.provider"),
        ({"provider": "openai", "raw": [GPT], "model": "m"}, "$.usage.raw"),
        (raw("openai", GPT), "$.usage.model"),
        (raw("openai", GPT, "a model"), "$.usage.model"),
        (raw("openai", {"model": "a model", "usage": GPT}), "$.usage.raw.model"),
        (raw("openai", GPT, "m", meter=""), "$.usage.meter"),
        (raw("openai", GPT, "m", input_tokens=3), "$.usage.input_tokens"),
    ],
)
def test_a_report_is_refused_with_the_field_that_is_wrong(usage: Mapping[str, Any], path: str) -> None:
    assert refused(usage)[0] == path


def test_the_model_that_is_asked_for_comes_before_the_one_in_the_report() -> None:
    asked = usage_of(raw("openai", {"model": "gpt-4o-2024-08-06", "usage": GPT}, "gpt-4o"))
    assert (asked.meter, asked.model, asked.provider) == ("llm", "gpt-4o", "openai")


def test_the_price_is_that_of_the_provider_who_reports() -> None:
    assert usage_of(raw("openrouter", GPT, "openai/gpt-4o")).model == "openrouter/openai/gpt-4o"
    assert usage_of(raw("openai", GPT, "gpt-of-nobody")).model == "gpt-of-nobody"


def test_a_model_of_another_provider_alone_has_no_price() -> None:
    with pytest.raises(Unpriced):
        millicents(raw("anthropic", CLAUDE, "gpt-4o"))


def test_the_same_report_is_the_same_usage_however_it_is_written() -> None:
    alone, whole = (
        raw("openai", GPT, "gpt-4o"),
        raw("OpenAI", {"usage": dict(reversed(GPT.items())), "id": "1"}, "gpt-4o"),
    )
    floats = raw("openai", GPT | {"prompt_tokens": Decimal("2006.0"), "new": None}, "gpt-4o")
    assert len({usage_of(each).raw_digest for each in (alone, whole, floats)}) == 1


@pytest.mark.parametrize(
    "other",
    [
        raw("openai", GPT | {"prompt_tokens": 2007}, "gpt-4o"),
        raw("openai", GPT, "gpt-4"),
        raw("openai", GPT, "gpt-4o", meter="other"),
        raw("azure", GPT, "gpt-4o"),
    ],
)
def test_another_report_is_another_usage(other: Mapping[str, Any]) -> None:
    assert usage_of(dict(other)).raw_digest != usage_of(raw("openai", GPT, "gpt-4o")).raw_digest


def test_usage_is_read_back_from_its_record() -> None:
    usage = usage_of(raw("openai", GPT, "gpt-4o"))
    assert usage_from(usage.content) == usage
    assert list(usage.content) == sorted(usage.content)


@pytest.mark.parametrize("name", ["provider", "raw", "raw_digest"])
def test_a_quantity_cannot_have_the_name_of_a_member(name: str) -> None:
    with pytest.raises(ValidationFailed):
        usage_of({"meter": "llm", "model": "gpt-4o", "input_tokens": 1, name: "5"})


def own_card(**prices: str) -> RateCard:
    rate = Rate(
        prices={
            name: Price(price=Decimal(price), part_of=("input_tokens",) if name.startswith("cache") else ())
            for name, price in prices.items()
        }
    )
    return RateCard(reference="o@1", version=1, meter="llm", model="mine", rate=rate, effective_from_ms=0, by="admin")


def test_a_card_of_ones_own_prices_a_report_whose_parts_it_does_not_name() -> None:
    report = GPT | {"completion_tokens_details": {"reasoning_tokens": 100}}
    assert millicents(raw("openai", report, "mine"), own_card(input_tokens="2", output_tokens="3")) == 4012 + 900


def test_a_card_of_ones_own_without_a_price_for_a_dearer_part_refuses_the_report() -> None:
    report = GPT | {"prompt_tokens_details": {"audio_tokens": 5}}
    with pytest.raises(Exception, match="input_audio_tokens"):
        millicents(raw("openai", report, "mine"), own_card(input_tokens="2", output_tokens="3"))
