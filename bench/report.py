"""What a part of `make bench` tells: a table for people, and figures for the last line."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import process_time_ns
from typing import Any


@dataclass(frozen=True)
class Report:
    table: str
    figures: Mapping[str, float]

    def show(self) -> None:
        """The last line is the figures as JSON."""
        print(f"{self.table}\n{json.dumps(self.figures)}", flush=True)


def processor_ms(act: Callable[[int], object], times: int) -> float:
    """Milliseconds of this process for one call of `act`, which gets the numbers of the calls."""
    before_ns = process_time_ns()
    for number in range(times):
        act(number)
    return (process_time_ns() - before_ns) / times / 1e6


def over(one: Sequence[float], other: Sequence[float]) -> float:
    """How many times as much: the median of the rounds, as what else the machine does falls on both in a round."""
    return median(mine / max(theirs, 1e-9) for mine, theirs in zip(one, other, strict=True))


def rows(titles: tuple[str, ...], each: Mapping[str, tuple[Any, ...]], width: int = 12) -> str:
    """A table: the names to the left, then the columns of the titles."""
    name_width = 2 + max(map(len, each), default=0)
    lines = [" " * name_width + "".join(f"{title:>{width}}" for title in titles)]
    for name, values in each.items():
        lines.append(f"{name:<{name_width}}" + "".join(f"{value:>{width}}" for value in values))
    return "\n".join(lines)
