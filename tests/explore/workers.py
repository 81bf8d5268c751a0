"""What a process of the exploration does: one scenario after the other."""

import time
from dataclasses import dataclass

from tests.explore.plants import plant_named


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one scenario. `tale` is the shortest history to what is broken, and `cost` how short it is."""

    scenario: str
    calls: int
    histories: int
    broken: int
    states: int
    steps: int
    tables: int
    seconds: float
    tale: tuple[str, ...] = ()
    cost: int = 0


def begin(plant: str | None) -> None:
    if plant is not None:
        plant_named(plant)


def known() -> list[str]:
    """The most laborious first, so that none is left over at the end: those with the most requests."""
    from tests.explore.scenarios import SCENARIOS  # noqa: PLC0415 - not before a mistake is planted

    by_requests = sorted(SCENARIOS, key=lambda each: -sum(each.calls * len(caller.attempts) for caller in each.callers))
    return [scenario.name for scenario in by_requests]


def explored(name: str, calls_max: int | None) -> Report:
    from tests.explore.scenarios import named  # noqa: PLC0415
    from tests.explore.search import Search  # noqa: PLC0415
    from tests.explore.tale import tale  # noqa: PLC0415

    scenario, started_s = named(name), time.monotonic()
    calls = calls_max or scenario.calls
    found = Search(scenario, calls).explore()
    lines: tuple[str, ...] = ()
    cost = 0
    if found.broken:
        search = Search(scenario, calls)
        broken = search.shortest_broken()
        assert broken is not None
        lines, cost = (*tale(search, broken.way), f"     {broken.problem}"), broken.cost
    seconds = time.monotonic() - started_s
    return Report(
        scenario.name,
        calls,
        found.histories,
        found.broken,
        found.states,
        found.steps,
        found.tables,
        seconds,
        lines,
        cost,
    )
