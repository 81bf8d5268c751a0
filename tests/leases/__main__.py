"""`make leases SPENDS=200000 SEED=1`. Exits 1 where a guarantee, or the harness, did not hold."""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Sequence

from tests.leases import runs
from tests.leases.oracle import FIGURES

_SHOWN_MAX = 12


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    chosen = list(enumerate(runs.plans(options.spends, seed, options.faults)))
    if options.world is not None:
        chosen = [chosen[options.world]]
    say(f"{options.spends} spends, seed {seed}, faults at {options.faults:.1%} of all calls, in {len(chosen)} worlds")
    started_s = time.monotonic()
    result = runs.Result()
    for number, outcome in runs.run(chosen, options.ledger):
        result.add(number, outcome)
    _report(result, options.spends, seed)
    figures = {figure: result.figures[figure] for figure in FIGURES}
    counted = {"spends": result.spends, "accepted": result.accepted, "recorded": result.recorded, "late": result.late}
    say(json.dumps(counted | figures | {"seed": seed, "seconds": round(time.monotonic() - started_s, 1)}))
    return 0 if result.is_clean else 1


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="leases", description="Budgets under faults, judged by an oracle.")
    parser.add_argument("--spends", type=int, default=200_000)
    parser.add_argument("--seed", type=int, help="a fresh one where none is given")
    parser.add_argument("--faults", type=float, default=0.05, help="the rate at which a call is struck")
    parser.add_argument("--world", type=int, help="run this one of the run's worlds alone")
    parser.add_argument("--ledger", choices=("service", "plain"), default="service", help="plain: quick arithmetic")
    return parser


def _report(result: runs.Result, spends: int, seed: int) -> None:
    say(", ".join(f"{count} {what}" for what, count in sorted(result.happened.items())))
    say(f"{result.accepted - result.recorded} accepted spends were lost with processes that had no journal")
    for number, said in result.failures[:_SHOWN_MAX]:
        say(f"WRONG  world {number}  {said}")
    for number in sorted({number for number, _ in result.failures})[:1]:
        say(f"again: .venv/bin/python -m tests.leases --spends {spends} --seed {seed} --world {number}")
    for what in result.missed:
        say(f"THE HARNESS IS BROKEN: never happened: {what}")


if __name__ == "__main__":
    sys.exit(main())
