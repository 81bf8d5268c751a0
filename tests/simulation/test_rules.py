"""The oracle's own calendar and arithmetic of what governs an account."""

import pytest

from shared.ledger.calendar import Period, period_around
from tests.simulation.rules import ZONES, Regular, Rules, end_of
from tests.simulation.workload import DAY_MS, HOUR_MS, START_MS

PERIODS: tuple[Period, ...] = ("hour", "day", "week", "month")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("period", PERIODS)
def test_its_periods_end_when_those_of_the_ledger_do(period: Period, zone: str) -> None:
    for hours in range(0, 24 * 400, 7):
        at_ms = START_MS + hours * HOUR_MS + hours % 3
        assert end_of(period, at_ms, zone) == period_around(period, at_ms, zone)[1]


def test_refills_that_were_missed_come_one_after_the_other() -> None:
    allowance = Regular(100, "daily", 5, 10, 30, next_ms=START_MS)
    assert allowance.falls_due(START_MS, "UTC", left=50, owed=0) == (80, START_MS + DAY_MS)
    assert allowance.falls_due(START_MS + DAY_MS, "UTC", left=5, owed=20) == (95 + 50, START_MS + 2 * DAY_MS)


def test_a_threshold_warns_once_until_a_funding_lifts_what_is_there_to_it() -> None:
    rules = Rules(armed={10: True, 5: True})
    assert rules.warn(7, is_funding=False, is_refill=False) == [10]
    assert rules.warn(20, is_funding=False, is_refill=False) == []
    assert rules.warn(4, is_funding=False, is_refill=False) == [5]
    assert rules.warn(4, is_funding=True, is_refill=False) == [10, 5]
    assert rules.warn(10, is_funding=True, is_refill=False) == []
    assert rules.warn(3, is_funding=False, is_refill=False) == [10, 5]
    assert rules.warn(4, is_funding=False, is_refill=True) == []


def test_a_month_that_is_given_is_not_given_again_further_west() -> None:
    allowance = Regular(100, "daily", 5, 0, 0, next_ms=START_MS, behind_ms=5 * HOUR_MS + HOUR_MS // 2)
    assert allowance.falls_due(START_MS, "UTC", left=0, owed=0)[1] == START_MS + DAY_MS
    begins = Regular(100, "daily", 5, 0, 0, next_ms=START_MS + HOUR_MS, begins=True)
    assert begins.falls_due(START_MS + HOUR_MS, "UTC", left=0, owed=0)[1] == START_MS + DAY_MS
