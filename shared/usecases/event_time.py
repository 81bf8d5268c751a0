"""Event time: when spending occurred, where the caller says so, and how far that may be from the time of recording."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.ledger.errors import InvalidOperation
from shared.ledger.frozen import dataclass
from shared.ledger.times import rfc3339
from shared.pricing.errors import Unpriced

AHEAD_MINUTES: Final = 5
"""For callers whose clocks are fast."""
_MS_PER_MINUTE: Final = 60_000
_MS_PER_DAY: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class RecordingTime:
    """The time of recording. Spending may have occurred up to `days_back` days before it, or AHEAD_MINUTES after it."""

    now_ms: int
    days_back: int

    def event_time(self, occurred_at_ms: int | None) -> int:
        """When the spending occurred; None: when it is recorded. Raises InvalidOperation for a time out of bounds."""
        if occurred_at_ms is None:
            return self.now_ms
        first_ms = self.now_ms - self.days_back * _MS_PER_DAY
        last_ms = self.now_ms + AHEAD_MINUTES * _MS_PER_MINUTE
        if not first_ms <= occurred_at_ms <= last_ms:
            raise InvalidOperation(
                "occurred_at", f"a time from {rfc3339(first_ms)} to {rfc3339(last_ms)}: {self._bounds}"
            )
        return occurred_at_ms

    @property
    def _bounds(self) -> str:
        days = "day" if self.days_back == 1 else "days"
        return f"at most {self.days_back} {days} back and {AHEAD_MINUTES} minutes ahead"


@contextmanager
def priced_as_of(occurred_at_ms: int | None) -> Iterator[None]:
    """Within it, an Unpriced names the time, if the caller gave one: the usage may have a price by now."""
    try:
        yield
    except Unpriced as unpriced:
        if occurred_at_ms is not None:
            unpriced.say_time(occurred_at_ms)
        raise
