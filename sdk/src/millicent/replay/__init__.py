"""Replaying usage: price every row of a usage record by its model and charge it, exactly once.

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
from millicent.replay.pricing import Price, PricedUsage, Pricer, price_all
from millicent.replay.reading import DEFAULT_MODEL, Reading, read_usage
from millicent.replay.usage import Usage, row_key, run_id_of

__all__ = [
    "DEFAULT_ACTORS",
    "DEFAULT_CONCURRENCY",
    "DEFAULT_MODEL",
    "DEFAULT_SEED",
    "HOLD_SUFFIX",
    "BadUsage",
    "Columns",
    "HoldTerms",
    "Price",
    "PricedUsage",
    "Pricer",
    "Progress",
    "Reading",
    "ReplayError",
    "RowOutcome",
    "Summary",
    "Terms",
    "UnknownModel",
    "Usage",
    "actor_names",
    "price_all",
    "read_usage",
    "replay",
    "row_key",
    "run_id_of",
    "zipf_actors",
]
