"""Chance and time of a simulated world. The same seed gives the same world."""

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, TypeVar

from tests.simulation.matrix import Cell, Fault, Place

_HIGHEST_RATE: Final = 0.3

_Thing = TypeVar("_Thing")


class Livelock(Exception):
    """The world does not come to rest: something is tried again for ever."""


class Clock:
    """A queue of what will happen. What is due at the same time happens in the order in which it was put there."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self._due: dict[int, list[tuple[Callable[[Any], None], Any]]] = {}
        self._instants: list[int] = []
        """A heap: every instant that something is due at, once."""

    def later(self, delay_ms: int, action: Callable[[Any], None], argument: Any) -> None:
        at_ms = self.now_ms + delay_ms
        happenings = self._due.get(at_ms)
        if happenings is None:
            self._due[at_ms] = [(action, argument)]
            heappush(self._instants, at_ms)
        else:
            happenings.append((action, argument))

    def run(self, happenings_max: int) -> None:
        """Until nothing is left to happen. Raises Livelock where that is not in sight."""
        happened = 0
        while self._instants:
            self.now_ms = heappop(self._instants)
            # What is put there for this very instant, while its happenings go on, is one of them.
            for action, argument in self._due[self.now_ms]:
                if happened == happenings_max:
                    raise Livelock(f"after {happened} happenings {len(self._due)} instants are still to come")
                happened += 1
                action(argument)
            del self._due[self.now_ms]


class Spot:
    """A place of the matrix in one world: decides whether a fault strikes, and counts those that do."""

    def __init__(self, place: Place, rng: Random, rate: float, fired: Counter[Cell]) -> None:
        self._name = place.name
        self._faults = place.faults
        self._random = rng.random
        self._rng = rng
        self._rate = min(rate * place.weight, _HIGHEST_RATE)
        self._fired = fired

    def draw(self) -> Fault | None:
        return None if self._random() >= self._rate else self.strike()

    def strike(self) -> Fault:
        """A fault for certain. Half of the time one that was seldom seen, so that no cell is left to luck."""
        start = int(self._random() * len(self._faults))
        if self._random() < 0.5:
            return self.fired(self._faults[start])
        return self.fired(min(self._faults[start:] + self._faults[:start], key=self._count))

    def fired(self, fault: Fault) -> Fault:
        self._fired[self._name, fault] += 1
        return fault

    def _count(self, fault: Fault) -> int:
        return self._fired[self._name, fault]


class Chance:
    """All randomness of a world, and how often each cell of the matrix has fired."""

    def __init__(self, seed: str, fault_rate: float) -> None:
        self.rng = Random(seed)
        self.fault_rate = fault_rate
        self._random = self.rng.random
        self.fired: Counter[Cell] = Counter()

    def spot(self, place: Place, rate: float | None = None) -> Spot:
        return Spot(place, self.rng, self.fault_rate if rate is None else rate, self.fired)

    def below(self, limit: int) -> int:
        """A whole number from 0 up to but not including the limit; cheaper than randrange."""
        return int(self._random() * limit)

    def choose(self, among: Sequence[_Thing]) -> _Thing:
        return among[self.below(len(among))]
