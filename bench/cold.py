"""A cold start: the processor time of a new process from its first line to its first answer.

    python -m bench.cold [--rounds 7]

Of every charging function as it is built, of a script that makes botocore's client and reads one item (bare), and of
the naive twin. In turn, and the median of the rounds. The interpreter's own start is in none of them.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final

from bench.processes import BARE, CALLS, NAIVE, arguments_of, built, fund, told_by
from bench.report import Report, over, rows
from bench.stage import Stage, stage

_FUNCTION: Final = """
import time
before = time.process_time()
import sys, json
from importlib import import_module
answer = import_module(sys.argv[1]).lambda_handler(json.loads(sys.argv[2]), __import__("context").Context())
took = time.process_time() - before
assert answer["statusCode"] in {200, 201}, answer
print(json.dumps({"cold_ms": took * 1000}))
"""
_BARE: Final = """
import time
before = time.process_time()
import json
from botocore.config import Config
from botocore.session import get_session
client = get_session().create_client("dynamodb", config=Config(parameter_validation=False))
client.get_item(TableName="bare", Key={"pk": {"S": "a"}, "sk": {"S": "b"}}, ConsistentRead=True)
print(json.dumps({"cold_ms": (time.process_time() - before) * 1000}))
"""


def report(rounds: int) -> Report:
    times_ms = measured(rounds)
    of_bare = {name: over(each, times_ms[BARE]) for name, each in times_ms.items()}
    of_naive = {name: over(each, times_ms[NAIVE]) for name, each in times_ms.items()}
    shown = {
        name: (f"{median(each):.1f}", f"{of_bare[name]:.2f}", f"{of_naive[name]:.2f}")
        for name, each in times_ms.items()
    }
    return Report(
        rows(("processor ms", "of bare", "of naive"), shown, 14),
        {
            "cold_over_bare": round(max(of_bare[name] for name in CALLS), 3),
            "cold_over_naive": round(max(of_naive[name] for name in CALLS), 3),
        },
    )


def measured(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of processor time by what starts, one of each round."""
    with stage() as on, tempfile.TemporaryDirectory() as directory:
        places = built(Path(directory))
        fund(on, places)
        times_ms: dict[str, list[float]] = {name: [] for name in places}
        for _ in range(rounds):
            for name in places:
                times_ms[name].append(_cold_ms(on, name, places))
    return times_ms


def _cold_ms(on: Stage, name: str, places: Mapping[str, list[Path]]) -> float:
    program, *arguments = [_BARE] if name == BARE else [_FUNCTION, *arguments_of(name)]
    return told_by(on, places[name], program, *arguments)["cold_ms"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="cold", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    report(parser.parse_args().rounds).show()


if __name__ == "__main__":
    main()
