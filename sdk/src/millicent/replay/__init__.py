"""Replaying usage: charge every row of a usage record, exactly once, at the service's prices.

rows = read_usage(Path("usage.csv").read_bytes())
summary = replay(Millicent(max_connections=8), rows, concurrency=8)
"""

from millicent.replay.actors import DEFAULT_ACTORS, DEFAULT_SEED, actor_names, zipf_actors
from millicent.replay.columns import Columns
from millicent.replay.engine import (
    DEFAULT_CONCURRENCY,
    HOLD_SUFFIX,
    HoldTerms,
    Progress,
    RowOutcome,
    Summary,
    Terms,
    replay,
)
from millicent.replay.errors import BadUsage, ReplayError, UnknownModel
from millicent.replay.quoting import DryRun, QuotedRow, Total, quote_rows, reason_of
from millicent.replay.reading import DEFAULT_MODEL, Reading, read_usage
from millicent.replay.usage import Usage

__all__ = [
    "DEFAULT_ACTORS",
    "DEFAULT_CONCURRENCY",
    "DEFAULT_MODEL",
    "DEFAULT_SEED",
    "HOLD_SUFFIX",
    "BadUsage",
    "Columns",
    "DryRun",
    "HoldTerms",
    "Progress",
    "QuotedRow",
    "Reading",
    "ReplayError",
    "RowOutcome",
    "Summary",
    "Terms",
    "Total",
    "UnknownModel",
    "Usage",
    "actor_names",
    "quote_rows",
    "read_usage",
    "reason_of",
    "replay",
    "zipf_actors",
]
