"""What `millicent.testing` costs a suite of tests: its start, its first charge, and each test after that.

    python -m bench.testing --runs 5

Each run is a process of its own, on a copy of the service that is compiled, as pip leaves it. Times are in
milliseconds: of the processor, which is what the work takes, and of the clock. The last line is the result as JSON: the
median of all runs.
"""

import argparse
import compileall
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
MEASURE: Final = """
import json, sys, time
import pytest, millicent
millicent.__path__.append(sys.argv[1])

def now():
    return time.process_time() * 1000, time.perf_counter() * 1000

def lap(name):
    global before
    after = now()
    told[name] = {"processor_ms": after[0] - before[0], "clock_ms": after[1] - before[1]}
    before = now()

told, before = {}, now()
from millicent.testing import InMemoryMillicent
service = InMemoryMillicent()
lap("start")
service.fund("user:alice", 1000)
lap("first_call")
for number in range(100):
    with InMemoryMillicent() as another:
        pass
lap("hundred_more_services")
for number in range(100):
    service.charge("user:alice", 1)
lap("hundred_charges")
print(json.dumps(told))
"""


def measured(runs: int) -> dict[str, Mapping[str, float]]:
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "_service")
        build = [sys.executable, str(ROOT / "sdk" / "hatch_build.py"), str(ROOT), str(copy)]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        compileall.compile_dir(copy, quiet=2)
        told = [
            json.loads(subprocess.check_output([sys.executable, "-c", MEASURE, directory], text=True))
            for _ in range(runs)
        ]
    return {
        step: {unit: round(median(each[step][unit] for each in told), 1) for unit in told[0][step]} for step in told[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    print(json.dumps(measured(parser.parse_args().runs)))


if __name__ == "__main__":
    main()
