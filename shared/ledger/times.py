"""Times: epoch milliseconds inside, RFC 3339 in UTC outside."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_KEPT: Final = 64
"""Of the entries of a batch all have one time."""


@lru_cache(_KEPT)
def rfc3339(at_ms: int) -> str:
    """ "2026-01-31T12:00:00.000Z"."""
    return (_EPOCH + at_ms * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(at: datetime) -> int:
    """`at` must have a UTC offset. Fractions of a millisecond are cut off."""
    return (at - _EPOCH) // _MILLISECOND
