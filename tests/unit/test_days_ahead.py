"""`--days-ahead`: a test that fails from some later day on fails when CI looks there, not on that day."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.runtime.clock import epoch_now_ms
from tests.calendar import moved_ahead

DAYS = 400
BEGAN_AT_S = time.time()


def file_time(directory: Path) -> datetime:
    """What the kernel says of a new file, whose clock is not moved."""
    new = directory / "new"
    new.touch()
    return datetime.fromtimestamp(new.stat().st_mtime, UTC)


def test_the_clock_of_all_tests_is_as_far_ahead_as_was_asked(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    ahead = datetime.now(UTC) - file_time(tmp_path)
    assert round(ahead / timedelta(days=1)) == pytestconfig.getoption("--days-ahead")


def test_the_modules_of_the_tests_are_imported_on_that_day_too() -> None:
    assert time.time() - BEGAN_AT_S < timedelta(days=1).total_seconds()


def test_a_clock_that_was_moved_goes_on_and_is_put_back() -> None:
    before_ms = epoch_now_ms()
    with moved_ahead(DAYS):
        moved_ms = epoch_now_ms()
        time.sleep(0.01)
        assert epoch_now_ms() > moved_ms
    assert round((moved_ms - before_ms) / timedelta(days=1).total_seconds() / 1000) == DAYS
    assert round((epoch_now_ms() - before_ms) / timedelta(days=1).total_seconds() / 1000) == 0
