"""`make eager SEQUENCES=5000 OPERATIONS=40 SEED=1`. Exits 1 where the stack differs from the model, and tells how."""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence as Arguments
from dataclasses import dataclass, field
from functools import partial

from tests.eager.asks import MAKERS, RULES, Sequence, sequence_of
from tests.eager.runs import run, shortest, told

_CHUNK = 20
_SHORTENED_MAX = 3
"""Of each chunk, so many sequences that differ are made short: it takes a hundred runs each."""
_VERIFIED_EVERY = 10


@dataclass(frozen=True)
class Settings:
    sequences: int
    operations: int
    seed: int
    without: frozenset[str]


@dataclass
class Counted:
    """Of some sequences: each is run as it is, and with no-op entries."""

    operations: int = 0
    differences: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    apart: int = 0
    no_op_entries: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    whats: Counter[str] = field(default_factory=Counter)
    shortest: tuple[Sequence, bool] | None = None

    def add(self, other: "Counted") -> None:
        self.operations += other.operations
        self.differences = {key: count + other.differences[key] for key, count in self.differences.items()}
        self.apart += other.apart
        self.no_op_entries += other.no_op_entries
        self.kinds += other.kinds
        self.whats += other.whats
        if other.shortest is not None:
            self.keep_shortest(*other.shortest)

    def keep_shortest(self, sequence: Sequence, with_no_ops: bool) -> None:
        if self.shortest is None or len(sequence.asks) < len(self.shortest[0].asks):
            self.shortest = sequence, with_no_ops


def main(arguments: Arguments[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    without = frozenset(filter(None, options.without.split(",")))
    if unknown := without - {*MAKERS, *RULES}:
        _parser().error(f"nothing to leave out: {', '.join(sorted(unknown))}")
    settings = Settings(options.sequences, options.operations, options.seed, without)
    started_s = time.monotonic()
    counted = run_all(settings, options.processes)
    _report(settings, counted)
    say(json.dumps(summary(settings, counted, time.monotonic() - started_s)))
    return 1 if any(counted.differences.values()) or counted.apart else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="eager", description="The whole stack against an eager plain model.")
    parser.add_argument("--sequences", type=int, default=5000)
    parser.add_argument("--operations", type=int, default=40, help="of each sequence")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    names = ", ".join([*MAKERS, *RULES])
    parser.add_argument("--without", default="", help=f"what to leave out, with commas between: {names}")
    return parser


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def run_all(settings: Settings, processes: int = 1) -> Counted:
    total = Counted()
    chunks = [range(first, min(first + _CHUNK, settings.sequences)) for first in range(0, settings.sequences, _CHUNK)]
    if processes == 1:
        for chunk in chunks:
            total.add(run_chunk(settings, chunk))
        return total
    with multiprocessing.Pool(processes) as pool:
        for counted in pool.imap(partial(run_chunk, settings), chunks):
            total.add(counted)
    return total


def run_chunk(settings: Settings, numbers: range) -> Counted:
    counted = Counted()
    shortened = 0
    for number in numbers:
        sequence = sequence_of(f"{settings.seed}/{number}", settings.operations, settings.without)
        views = []
        is_verified = number % _VERIFIED_EVERY == 0
        for with_no_ops in (False, True):
            outcome = run(sequence, with_no_ops=with_no_ops, without=settings.without, verifies=is_verified)
            counted.operations += outcome.operations
            counted.no_op_entries += outcome.no_op_entries
            counted.kinds += outcome.kinds
            views.append(outcome.views)
            if outcome.difference is None:
                continue
            counted.differences[with_no_ops] += 1
            counted.whats[outcome.difference.what] += 1
            if shortened < _SHORTENED_MAX:
                shortened += 1
                counted.keep_shortest(
                    shortest(sequence, with_no_ops=with_no_ops, without=settings.without), with_no_ops
                )
        # What readers saw, as far as both runs came.
        both = min(map(len, views))
        counted.apart += views[0][:both] != views[1][:both]
    return counted


def summary(settings: Settings, counted: Counted, seconds: float) -> dict[str, object]:
    return {
        "sequences": settings.sequences,
        "operations": settings.operations,
        "differences": counted.differences[False],
        "with_no_op_entries": {
            "differences": counted.differences[True],
            "entries": counted.no_op_entries,
            "apart": counted.apart,
        },
        "seconds": round(seconds, 1),
    }


def _report(settings: Settings, counted: Counted) -> None:
    say(f"{counted.operations} operations: " + ", ".join(f"{count} {kind}" for kind, count in counted.kinds.items()))
    for what, count in counted.whats.most_common(25):
        say(f"{count:6} x {what}")
    if counted.shortest is not None:
        sequence, with_no_ops = counted.shortest
        say("\n".join(told(sequence, with_no_ops=with_no_ops, without=settings.without)))


if __name__ == "__main__":
    sys.exit(main())
