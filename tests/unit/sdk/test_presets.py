"""Files of known kinds: a small sample of each, with the rows and usage documents worked out by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from millicent.replay import BadUsage, Columns, Reading, Usage, UsageFile, load_usage

SAMPLES = Path(__file__).parent / "samples"
PAYER = Reading(default_actor="user:payer")

NOON = datetime(2026, 11, 20, 10, tzinfo=UTC)


def sample(name: str, reading: Reading = PAYER) -> UsageFile:
    return load_usage((SAMPLES / name).read_bytes(), reading)


def llm(model: str, **quantities: object) -> dict[str, object]:
    return {"meter": "llm", "model": model, **quantities}


def facts(row: Usage) -> tuple[str, datetime | None, Mapping[str, Any] | None]:
    return row.actor, row.occurred_at, row.usage


CACHED = llm(
    "claude-sonnet-4-5",
    # 5 + 1253 written + 128955 read
    input_tokens=130_213,
    output_tokens=300,
    cache_read_tokens=128_955,
    cache_write_tokens=1253,
)


def test_the_openai_export_has_floats_blank_days_batches_and_audio_beside_text() -> None:
    read = sample("openai_export.csv")
    day = datetime(2025, 12, 1, tzinfo=UTC)
    assert read.recognised.preset == "OpenAI usage export"
    assert (read.recognised.blank_rows, read.recognised.sums) == (1, True)
    assert [facts(row) for row in read.rows] == [
        (
            "user-alice",
            day,
            llm("gpt-4o-2024-08-06", input_tokens=59_200, output_tokens=3100, cache_read_tokens=12_800, requests=40),
        ),
        (
            "user-alice",
            day,
            llm("gpt-4o-2024-08-06", input_tokens=10**6, output_tokens=2000, requests=7, service_tier="batch"),
        ),
        (
            "user-bob",
            day,
            llm(
                "gpt-audio",
                # 100 of text and 2000 of audio; 50 and 700
                input_tokens=2100,
                output_tokens=750,
                requests=1,
                input_audio_tokens=2000,
                output_audio_tokens=700,
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("input_tokens", "text", "whole"),
    [("100", "", 2100), ("100", "100", 2100), ("2100", "100", 2100)],
    ids=["no column of text", "text alone", "the whole"],
)
def test_openais_input_is_of_text_alone_or_the_whole_as_its_column_of_text_says(
    input_tokens: str, text: str, whole: int
) -> None:
    header = (
        "start_time,num_model_requests,user_id,model,input_tokens,input_text_tokens,input_audio_tokens,output_tokens"
    )
    content = f"{header}\n1764547200,1,a,gpt-audio,{input_tokens},{text},2000,50\n"
    (row,) = load_usage(content.encode()).rows
    assert row.usage == llm("gpt-audio", input_tokens=whole, output_tokens=50, requests=1, input_audio_tokens=2000)
    with pytest.raises(BadUsage, match="row 1: the counts of the OpenAI usage export must be input_text_tokens, or"):
        load_usage(content.replace(f"{input_tokens},{text},", "1999,100,").encode())


def test_pages_of_openais_usage_api_are_the_same_events_as_its_export() -> None:
    page = b"""{"object": "page", "has_more": false, "data": [
      {"object": "bucket", "start_time": 1764460800, "end_time": 1764547200, "results": []},
      {"object": "bucket", "start_time": 1764547200, "end_time": 1764633600, "results": [
        {"object": "organization.usage.completions.result", "input_tokens": 59200, "output_tokens": 3100,
         "input_cached_tokens": 12800, "num_model_requests": 40, "project_id": "proj_a", "user_id": "user-alice",
         "api_key_id": "key_1", "model": "gpt-4o-2024-08-06", "batch": false, "service_tier": "default"}]}]}"""
    (row,) = load_usage(page).rows
    first = sample("openai_export.csv").rows[0]
    assert (row.key, facts(row)) == (first.key, facts(first))


def test_a_sum_that_has_grown_is_the_same_event_so_that_it_is_not_charged_beside_what_it_contains() -> None:
    content = (SAMPLES / "openai_export.csv").read_bytes()
    grown = load_usage(content.replace(b"59200.0", b"60000.0"))
    assert [row.key for row in grown.rows] == [row.key for row in load_usage(content).rows]
    assert grown.rows[0].usage != load_usage(content).rows[0].usage


def test_a_sum_that_is_in_a_file_twice_is_one_event_and_two_values_of_it_are_refused() -> None:
    content = (SAMPLES / "openai_export.csv").read_bytes()
    line = content.splitlines(keepends=True)[2]
    twice = load_usage(content + line)
    assert (len(twice.rows), twice.recognised.repeated_rows) == (3, 1)
    with pytest.raises(BadUsage, match=r"row 5 repeats the key '[0-9a-f]{24}' of row 2 for user-alice"):
        load_usage(content + line.replace(b"59200.0", b"60000.0"))


def test_the_anthropic_console_tells_the_long_context_apart_and_not_the_number_of_requests() -> None:
    read = sample("anthropic_console.csv")
    day, model = datetime(2026, 11, 5, tzinfo=UTC), "claude-sonnet-4-5-20250929"
    assert read.recognised.preset == "Anthropic console export"
    assert [facts(row) for row in read.rows] == [
        (
            "user:payer",
            day,
            llm(
                model,
                # 46981 + 15969 + 1000 + 200000
                input_tokens=263_950,
                cache_read_tokens=200_000,
                # 15969 + 1000
                cache_write_tokens=16_969,
                cache_write_5m_tokens=15_969,
                cache_write_1h_tokens=1000,
                output_tokens=16_932,
                web_searches=3,
                requests=2,
            ),
        ),
        ("user:payer", day, llm(model, input_tokens=1000, output_tokens=200, requests=2, service_tier="batch")),
        ("user:payer", day, llm(model, input_tokens=300_000, output_tokens=1000)),
    ]


@pytest.mark.parametrize(("column", "value"), [("speed", "fast"), ("inference_geo", "us")])
def test_what_anthropic_prices_apart_is_refused(column: str, value: str) -> None:
    content = (SAMPLES / "anthropic_console.csv").read_text()
    ordinary, other = ("global,\n", f"global,{value}\n") if column == "speed" else ("global,\n", f"{value},\n")
    with pytest.raises(BadUsage, match=f"row 1: {column} is '{value}' and must be one of"):
        load_usage(content.replace(ordinary, other).encode(), PAYER)


def test_pages_of_anthropics_usage_api_are_read_like_the_console() -> None:
    page = b"""{"data": [{"starting_at": "2026-11-05T00:00:00Z", "ending_at": "2026-11-06T00:00:00Z", "results": [
      {"uncached_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 1000,
       "ephemeral_5m_input_tokens": 253}, "cache_read_input_tokens": 128955, "output_tokens": 300,
       "server_tool_use": {"web_search_requests": 0}, "api_key_id": "k", "workspace_id": null,
       "model": "claude-sonnet-4-5", "service_tier": "batch",
       "context_window": "0-200k"}]}], "has_more": false}"""
    (row,) = load_usage(page, PAYER).rows
    assert row.usage == CACHED | {
        "cache_write_5m_tokens": 253, "cache_write_1h_tokens": 1000, "requests": 2, "service_tier": "batch",
    }  # fmt: skip


def test_openrouter_counts_the_cache_within_the_prompt_and_its_variant_is_a_part_of_the_name() -> None:
    read = sample("openrouter.csv")
    assert read.recognised.preset == "OpenRouter activity"
    assert [(row.key, *facts(row)) for row in read.rows] == [
        (
            "gen-1764000000-a1",
            "user-alice",
            NOON,
            llm("openai/gpt-4o", input_tokens=2006, output_tokens=300, cache_read_tokens=1920),
        ),
        (
            "gen-1764000001-b2",
            "user-bob",
            NOON.replace(second=5, microsecond=500_000),
            llm("google/gemini-2.0-flash-exp:free", input_tokens=500, output_tokens=100, output_reasoning_tokens=40),
        ),
    ]


def test_openrouters_web_searches_are_not_dropped() -> None:
    content = (SAMPLES / "openrouter.csv").read_bytes().replace(b",0.0062,0,", b",0.0062,0.004,")
    with pytest.raises(BadUsage, match="row 1: the column 'cost_web_search' looks like billing"):
        load_usage(content)


def test_litellm_spend_logs_have_the_price_of_their_time_and_nothing_for_a_cache_hit() -> None:
    read = sample("litellm.csv")
    assert read.recognised.preset == "LiteLLM spend logs"
    o3, hit, cached = read.rows
    assert facts(o3) == (
        "user:carla",
        datetime(2025, 5, 20, 9, tzinfo=UTC),
        llm("o3", input_tokens=5_000_000, output_tokens=0),
    )
    assert (hit.key, hit.usage, hit.cost_usd) == ("chatcmpl-222", None, "0")
    # Without an end user, the team's user pays; the cache is told within the metadata.
    assert (cached.actor, cached.usage) == (
        "team-1",
        llm("gpt-4o", input_tokens=2006, output_tokens=300, cache_read_tokens=1920),
    )


def test_langfuse_counts_each_token_once_and_only_its_generations_are_usage() -> None:
    read = sample("langfuse.csv")
    assert (read.recognised.preset, read.recognised.other_rows) == ("Langfuse observations", 1)
    assert [(row.key, *facts(row)) for row in read.rows] == [
        ("obs-2", "user:alice", NOON.replace(microsecond=100_000), CACHED),
        ("obs-3", "user:bob", NOON.replace(second=2), llm("gpt-4o", input_tokens=374, output_tokens=44)),
    ]


def test_langfuse_details_whose_total_is_that_of_input_and_output_have_their_parts_within() -> None:
    details = b'{""input"": 2006, ""output"": 300, ""input_cached_tokens"": 1920, ""total"": 2306}'
    content = (
        (SAMPLES / "langfuse.csv").read_bytes().replace(b'{""input"": 374, ""output"": 44, ""total"": 418}', details)
    )
    assert load_usage(content).rows[1].usage == llm(
        "gpt-4o", input_tokens=2006, output_tokens=300, cache_read_tokens=1920
    )
    for wrong, message in (
        (b"2307", "a total of 4226 or of 2306: it is 2307"),
        (b'1, ""new"": 5', "of the known parts: 'new'"),
    ):
        with pytest.raises(BadUsage, match=message):
            load_usage(content.replace(b"2306", wrong))


def test_helicone_is_charged_to_its_users_for_their_models() -> None:
    read = sample("helicone.csv")
    assert read.recognised.preset == "Helicone requests"
    assert [(row.key, *facts(row)) for row in read.rows] == [
        ("6f1c-1", "a", NOON, llm("claude-opus-4-1", input_tokens=1_000_000, output_tokens=0)),
        ("6f1c-2", "b", NOON.replace(second=1), CACHED),
    ]


def test_helicone_as_json_lines_without_an_id_is_recognised_too() -> None:
    line = b'{"request_created_at":"2026-11-20T10:00:00Z","request_user_id":"a","request_model":"claude-opus-4-1",'
    (row,) = load_usage(line + b'"prompt_tokens":1000000,"completion_tokens":0}').rows
    assert facts(row) == ("a", NOON, llm("claude-opus-4-1", input_tokens=1_000_000, output_tokens=0))


def test_bedrock_logs_count_the_cache_beside_the_input_and_their_caller_pays() -> None:
    read = sample("bedrock.jsonl")
    assert read.recognised.preset == "Bedrock invocation log"
    caller = "arn:aws:sts::111122223333:assumed-role/chat/"
    assert [(row.key, *facts(row)) for row in read.rows] == [
        ("8a1d-1", f"{caller}alice", NOON, CACHED | {"model": "anthropic.claude-sonnet-4-5-20250929-v1:0"}),
        (
            "8a1d-2",
            f"{caller}bob",
            NOON.replace(second=9),
            llm("amazon.nova-lite-v1:0", input_tokens=374, output_tokens=44),
        ),
    ]


def test_focus_is_what_was_billed_to_the_digit() -> None:
    read = sample("focus.csv")
    assert read.recognised.preset == "FOCUS cost and usage"
    assert [(row.actor, row.usage, row.cost_usd) for row in read.rows] == [
        ("sub-a", None, "0.1234567890123"),
        ("sub-b", None, "0.000025"),
    ]
    assert (read.rows[0].metadata or {})["ChargeDescription"] == "GPT-4o input"


@pytest.mark.parametrize(
    ("said", "instead", "message"),
    [
        (b"0.1234567890123,111,USD", b"1,111,EUR", "row 1: BillingCurrency is 'EUR' and must be USD"),
        (b"0.1234567890123,", b"-1,", "row 1: BilledCost is '-1' and must be dollars, 0 or more"),
    ],
)
def test_focus_in_another_currency_and_credits_are_refused(said: bytes, instead: bytes, message: str) -> None:
    with pytest.raises(BadUsage, match=message):
        load_usage((SAMPLES / "focus.csv").read_bytes().replace(said, instead))


def test_claude_code_writes_an_answer_several_times_and_the_last_is_charged() -> None:
    read = sample("claude_code.jsonl")
    assert (read.recognised.preset, read.recognised.other_rows, read.recognised.repeated_rows) == ("Claude Code", 2, 1)
    (row,) = read.rows
    assert row.key == "msg_1:req_1"
    assert row.usage == {
        "meter": "llm",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5-20250929",
        "raw": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 1253,
            "cache_read_input_tokens": 128_955,
            "cache_creation": {"ephemeral_5m_input_tokens": 1253, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 300,
            "service_tier": "standard",
        },
    }


def test_of_a_trace_the_calls_of_models_are_charged_and_not_the_agent_around_them() -> None:
    read = sample("otlp.json")
    assert (read.recognised.preset, read.recognised.other_rows) == ("OpenTelemetry traces", 2)
    (row,) = read.rows
    assert (row.key, row.app) == ("5b8e:a2", "shop")
    assert facts(row) == (
        "user:alice",
        datetime(2025, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC),
        llm("gpt-4o", input_tokens=2006, output_tokens=300, cache_read_tokens=1920),
    )


def test_a_trace_of_another_shape_is_refused_with_its_place() -> None:
    with pytest.raises(
        BadUsage, match=r"not a trace of OpenTelemetry: Expected `array`, got `int` - at `\$.resourceSpans"
    ):
        load_usage(b'{"resourceSpans": 5}')


def test_answers_of_anthropic_are_told_to_the_service_as_they_were_reported() -> None:
    cached, plain = sample("anthropic_answers.jsonl").rows
    assert (cached.key, cached.actor, cached.usage) == (
        "msg_01",
        "user:alice",
        {
            "meter": "llm",
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "raw": {
                "input_tokens": 5,
                "cache_creation_input_tokens": 1253,
                "cache_read_input_tokens": 128_955,
                "output_tokens": 300,
            },
        },
    )
    # Two numbers mean the same with every provider.
    assert plain.usage == llm("claude-sonnet-4-5", input_tokens=374, output_tokens=44)


def test_answers_of_openai_may_be_of_chat_and_of_responses_in_one_file() -> None:
    chat, response = sample("openai_answers.json").rows
    assert (chat.key, response.key) == ("chatcmpl-1", "resp_1")
    assert chat.usage == {
        "meter": "llm",
        "provider": "openai",
        "model": "gpt-4o",
        "raw": {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
        },
    }
    assert response.usage == llm("gpt-4o", input_tokens=374, output_tokens=44)
    assert response.occurred_at == datetime(2025, 11, 20, 10, 0, 1, tzinfo=UTC)


def test_answers_of_gemini_are_told_to_the_service_as_they_were_reported() -> None:
    (row,) = sample("gemini_answers.jsonl").rows
    assert row.usage == {
        "meter": "llm",
        "provider": "google",
        "model": "gemini-2.5-pro",
        "raw": {
            "promptTokenCount": 262_960,
            "cachedContentTokenCount": 257_955,
            "candidatesTokenCount": 1744,
            "totalTokenCount": 264_704,
        },
    }


def test_results_of_a_batch_have_the_price_of_a_batch() -> None:
    (row,) = sample("openai_batch.jsonl").rows
    assert row.usage == llm("gpt-4o", input_tokens=374, output_tokens=44, service_tier="batch")


def test_an_embedding_is_an_answer_although_it_has_a_list_of_data() -> None:
    answer = (
        b'{"object": "list", "data": [{"object": "embedding", "embedding": [0.5]}], "model": "text-embedding-3-small",'
    )
    (row,) = load_usage(answer + b' "usage": {"prompt_tokens": 8, "total_tokens": 8}}', PAYER).rows
    assert row.usage == llm("text-embedding-3-small", input_tokens=8)


def test_the_id_of_a_conversation_is_not_taken_for_that_of_an_answer() -> None:
    line = (
        b'{"id": "conversation-1", "user": "a", "model": "o3", "usage": {"prompt_tokens": 8, "completion_tokens": 1}}\n'
    )
    read = load_usage(line * 2)
    assert (len({row.key for row in read.rows}), read.recognised.repeated_rows) == (2, 0)


def test_a_report_whose_total_is_more_than_its_parts_is_left_to_the_service() -> None:
    line = b'{"user": "a", "model": "o3", "usage": {"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 20}}'
    assert load_usage(line).rows[0].usage == {
        "meter": "llm",
        "provider": "openai",
        "model": "o3",
        "raw": {"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 20},
    }


def test_usage_of_nobody_known_is_refused() -> None:
    with pytest.raises(BadUsage, match="row 1: usage with watts is not what a known provider reports"):
        load_usage(b'{"user": "a", "model": "m", "usage": {"watts": 5}}')


def test_a_presets_columns_can_be_replaced_by_options() -> None:
    read = sample("openai_export.csv", Reading(columns=Columns(actor="api_key_id")))
    assert [row.actor for row in read.rows] == ["key_1", "key_1", "key_2"]


@pytest.mark.parametrize("name", ["openai_export.csv", "anthropic_console.csv"])
def test_sums_of_requests_are_refused_by_option(name: str) -> None:
    with pytest.raises(BadUsage, match="is a sum of many requests, and sums are to be refused"):
        sample(name, Reading(sums="refuse"))


def test_a_gateways_own_costs_can_be_charged_instead() -> None:
    read = sample("litellm.csv", Reading(default_actor="user:payer", columns=Columns(cost="spend")))
    assert [row.cost_usd for row in read.rows] == ["10", "0", "0.004"]
