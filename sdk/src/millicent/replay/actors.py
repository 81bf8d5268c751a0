"""Actors for usage without an actor column: a Zipf distribution, since a few users cause most of the traffic."""

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from random import Random
from typing import Final

DEFAULT_ACTORS: Final = 200
DEFAULT_SEED: Final = 2023


def actor_names(count: int) -> tuple[str, ...]:
    """From the most to the least active."""
    return tuple(f"user:{rank:04d}" for rank in range(1, count + 1))


def zipf_actors(count: int = DEFAULT_ACTORS, seed: int = DEFAULT_SEED) -> Iterator[str]:
    """Endless. The actor of rank r appears in proportion to 1/r; the same arguments give the same sequence."""
    names = actor_names(count)
    shares = list(accumulate(1 / rank for rank in range(1, count + 1)))
    # Only random() yields the same numbers in every version of Python.
    chance = Random(seed)  # noqa: S311 - to be repeated, not to be unguessable
    while True:
        yield names[min(bisect(shares, chance.random() * shares[-1]), count - 1)]
