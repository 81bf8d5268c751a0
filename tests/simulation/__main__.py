"""`make simulate OPS=1000000 SEED=1 FAULTS=0.02`. Exits 1 where a guarantee or the harness itself did not hold."""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Sequence

from tests.simulation import runs
from tests.simulation.matrix import cells
from tests.simulation.verdict import FIGURES

_SHOWN_MAX = 12
_COUNTED = {
    "configure": "changes of settings",
    "allowance": "refills of allowances",
    "warnings": "warnings of a low balance",
    "counterparts": "operations of members with their parents",
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    settings = runs.Settings(options.operations, seed, options.faults)
    say(f"{settings.operations} operations, seed {seed}, faults at {settings.fault_rate:.1%} of all calls")
    started_s = time.monotonic()
    result = runs.run(settings, options.world)
    seconds = time.monotonic() - started_s
    if options.key is not None:
        _tell(settings, options.world or 0, options.key)
    _report(result)
    say(json.dumps(_summary(result, seconds)))
    return 0 if result.is_clean and result.is_harness_sound else 1


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulate", description="The ledger under faults, judged by an oracle.")
    parser.add_argument("--operations", type=int, default=200_000)
    parser.add_argument("--seed", type=int, help="a fresh one where none is given")
    parser.add_argument("--faults", type=float, default=0.02, help="the rate at which a call is struck")
    parser.add_argument("--world", type=int, help="run this one of the run's worlds alone")
    parser.add_argument("--key", help="tell the story of this operation of that world")
    return parser


def _report(result: runs.Result) -> None:
    say(f"up to {result.concurrent_max} requests under way together; {sum(result.fired.values())} faults struck")
    say(f"{result.repaired} audit rows, each from a failure queue's reach, were repaired from the ledger")
    say(f"{result.processor_s:.1f} s of processor time")
    say(", ".join(f"{result.counts[counted]} {what}" for counted, what in _COUNTED.items()))
    say(f"history {result.history_hash}")
    _report_matrix(result)
    _report_failures(result)
    twin = {figure: result.twin.figures[figure] for figure in FIGURES}
    operations = runs.twin_plan(result.settings).operations
    say(f"the naive twin, {operations} operations: {json.dumps(twin)}")
    if not result.is_harness_sound:
        say("THE HARNESS IS BROKEN: the twin came through, or a cell of the matrix never fired")


def _report_matrix(result: runs.Result) -> None:
    fired = {cell: result.fired[cell] for cell in cells()}
    rarest = min(fired, key=lambda cell: fired[cell])
    count = sum(map(bool, fired.values()))
    say(f"matrix: {count} of {len(fired)} cells fired; the rarest, {'/'.join(rarest)}, {fired[rarest]} times")
    if result.must_fill_matrix:
        for place, fault in result.unfired:
            say(f"never fired: {place}/{fault}")


def _report_failures(result: runs.Result) -> None:
    for number, wrong in result.failures[:_SHOWN_MAX]:
        say(f"WRONG  {wrong.figure}  world {number}  {wrong.account.actor}  {wrong.key or '-'}: {wrong.what}")
    named = next(((number, wrong.key) for number, wrong in result.failures if wrong.key), None)
    if named is not None:
        _tell(result.settings, *named)


def _tell(settings: runs.Settings, number: int, key: str) -> None:
    say(f"what happened to {key} in world {number} (time, request, what):")
    lines = list(runs.story(settings, number, key))
    cut = len(lines) - 2 * _SHOWN_MAX
    shown = lines if cut <= 0 else [*lines[:_SHOWN_MAX], f"... {cut} more ...", *lines[-_SHOWN_MAX:]]
    say("\n".join(f"  {line}" for line in shown))
    again = f"OPS={settings.operations} SEED={settings.seed} FAULTS={settings.fault_rate} WORLD={number} KEY={key}"
    say(f"replay: make simulate {again}")


def _summary(result: runs.Result, seconds: float) -> dict[str, object]:
    return {
        "operations": result.operations,
        "faults": sum(result.fired.values()),
        **{figure: result.figures[figure] for figure in FIGURES},
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
