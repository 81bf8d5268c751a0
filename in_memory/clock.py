"""The clock of a service in memory, in the place of shared/runtime/clock.py: it stands until it is set or advanced."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from in_memory.present import present
from shared.runtime.clock import epoch_now_ms as machine_now_ms
from shared.runtime.clock import new_id

__all__ = ["SettableClock", "epoch_now_ms", "monotonic_now_ms", "new_id", "wait_ms"]


class SettableClock:
    """Starts at the machine's time. `on_move` is called after a move, `may_go_back` before one to an earlier time."""

    def __init__(self, on_move: Callable[[], None], may_go_back: Callable[[], bool]) -> None:
        self._now_ms = machine_now_ms()
        self._on_move = on_move
        self._may_go_back = may_go_back

    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return self._now_ms

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ms / 1000, UTC)

    def set(self, instant: datetime | str) -> None:
        """To a time with its offset, as `datetime` or RFC 3339 text. What is due by then is done.

        Raises ValueError for a time without an offset, and for one before now once something is recorded.
        """
        at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        if at.tzinfo is None:
            raise ValueError(f"{instant} has no offset from UTC: write 2026-01-31T12:00:00Z")
        self._move(round(at.timestamp() * 1000))

    def advance(self, duration: timedelta | None = None, /, **parts: float) -> None:
        """By a `timedelta`, or by its parts: `advance(days=1, hours=2)`. What is due by then is done."""
        self._move(self._now_ms + round((duration or timedelta(**parts)).total_seconds() * 1000))

    def _move(self, to_ms: int) -> None:
        if to_ms < self._now_ms and not self._may_go_back():
            raise ValueError("the clock cannot go back after something was recorded")
        self._now_ms = to_ms
        self._on_move()


def epoch_now_ms() -> int:
    return present().clock.now_ms()


def monotonic_now_ms() -> int:
    return present().clock.now_ms()


def wait_ms(duration_ms: int) -> None:
    """Nothing in memory is slow: there is nothing to wait for."""
