"""Usage: one event of a usage file, as the service is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One event: who pays (`actor`), and what was used or what it cost.

    `key` is the idempotency key of the charge: it belongs to the event, not to its place in a file, so that a row that
    was charged before is a replay. `usage` is the API's document: `meter`, `model` and quantities, or `provider` and
    `raw`; None if the file names only what the event cost. `cost_usd` is a decimal text of any precision, and is what
    is charged if it is there. `occurred_at` has an offset; None if the file has no times. `row` is the number of the
    row in its file, from 1, for messages.
    """

    key: str
    actor: str
    usage: Mapping[str, Any] | None
    cost_usd: str | None = None
    occurred_at: datetime | None = None
    app: str | None = None
    metadata: Mapping[str, Any] | None = None
    row: int
