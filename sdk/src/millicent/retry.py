"""When to retry, and how long to wait before."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from secrets import SystemRandom
from typing import Final

import httpx

_MAX_DOUBLINGS: Final = 32
_COUNTS_SLEEP: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts continue until `deadline_s` after the start of the call; each waits for at most `attempt_timeout_s`.

    Between them is a random pause of up to `base_s`, doubled with every attempt up to `cap_s` (exponential backoff with
    full jitter), or the service's Retry-After if that is longer.
    """

    deadline_s: float = 30.0
    attempt_timeout_s: float = 10.0
    base_s: float = 0.1
    cap_s: float = 5.0

    def longest_pause_s(self, attempt: int) -> float:
        """Before the attempt that follows attempt number `attempt` (from 0)."""
        return min(self.cap_s, self.base_s * 2.0 ** min(attempt, _MAX_DOUBLINGS))


def steady_now_s() -> float:
    """`time.monotonic` stands still while the machine sleeps, on Linux and on macOS. Each has a clock that does not."""
    return time.monotonic() if _COUNTS_SLEEP is None else time.clock_gettime(_COUNTS_SLEEP)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and randomness, replaceable in tests. `now_s` is monotonic, with an arbitrary zero.

    So is `steady_now_s`, which goes on while the machine sleeps, as a hold's life does.
    """

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = SystemRandom().uniform
    steady_now_s: Callable[[], float] = steady_now_s


def retry_after_s(headers: httpx.Headers) -> float | None:
    """Both forms of Retry-After.

    A date is compared with the answer's own Date, so this machine's clock does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        pause = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(pause.total_seconds(), 0.0)
