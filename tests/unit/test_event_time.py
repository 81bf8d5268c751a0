"""How far the time of spending may be from the time at which it is recorded."""

import pytest

from shared.ledger.errors import InvalidOperation
from shared.usecases.event_time import RecordingTime
from tests.builders import NOW_MS

DAY_MS = 24 * 3600 * 1000
FIVE_MINUTES_MS = 300_000
TIME = RecordingTime(NOW_MS, days_back=35)


def test_spending_without_a_time_occurs_when_it_is_recorded() -> None:
    assert TIME.event_time(None) == NOW_MS


@pytest.mark.parametrize("at_ms", [NOW_MS - 35 * DAY_MS, NOW_MS - 1, NOW_MS, NOW_MS + FIVE_MINUTES_MS])
def test_a_time_within_the_bounds_is_the_time_of_the_spending(at_ms: int) -> None:
    assert TIME.event_time(at_ms) == at_ms


@pytest.mark.parametrize("at_ms", [0, NOW_MS - 35 * DAY_MS - 1, NOW_MS + FIVE_MINUTES_MS + 1, NOW_MS + DAY_MS])
def test_a_time_out_of_the_bounds_is_refused_and_the_bounds_are_said(at_ms: int) -> None:
    with pytest.raises(InvalidOperation) as refused:
        TIME.event_time(at_ms)
    assert refused.value.field == "occurred_at"
    assert refused.value.must_be == (
        "a time from 2025-10-19T12:13:20.000Z to 2025-11-23T12:18:20.000Z: at most 35 days back and 5 minutes ahead"
    )


def test_one_day_is_said_as_one() -> None:
    with pytest.raises(InvalidOperation, match="at most 1 day back and 5 minutes ahead"):
        RecordingTime(NOW_MS, days_back=1).event_time(0)
