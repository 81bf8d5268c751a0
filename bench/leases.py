"""Leased spends in one process: how many a second, and how long one takes.

    python -m bench.leases --spends 200000 --runs 7

Each run is a process of its own, on a copy of the service in memory, with a budget whose slice pays for all spends.
There are figures for each `record`: spends a second of the clock and of the processor, and the 50th and 99th percentile
of one spend in microseconds, of the clock. What was spent is compared with the record. The last line is the result as
JSON: the median of all runs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.report import Report, rows

ROOT: Final = Path(__file__).resolve().parents[1]
RECORDS: Final = ("sum", "each")
EACH_SHARE: Final = 10
"""With an entry for each spend a tenth of the spends is enough: the service in memory has to record them all."""
MEASURE: Final = """
import json, sys, time
import millicent
millicent.__path__.append(sys.argv[1])
from millicent.testing import InMemoryMillicent

spends, record = int(sys.argv[2]), sys.argv[3]
with InMemoryMillicent() as client:
    client.fund("user:alice", 2 * spends)
    with client.budget("user:alice", 2 * spends, record=record, meter="llm") as budget:
        budget.spend(1)
        spend, clock_ns = budget.spend, time.perf_counter_ns
        processor_s, began_s = time.process_time(), time.perf_counter()
        for _ in range(spends):
            spend("1.5")
        took_s, processor_s = time.perf_counter() - began_s, time.process_time() - processor_s
    with client.budget("user:alice", spends // 4, record=record, meter="llm") as budget:
        budget.spend(1)
        spend, durations_ns = budget.spend, []
        for _ in range(spends // 10):
            began_ns = clock_ns()
            spend("1.5")
            durations_ns.append(clock_ns() - began_ns)
    durations_ns.sort()
    expected = 1500 * (spends + spends // 10) + 2000
    recorded = int(client.account("user:alice").spent * 1000)
    print(json.dumps({
        "spends_per_s": spends / took_s,
        "spends_per_processor_s": spends / processor_s,
        "p50_us": durations_ns[len(durations_ns) // 2] / 1000,
        "p99_us": durations_ns[len(durations_ns) * 99 // 100] / 1000,
        "drift_microcents": recorded - expected,
    }))
"""


def measured(spends: int, runs: int, records: Sequence[str] = RECORDS) -> dict[str, Mapping[str, float]]:
    """The medians, by `record`."""
    with tempfile.TemporaryDirectory() as directory:
        build = [sys.executable, str(ROOT / "sdk" / "hatch_build.py"), str(ROOT), str(Path(directory, "_service"))]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        told: dict[str, list[Mapping[str, float]]] = {record: [] for record in records}
        for _ in range(runs):
            for record in records:
                told[record].append(_run(directory, spends if record == "sum" else spends // EACH_SHARE, record))
    return {
        record: {figure: round(median(each[figure] for each in runs_of), 1) for figure in runs_of[0]}
        for record, runs_of in told.items()
    }


def report(rounds: int, spends: int = 200_000) -> Report:
    """Sums alone: where each spend is an entry, it is the service in memory that takes the time."""
    found = measured(spends, rounds, ["sum"])
    shown = {
        f'record="{record}"': (
            f"{each['spends_per_processor_s']:,.0f}",
            f"{each['spends_per_s']:,.0f}",
            each["p50_us"],
            each["p99_us"],
            f"{each['drift_microcents']:.0f}",
        )
        for record, each in found.items()
    }
    return Report(
        rows(("processor /s", "clock /s", "p50 us", "p99 us", "drift"), shown, 14),
        {
            "leased_spends_per_s": found["sum"]["spends_per_processor_s"],
            "leased_spend_p99_us": found["sum"]["p99_us"],
            "leased_drift_microcents": max(abs(each["drift_microcents"]) for each in found.values()),
        },
    )


def _run(directory: str, spends: int, record: str) -> dict[str, Any]:
    command = [sys.executable, "-c", MEASURE, directory, str(spends), record]
    told: dict[str, Any] = json.loads(subprocess.check_output(command, text=True))
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--spends", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    print(json.dumps(measured(options.spends, options.runs)))


if __name__ == "__main__":
    main()
