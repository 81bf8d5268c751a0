"""What every operation costs in units of DynamoDB, counted on the wire against DynamoDB Local.

A charge that writes one unit more costs 60 cents more a million, for every deployment: a change of these bounds is a
decision.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from millicent.bill.units import COUNTED

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def units() -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "bench.units"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_a_usual_charge_is_two_calls_five_write_units_and_one_read_unit(units: dict[str, Any]) -> None:
    charge = units["charge"]
    assert (charge["calls"], charge["write_units"], charge["read_units"]) == (2, 5, 1)


@pytest.mark.parametrize(
    ("operation", "at_most"),
    [
        ("check", 0),
        ("charge with limits", 7),
        ("charge of a member", 10),
        ("hold", 8),
        ("capture", 8),
        ("batched charge", 3.1),
        ("batched part of a hold", 3.1),
        ("batched charge of a member", 6.1),
        ("batched part of a member", 6.3),
        # Its row, and the item of the feed, which a batch of events has once for each tenant.
        ("audit, alone", 2),
        ("audit, of a batch", 1.1),
        ("audit, of 90 accounts", 1.1),
        ("usage, alone", 1),
        ("usage, of a batch", 0.1),
    ],
)
def test_no_operation_writes_more_units_than_it_needs(units: dict[str, Any], operation: str, at_most: float) -> None:
    assert units[operation]["write_units"] <= at_most


def test_the_table_that_estimates_are_made_of_is_what_was_counted(units: dict[str, Any]) -> None:
    counted = {name: each for name, each in units.items() if name in COUNTED}
    assert counted.keys() == COUNTED.keys()
    for name, each in COUNTED.items():
        found = counted[name]
        assert (each.calls, each.write_units, each.read_units) == tuple(
            round(found[unit], 2) for unit in ("calls", "write_units", "read_units")
        ), name
        assert each.log_bytes == pytest.approx(found["log_bytes"], rel=0.1), name


def test_every_row_stays_below_a_kibibyte_with_room(units: dict[str, Any]) -> None:
    assert {name: each["row_bytes"] for name, each in units.items() if each["row_bytes"] > 700} == {}
