"""The day on which the tests run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from time_machine import travel


@contextmanager
def moved_ahead(days: int) -> Iterator[None]:
    """The clock of this process is so many days later in the block, and goes on. 0 leaves it alone."""
    if days == 0:
        yield
        return
    with travel(timedelta(days=days), tick=True):
        yield
