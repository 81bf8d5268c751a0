"""Each part of `make bench`, with as little of everything as there can be."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from bench import cold, leases, memory, processes

ROOT = Path(__file__).parents[2]


def told_by(*command: str) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stderr
    told: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return told


def test_one_line_tells_the_figures_of_all_parts_that_are_wanted() -> None:
    told = told_by("bench", "--parts", "a,c,e", "--rounds", "1", "--rows", "30")
    assert told["growth_rows"] == 30
    assert {
        *("charge_over_bare", "check_over_bare", "charge_over_naive"),
        *("hold_and_capture_over_bare", "batch_line_over_bare", "growth_1m_over_10"),
        *("write_units_per_charge", "write_units_per_batched_charge", "dollars_per_million_charges"),
    } < set(told)


def test_a_page_of_accounts_costs_the_same_however_many_there_are() -> None:
    told = told_by("bench.tenants", "--accounts", "1100", "--pages", "2")
    assert (told["accounts"], told["accounts_page_units_growth"] < 2) == (1100, True)
    assert {"accounts_page_p95_ms", "accounts_page_read_units", "accounts_page_growth"} < set(told)


def test_leased_spends_are_on_the_record_to_the_microcent() -> None:
    report = leases.report(1, spends=1000)
    assert {"leased_spends_per_s", "leased_spend_p99_us"} < set(report.figures)
    assert report.figures["leased_drift_microcents"] == 0


def test_charges_of_threads_are_all_in_the_balances() -> None:
    told = told_by("bench.throughput", "--rounds", "1", "--scale", "0.02")
    assert {
        *("batched_over_single", "batched_over_single_of_8_threads", "leased_each_over_single"),
        *("leased_each_over_batched_by_client", "leased_sum_over_single", "crowd_over_single", "crowd_p99_ms"),
    } < set(told)


@pytest.mark.parametrize(
    ("part", "figures"),
    [
        (cold, {"cold_over_bare", "cold_over_naive"}),
        (memory, {"memory_mb", "memory_over_bare", "memory_over_naive"}),
    ],
    ids=["cold", "memory"],
)
def test_processes_answer_and_tell_what_they_took(
    part: ModuleType, figures: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of this checkout and its environment: `tests/package` builds them."""

    def not_built(directory: Path) -> dict[str, list[Path]]:
        places = [ROOT, Path(sysconfig.get_path("purelib")), processes.with_context(directory)]
        return dict.fromkeys((*processes.CALLS, processes.BARE, processes.NAIVE), places)

    monkeypatch.setattr(part, "built", not_built)
    assert set(part.report(1).figures) == figures


def test_a_part_that_there_is_not_is_refused() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--parts", "a,z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "there is no part z" in run.stderr
