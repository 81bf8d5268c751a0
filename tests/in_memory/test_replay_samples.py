"""Every sample of a known kind of file is replayed, and charged what was worked out by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final

import pytest

from millicent.amounts import microcents
from millicent.replay import Reading, Summary, Usage, load_usage, replay
from millicent.testing import InMemoryMillicent

SAMPLES: Final = Path(__file__).parents[1] / "unit" / "sdk" / "samples"
PAYER: Final = "user:payer"
CALLER: Final = "arn:aws:sts::111122223333:assumed-role/chat/"


@dataclass(frozen=True)
class Sample:
    """`millicents` are those of each payer."""

    file: str
    rows: int
    millicents: Mapping[str, Decimal]
    reading: Reading = field(default=Reading(default_actor=PAYER))


def tokens(*parts: tuple[int, str]) -> Decimal:
    """Tokens, each at its dollars for a million: a dollar is 100,000 millicents."""
    return sum((Decimal(count) * Decimal(dollars) / 10 for count, dollars in parts), Decimal(0))


def rounded(millicents: Decimal) -> Decimal:
    """Half up, to a microcent."""
    return millicents.quantize(Decimal("0.001"), ROUND_HALF_UP)


# claude-sonnet-4-5: $3 input, $15 output; of a cache $0.30 read, $3.75 written for 5 minutes, $6 for an hour.
SONNET: Final = tokens((374, "3"), (44, "15"))
SONNET_CACHED: Final = tokens((5, "3"), (1253, "3.75"), (128_955, "0.30"), (300, "15"))
# gpt-4o: $2.50 input, $1.25 of it cached, $10 output.
GPT_4O: Final = tokens((374, "2.50"), (44, "10"))
GPT_4O_CACHED: Final = tokens((86, "2.50"), (1920, "1.25"), (300, "10"))

WORKED_OUT: Final = (
    Sample("anthropic_answers.jsonl", 2, {"user:alice": SONNET_CACHED, "user:bob": SONNET}),
    Sample(
        "anthropic_console.csv",
        3,
        {
            PAYER: tokens((46_981, "3"), (15_969, "3.75"), (1000, "6"), (200_000, "0.30"), (16_932, "15"))
            # three searches at $10 for a thousand
            + 3000
            # the batch costs half
            + tokens((1000, "1.50"), (200, "7.50"))
            # above 200,000 tokens of context: $6 and $22.50
            + tokens((300_000, "6"), (1000, "22.50"))
        },
    ),
    Sample(
        "azure.csv",
        2,
        {PAYER: GPT_4O + tokens((396, "2.50"), (109, "10"))},
        Reading(default_actor=PAYER, model="gpt-4o"),
    ),
    # In a region, Bedrock takes a tenth more for Claude; nova-lite: $0.06 and $0.24.
    Sample(
        "bedrock.jsonl",
        2,
        {
            f"{CALLER}alice": rounded(SONNET_CACHED * Decimal("1.1")),
            f"{CALLER}bob": tokens((374, "0.06"), (44, "0.24")),
        },
    ),
    Sample("claude_code.jsonl", 1, {PAYER: SONNET_CACHED}),
    # The dollars of the file: 12345.67890123 millicents.
    Sample("focus.csv", 2, {"sub-a": Decimal("12345.679"), "sub-b": Decimal("2.5")}),
    # gemini-2.5-pro above 200,000 tokens: $2.50 input, $0.25 of it cached, $15 output.
    Sample("gemini_answers.jsonl", 1, {"user:alice": tokens((5005, "2.50"), (257_955, "0.25"), (1744, "15"))}),
    # claude-opus-4-1: $15 input.
    Sample("helicone.csv", 2, {"a": Decimal(1_500_000), "b": SONNET_CACHED}),
    Sample("langfuse.csv", 2, {"user:alice": SONNET_CACHED, "user:bob": GPT_4O}),
    # o3 cost $10 until June 2025; the second row was answered from the cache of the gateway.
    Sample("litellm.csv", 3, {"user:carla": Decimal(5_000_000), "team-1": GPT_4O_CACHED}),
    Sample("openai_answers.json", 2, {"user:alice": GPT_4O_CACHED, "user:bob": GPT_4O}),
    # The batch costs half.
    Sample("openai_batch.jsonl", 1, {PAYER: GPT_4O / 2}),
    # gpt-audio: $2.50 and $10 for text, $32 and $64 for audio.
    Sample(
        "openai_export.csv",
        3,
        {
            "user-alice": tokens((46_400, "2.50"), (12_800, "1.25"), (3100, "10"))
            + tokens((1_000_000, "1.25"), (2000, "5")),
            "user-bob": tokens((100, "2.50"), (2000, "32"), (50, "10"), (700, "64")),
        },
    ),
    Sample("openrouter.csv", 2, {"user-alice": GPT_4O_CACHED, "user-bob": Decimal(0)}),
    Sample("otlp.json", 1, {"user:alice": GPT_4O_CACHED}),
)


def replay_at(time: datetime, millicent: InMemoryMillicent, rows: Sequence[Usage]) -> Summary:
    millicent.clock.set(time)
    return replay(millicent, rows)


def test_every_sample_is_worked_out() -> None:
    assert {sample.file for sample in WORKED_OUT} == {file.name for file in SAMPLES.iterdir()}


@pytest.mark.parametrize("sample", WORKED_OUT, ids=lambda sample: sample.file)
def test_a_sample_is_charged_what_was_worked_out_by_hand(millicent: InMemoryMillicent, sample: Sample) -> None:
    """Its rows are charged as their days come, so that none is too long ago; at the end all are replays."""
    rows = load_usage((SAMPLES / sample.file).read_bytes(), sample.reading).rows
    days = sorted({row.occurred_at + timedelta(hours=1) for row in rows if row.occurred_at is not None})
    millicent.clock.set(days[0])
    for actor in sample.millicents:
        millicent.fund(actor, 100_000_000)
    runs = [replay_at(day, millicent, rows) for day in days]
    last = runs[-1]
    assert (len(rows), last.charged + last.replayed, last.failures) == (sample.rows, sample.rows, ())
    assert {actor: millicent.account(actor).spent for actor in sample.millicents} == sample.millicents
    charged = sum(each.charged_microcents for each in runs)
    assert charged == sum(map(microcents, sample.millicents.values()))
