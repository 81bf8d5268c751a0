"""The demo: who is charged for what, and funded with how much. A few get too little, so that charges are refused."""

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
"""An actor with twice its cost can always pay: what it spent and what is held are never more than that."""

SHORT_OF_FUNDS: Final = 12
"""Every so-manieth actor, by activity, gets half of what its usage will cost."""
MILLICENT: Final = 1000
ANYBODY: Final = "user:alice"


@dataclass(frozen=True)
class Demo:
    """`run_id` names what is charged: the same usage again is the same run, and charges nothing again."""

    rows: list[Usage]
    run_id: str
    budgets_microcents: Mapping[str, int]

    @property
    def busiest_actor(self) -> str:
        """Anybody where nobody is charged: somebody to show calls with."""
        return next(iter(self.budgets_microcents), ANYBODY)


def demo(usage_file: Path | None, limit: int) -> Demo:
    """The first `limit` rows of the file, or made-up usage. Raises millicent.replay.ReplayError for a bad file."""
    rows = read_usage(usage_file.read_bytes(), Reading(limit=limit)) if usage_file else generated_usage(limit)
    return Demo(rows, _run_id(rows), _budgets(price_all(rows, Pricer())))


def fund(client: Millicent, plan: Demo, concurrency: int) -> None:
    """One grant an actor; the same run finds it made already. Raises millicent.errors.MillicentError."""
    with ThreadPoolExecutor(concurrency) as pool:
        # The list is what raises an error of a thread's.
        list(pool.map(lambda budget: _grant(client, plan.run_id, *budget), plan.budgets_microcents.items()))


def charge(
    client: Millicent, plan: Demo, concurrency: int, on_progress: Callable[[Progress], None] | None = None
) -> Summary:
    """Every row held and captured, as `millicent replay --holds --hold-factor 2` does: to either, what the other has
    charged is on the record."""
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
