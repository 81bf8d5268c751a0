"""When to try again, and how long to wait before it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from secrets import SystemRandom
from typing import Final

import httpx

_MAX_DOUBLINGS: Final = 32


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts go on until `deadline_s` after the call began, each waiting for at most `attempt_timeout_s`.

    Between them is a random pause of up to `base_s`, doubled with every attempt up to `cap_s` (exponential backoff with
    full jitter), or what the service asks for in Retry-After if that is longer.
    """

    deadline_s: float = 30.0
    attempt_timeout_s: float = 10.0
    base_s: float = 0.1
    cap_s: float = 5.0

    def longest_pause_s(self, attempt: int) -> float:
        """Before the attempt that follows the `attempt`th (from 0)."""
        return min(self.cap_s, self.base_s * 2.0 ** min(attempt, _MAX_DOUBLINGS))


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, so that a test can bring its own. `now_s` only ever grows; its zero means nothing."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = SystemRandom().uniform


def retry_after_s(headers: httpx.Headers) -> float | None:
    """Both forms of Retry-After. A date counts from the answer's own Date, so this machine's clock does not matter."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        pause = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(pause.total_seconds(), 0.0)
