"""The demo: the usage to charge, and the funding of each actor. Some get too little, so that charges are refused."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from local.usage_generator import generated_usage
from millicent import Millicent
from millicent.amounts import millicents
from millicent.replay import (
    HoldTerms,
    PricedUsage,
    Pricer,
    Progress,
    Reading,
    Summary,
    Terms,
    Usage,
    price_all,
    read_usage,
    replay,
    run_id_of,
)

HOLDS: Final = HoldTerms(factor=Decimal(2))
"""With twice its cost an actor can always pay: spent and held together never exceed that."""

SHORT_OF_FUNDS: Final = 12
"""In order of activity, every actor at this interval gets half of the cost of its usage."""
MILLICENT: Final = 1000
ANYBODY: Final = "user:alice"


@dataclass(frozen=True)
class Demo:
    """`run_id` names the charges: the same usage again is the same run, and charges nothing again."""

    rows: list[Usage]
    run_id: str
    budgets_microcents: Mapping[str, int]

    @property
    def busiest_actor(self) -> str:
        """The actor that the example calls use; any actor if nobody is charged."""
        return next(iter(self.budgets_microcents), ANYBODY)


def demo(usage_file: Path | None, limit: int) -> Demo:
    """The first `limit` rows of the file, or generated usage.

    Raises millicent.replay.ReplayError for an invalid file.
    """
    rows = read_usage(usage_file.read_bytes(), Reading(limit=limit)) if usage_file else generated_usage(limit)
    return Demo(rows, _run_id(rows), _budgets(price_all(rows, Pricer())))


def fund(client: Millicent, plan: Demo, concurrency: int) -> None:
    """One grant per actor; a repeated run gets replayed answers. Raises millicent.errors.MillicentError."""
    with ThreadPoolExecutor(concurrency) as pool:
        # Building the list raises the errors of the threads.
        list(pool.map(lambda budget: _grant(client, plan.run_id, *budget), plan.budgets_microcents.items()))


def charge(
    client: Millicent, plan: Demo, concurrency: int, on_progress: Callable[[Progress], None] | None = None
) -> Summary:
    """Holds and captures every row, as `millicent replay --holds --hold-factor 2` does.

    Each of the two finds the other's charges on the record.
    """
    return replay(client, plan.rows, concurrency, on_progress, terms=Terms(holds=HOLDS))


def _run_id(rows: Iterable[Usage]) -> str:
    return run_id_of("\n".join(f"{row.key} {row.actor}" for row in rows).encode())


def _budgets(priced: Iterable[PricedUsage]) -> Mapping[str, int]:
    """By actor, the one with the most requests first; in whole millicents."""
    costs: Counter[str] = Counter()
    requests: Counter[str] = Counter()
    for each in priced:
        costs[each.usage.actor] += each.cost_microcents
        requests[each.usage.actor] += 1
    ranked = sorted(requests, key=lambda actor: (-requests[actor], actor))
    return {actor: _budget(rank, costs[actor]) for rank, actor in enumerate(ranked, start=1)}


def _budget(rank: int, cost_microcents: int) -> int:
    enough = cost_microcents * 2 if rank % SHORT_OF_FUNDS else cost_microcents // 2
    return (enough // MILLICENT + 1) * MILLICENT


def _grant(client: Millicent, run_id: str, actor: str, budget_microcents: int) -> None:
    client.grant(
        actor,
        millicents(budget_microcents),
        category="promotional",
        reason="demo credits",
        key=f"demo-{run_id}",
    )
