"""Every sample of a known kind of file is replayed, and charged what was worked out by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from millicent.amounts import microcents
from millicent.replay import Reading, load_usage, quote_rows, replay
from millicent.testing import InMemoryMillicent

SAMPLES: Final = Path(__file__).parents[1] / "unit" / "sdk" / "samples"
PAYER: Final = "user:payer"


@dataclass(frozen=True)
class Sample:
    """`millicents` are those of each payer, as a sum of products of tokens and millicents per million tokens."""

    file: str
    rows: int
    millicents: Mapping[str, Decimal]
    reading: Reading = field(default=Reading(default_actor=PAYER))


def priced(*parts: tuple[int, str]) -> Decimal:
    """Tokens at dollars per million: a dollar is 100,000 millicents."""
    return sum((Decimal(tokens) * Decimal(dollars) / 10 for tokens, dollars in parts), Decimal(0))


# claude-sonnet-4-5: $3 input, $15 output, cache: $0.30 read, $3.75 written for 5 minutes, $6 for an hour.
SONNET_CACHED: Final = priced((5, "3"), (1253, "3.75"), (128_955, "0.30"), (300, "15"))
# gpt-4o: $2.50 input, $1.25 cached, $10 output.
GPT_4O: Final = priced((374, "2.50"), (44, "10"))
GPT_4O_CACHED: Final = priced((86, "2.50"), (1920, "1.25"), (300, "10"))

SAMPLES_WORKED_OUT: Final = ()
