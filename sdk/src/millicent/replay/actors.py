"""Actors for usage without an actor column: a Zipf distribution, since a few users cause most of the traffic."""

import hashlib
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import Final

DEFAULT_ACTORS: Final = 200
DEFAULT_SEED: Final = 2023
_STEPS: Final = 1 << 53


def actor_names(count: int) -> tuple[str, ...]:
    """From the most to the least active."""
    return tuple(f"user:{rank:04d}" for rank in range(1, count + 1))


class ZipfActors:
    """The actor of rank r appears in proportion to 1/r. It follows from the event alone, wherever the event stands."""

    def __init__(self, count: int = DEFAULT_ACTORS, seed: int = DEFAULT_SEED) -> None:
        self._names = actor_names(count)
        self._shares = _shares(count)
        self._seed = seed

    def of(self, event: str) -> str:
        """The same for the same event, number of actors and seed."""
        drawn = hashlib.sha256(f"{self._seed} {event}".encode()).digest()
        return _drawn(self._names, self._shares, (int.from_bytes(drawn[:8], "big") >> 11) / _STEPS)


def zipf_actors(count: int = DEFAULT_ACTORS, seed: int = DEFAULT_SEED) -> Iterator[str]:
    """Endless, for generated usage; the same arguments give the same sequence."""
    names = actor_names(count)
    shares = _shares(count)
    # Only random() yields the same numbers in every version of Python.
    chance = Random(seed)  # noqa: S311 - to be repeated, not to be unguessable
    while True:
        yield _drawn(names, shares, chance.random())


def _shares(count: int) -> list[float]:
    return list(accumulate(1 / rank for rank in range(1, count + 1)))


def _drawn(names: Sequence[str], shares: Sequence[float], quantile: float) -> str:
    return names[min(bisect(shares, quantile * shares[-1]), len(names) - 1)]
