"""What is known of a lane of calls: whether one is under way, and how long to wait before the next."""

from dataclasses import dataclass
from random import Random
from typing import Final

from millicent.errors import ApiError
from millicent.leases.slices import EVER_BEFORE
from millicent.retry import RetryPolicy

PAUSES: Final = RetryPolicy(base_s=0.25, cap_s=5.0)
_PAUSES_A_LIFE: Final = 12
"""A pause that the service asks for is at most this part of a hold's life: its extension must not come too late."""


@dataclass(slots=True)
class LaneState:
    """`failure` is why the newest call did nothing; None once one has done something."""

    ttl_s: int
    random: Random
    is_calling: bool = False
    pause_until_s: float = EVER_BEFORE
    failures: int = 0
    failure: Exception | None = None

    @classmethod
    def begun(cls, ttl_s: int, prefix: str) -> "LaneState":
        """No other budget has the prefix: those that were sent away together do not come back together."""
        return cls(ttl_s, Random(prefix))  # noqa: S311 - nobody gains by knowing it

    def answered(self) -> None:
        self.failures, self.failure = 0, None

    def failed(self, error: Exception, now_s: float) -> None:
        """The pause grows with each failure in a row, and is the service's Retry-After if that is longer."""
        longest_s = PAUSES.longest_pause_s(self.failures)
        self.failures += 1
        self.failure = error
        # At least a half of it: one call at a time is under way, and it is not to be sent again at once.
        own_s = self.random.uniform(longest_s / 2, longest_s)
        self.pause_until_s = now_s + max(own_s, min(_asked_s(error), self.ttl_s / _PAUSES_A_LIFE))


def _asked_s(error: BaseException) -> float:
    """Retry-After, of the error or of what it was made of."""
    found = error if isinstance(error, ApiError) else error.__cause__
    return (found.retry_after_s or 0.0) if isinstance(found, ApiError) else 0.0
