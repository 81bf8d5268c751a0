"""`make explore CALLS= SCENARIO= PLANT=`. Exits 1 where a guarantee does not hold, with the shortest history to it."""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

from tests.explore.plants import PLANTS
from tests.explore.workers import Report, begin, explored, known

_WIDTH: Final = 62


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    started_s = time.monotonic()
    reports = []
    say(f"{'scenario':<{_WIDTH}} {'calls':>5} {'histories':>12} {'states':>10} {'steps':>11} {'broken':>9} {'s':>6}")
    # Each process imports what it explores by itself, so that a mistake can be planted before that.
    afresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), afresh, begin, (options.plant,)) as pool:
        names = _names(pool.submit(known).result(), options.scenario)
        tasks = [pool.submit(explored, name, options.calls) for name in names]
        for task in as_completed(tasks):
            reports.append(task.result())
            say(_line(reports[-1]))
    return _conclude(reports, time.monotonic() - started_s)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="explore", description="Every interleaving and outcome of a few requests.")
    parser.add_argument("--calls", type=int, help="after how many calls the time of a request is over")
    parser.add_argument("--scenario", help="those alone that have this in their name")
    planted = "; ".join(plant.name for plant in PLANTS)
    parser.add_argument("--plant", help=f"make this mistake: {planted}; or a mutant of tests/mutants, by its name")
    return parser


def _names(there: Sequence[str], wanted: str | None) -> list[str]:
    names = [name for name in there if wanted is None or wanted in name]
    if not names:
        raise SystemExit(f"no scenario has {wanted!r} in its name; there are:\n  " + "\n  ".join(there))
    return names


def _line(report: Report) -> str:
    return (
        f"{report.scenario:<{_WIDTH}} {report.calls:>5} {report.histories:>12.4g} {report.states:>10,} "
        f"{report.steps:>11,} {report.broken:>9.3g} {report.seconds:>6.1f}"
    )


def _conclude(reports: Sequence[Report], seconds: float) -> int:
    histories, violations = sum(each.histories for each in reports), sum(each.broken for each in reports)
    broken = [each for each in reports if each.broken]
    states, steps, tables = (sum(getattr(each, name) for each in reports) for name in ("states", "steps", "tables"))
    say(f"{len(reports)} scenarios: {states:,} states, {steps:,} steps between them, {tables:,} tables, all judged")
    if broken:
        shortest = min(broken, key=lambda each: each.cost)
        say(f"BROKEN in {len(broken)} scenarios. The shortest history that shows it: {shortest.scenario}")
        say("\n".join(shortest.tale))
    else:
        say(f"{histories:,} histories, and none broke a guarantee")
    say(json.dumps({"histories": histories, "violations": violations, "seconds": round(seconds, 1)}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
