"""Usage: the tokens of one request to a model."""

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """One request: who pays (`actor`), the model, and the number of input and output tokens.

    `key` is the idempotency key of the charge: the same key must always come with the same usage, so that a row that
    was charged before is a replay. `at`, with its offset, is the time of the request; the price of that time applies.
    """

    key: str
    actor: str
    model: str
    input_tokens: int
    output_tokens: int
    at: datetime | None = None


def run_id_of(content: bytes) -> str:
    """An id from what the run charges: the same content gives the same id, and so the same keys."""
    return hashlib.sha256(content).hexdigest()[:16]


def row_key(run_id: str, row: int) -> str:
    """The idempotency key of the `row`th row (from 1) of a run."""
    return f"{run_id}-{row}"
