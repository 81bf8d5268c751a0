"""The demo: the usage to charge, and the funding of each actor. Some get too little, so that charges are refused."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from local.usage_generator import generated_usage
from millicent import Millicent, Quote
from millicent.amounts import microcents, millicents
from millicent.errors import KeyReused
from millicent.replay import (
    DEFAULT_ACTORS,
    HoldTerms,
    Progress,
    QuotedRow,
    Reading,
    Summary,
    Terms,
    UnknownModel,
    Usage,
    quote_rows,
    read_usage,
    reason_of,
    replay,
    rounded,
)

HOLDS: Final = HoldTerms(factor=Decimal(2))
SHORT_OF_FUNDS: Final = 12
"""In order of activity, every actor at this interval gets a quarter of what its usage may cost."""
MILLICENT: Final = 1000
ANYBODY: Final = "user:alice"
MODEL: Final = "gpt-4o"
ACTORS: Final = DEFAULT_ACTORS


class PricesOnce(Millicent):
    """Asks for the price of a usage once: the demo needs each twice, for a budget and for a hold."""

    @cached_property
    def _told(self) -> dict[str, Quote]:
        return {}

    def quote(
        self, usage: Mapping[str, Any], *, actor: str | None = None, occurred_at: datetime | None = None
    ) -> Quote:
        asked = json.dumps([usage, actor, occurred_at], sort_keys=True, default=str)
        if asked not in self._told:
            self._told[asked] = super().quote(usage, actor=actor, occurred_at=occurred_at)
        return self._told[asked]


@dataclass(frozen=True)
class Demo:
    """`run_id` names the grants: the same usage again is the same run, and charges nothing again."""

    rows: list[Usage]
    run_id: str

    @property
    def actors(self) -> list[str]:
        """The one with the most requests first."""
        requests = Counter(row.actor for row in self.rows)
        return sorted(requests, key=lambda actor: (-requests[actor], actor))

    @property
    def busiest_actor(self) -> str:
        """The actor that the example calls use; any actor if nobody is charged."""
        return next(iter(self.actors), ANYBODY)


def demo(usage_file: Path | None, limit: int, *, actors: int = ACTORS, model: str = MODEL) -> Demo:
    """The first `limit` rows of the file, or generated usage.

    A file without payers gets `actors` of them, rows without a model use `model`. Raises millicent.replay.ReplayError
    for an invalid file.
    """
    how = Reading(limit=limit, actors=actors, model=model)
    rows = read_usage(usage_file.read_bytes(), how) if usage_file else generated_usage(limit)
    return Demo(rows, _run_id(rows))


def budgets(client: Millicent, plan: Demo, concurrency: int) -> Mapping[str, int]:
    """By actor, in whole millicents as microcents: twice what its usage may cost, so that it can always pay.

    The service prices every row, at the most that its hold takes. Raises millicent.errors.MillicentError.
    """
    found = quote_rows(client, map(_at_most, plan.rows), concurrency)
    if found.unpriced:
        first = found.unpriced[0]
        raise UnknownModel(f"row {first.row.row}: {reason_of(first.error)}")
    costs = _by_actor(found.rows)
    return {actor: _budget(rank, costs[actor]) for rank, actor in enumerate(plan.actors, start=1)}


def fund(client: Millicent, run_id: str, budgets_microcents: Mapping[str, int], concurrency: int) -> None:
    """One grant per actor; a repeated run gets replayed answers. Raises millicent.errors.MillicentError."""
    with ThreadPoolExecutor(concurrency) as pool:
        # Building the list raises the errors of the threads.
        list(pool.map(lambda budget: _grant(client, run_id, *budget), budgets_microcents.items()))


def charge(
    client: Millicent, plan: Demo, concurrency: int, on_progress: Callable[[Progress], None] | None = None
) -> Summary:
    """Holds and captures every row, as `millicent replay --holds --hold-factor 2` does.

    Each of the two finds the other's charges on the record.
    """
    return replay(client, plan.rows, concurrency, on_progress, terms=Terms(holds=HOLDS))


def _run_id(rows: Iterable[Usage]) -> str:
    keys = "\n".join(f"{row.key} {row.actor}" for row in rows)
    return hashlib.sha256(keys.encode()).hexdigest()[:16]


def _at_most(row: Usage) -> Usage:
    """The row as its hold is placed."""
    return row if row.usage is None else replace(row, usage=HOLDS.most(row.usage))


def _by_actor(quoted: Iterable[QuotedRow]) -> Mapping[str, int]:
    costs: Counter[str] = Counter()
    for each in quoted:
        costs[each.row.actor] += microcents(rounded(each.exact))
    return costs


def _budget(rank: int, most_microcents: int) -> int:
    enough = most_microcents * 2 if rank % SHORT_OF_FUNDS else most_microcents // 4
    return (enough // MILLICENT + 1) * MILLICENT


def _grant(client: Millicent, run_id: str, actor: str, budget_microcents: int) -> None:
    # An earlier run of the same usage may have granted another amount, at other prices. That stays.
    with suppress(KeyReused):
        client.grant(
            actor,
            millicents(budget_microcents),
            category="promotional",
            reason="demo credits",
            key=f"demo-{run_id}",
        )
