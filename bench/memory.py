"""The memory of every charging function: after its import, and after 100 charges.

    python -m bench.memory [--rounds 7]

Each is a process of its own, with the function as it is built; beside it a script on botocore alone that makes the same
two calls 100 times (bare), and the naive twin. Megabytes that the process has in memory, of which the interpreter
itself takes some 10. In turn, and the median of the rounds.
"""

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

from bench.processes import BARE, CALLS, NAIVE, arguments_of, built, fund, told_by
from bench.report import Report, rows
from bench.stage import Stage, stage

CHARGES: Final = 100
_MEMORY: Final = """
import os
def memory_mb():
    try:
        with open("/proc/self/statm") as told:
            return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        from resource import RUSAGE_SELF, getrusage
        return getrusage(RUSAGE_SELF).ru_maxrss / 1e6  # in bytes where there is no /proc
"""
_FUNCTION: Final = f"""{_MEMORY}
import sys, json
from importlib import import_module
handle, event = import_module(sys.argv[1]).lambda_handler, json.loads(sys.argv[2])
imported_mb = memory_mb()
context = __import__("context").Context()
for number in range({CHARGES}):
    event["headers"]["idempotency-key"] = f"{{sys.argv[3]}}-{{number}}"
    answer = handle(event, context)
    assert answer["statusCode"] in {{200, 201}}, answer
print(json.dumps({{"imported_mb": imported_mb, "charged_mb": memory_mb()}}))
"""
_BARE: Final = f"""{_MEMORY}
import sys, json
from botocore.config import Config
from botocore.session import get_session
client = get_session().create_client("dynamodb", config=Config(parameter_validation=False))
imported_mb = memory_mb()
def put(sk):
    item = {{"pk": {{"S": "a"}}, "sk": {{"S": sk}}, "record": {{"S": "x" * 700}}}}
    return {{"Put": {{"TableName": "bare", "Item": item}}}}
for number in range({CHARGES}):
    client.get_item(TableName="bare", Key={{"pk": {{"S": "a"}}, "sk": {{"S": "STATE"}}}}, ConsistentRead=True)
    client.transact_write_items(TransactItems=[put(f"{{sys.argv[1]}}-{{number}}"), put("STATE")])
print(json.dumps({{"imported_mb": imported_mb, "charged_mb": memory_mb()}}))
"""


@dataclass(frozen=True)
class Memory:
    imported_mb: float
    charged_mb: float


def report(rounds: int) -> Report:
    found = measured(rounds)
    worst_mb = max(found[name].charged_mb for name in CALLS)
    shown = {
        name: (f"{each.imported_mb:.1f}", f"{each.charged_mb:.1f}", f"{each.charged_mb / found[BARE].charged_mb:.2f}")
        for name, each in found.items()
    }
    return Report(
        rows(("MB imported", f"MB after {CHARGES}", "of bare"), shown, 14),
        {
            "memory_mb": round(worst_mb, 1),
            "memory_over_bare": round(worst_mb / found[BARE].charged_mb, 3),
            "memory_over_naive": round(worst_mb / found[NAIVE].charged_mb, 3),
        },
    )


def measured(rounds: int) -> dict[str, Memory]:
    """By what runs."""
    with stage() as on, tempfile.TemporaryDirectory() as directory:
        places = built(Path(directory))
        fund(on, places)
        told: dict[str, list[Memory]] = {name: [] for name in places}
        for _ in range(rounds):
            for name in places:
                told[name].append(_memory(on, name, places))
    return {
        name: Memory(median(one.imported_mb for one in each), median(one.charged_mb for one in each))
        for name, each in told.items()
    }


def _memory(on: Stage, name: str, places: Mapping[str, list[Path]]) -> Memory:
    program, *arguments = [_BARE] if name == BARE else [_FUNCTION, *arguments_of(name)]
    return Memory(**told_by(on, places[name], program, *arguments, str(uuid4())))


def main() -> None:
    parser = argparse.ArgumentParser(prog="memory", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    report(parser.parse_args().rounds).show()


if __name__ == "__main__":
    main()
