"""Replaying usage: charge every row of a usage record, exactly once, at the service's prices.

rows = read_usage(Path("usage.csv").read_bytes())
summary = replay(Millicent(max_connections=8), rows, concurrency=8)
"""

from millicent.replay.actors import DEFAULT_ACTORS, DEFAULT_SEED, ZipfActors, actor_names, zipf_actors
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
from millicent.replay.quoting import DryRun, QuotedRow, Total, model_of, quote_rows, reason_of, rounded
from millicent.replay.reading import Reading, Skipped, UsageFile, load_usage, read_usage, report
from millicent.replay.recognised import Recognised
from millicent.replay.usage import Usage

__all__ = [
    "DEFAULT_ACTORS",
    "DEFAULT_CONCURRENCY",
    "DEFAULT_SEED",
    "HOLD_SUFFIX",
    "BadUsage",
    "Columns",
    "DryRun",
    "HoldTerms",
    "Progress",
    "QuotedRow",
    "Reading",
    "Recognised",
    "ReplayError",
    "RowOutcome",
    "Skipped",
    "Summary",
    "Terms",
    "Total",
    "UnknownModel",
    "Usage",
    "UsageFile",
    "ZipfActors",
    "actor_names",
    "load_usage",
    "model_of",
    "quote_rows",
    "read_usage",
    "reason_of",
    "replay",
    "report",
    "rounded",
    "zipf_actors",
]
