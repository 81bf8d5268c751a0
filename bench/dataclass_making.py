"""What it costs to make a dataclass, to make an instance of it and to compare two: ours beside the standard one's.

    python -m bench.dataclass_making

Microseconds of processor time, the median of nine rounds.
"""

import dataclasses
import time
from collections import namedtuple
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from shared.ledger.frozen import dataclass

ROUNDS: Final = 9
CLASSES: Final = 100
INSTANCES: Final = 20_000
_SOURCE: Final = """
class Sample:
    first: int
    second: str
    third: "int | None" = None
    fourth: tuple[int, ...] = ()
    fifth: bool = False
    @property
    def doubled(self):
        return self.first * 2
"""

_standard: Final = dataclasses.dataclass
DECORATORS: Final[dict[str, Callable[[Any], Any]]] = {
    "ours": dataclass(frozen=True, slots=True),
    "standard, frozen, slots": _standard(frozen=True, slots=True),
    "  with a docstring": lambda cls: _standard(frozen=True, slots=True)(_documented(cls)),
    "  without slots": _standard(frozen=True),
    "  repr=False": _standard(frozen=True, slots=True, repr=False),
    "  repr=False, eq=False": _standard(frozen=True, slots=True, repr=False, eq=False),
    "namedtuple": lambda cls: namedtuple(cls.__name__, list(cls.__annotations__), defaults=(None, (), False)),  # noqa: PYI024 - as of any class
}


def _sample() -> Any:  # noqa: ANN401 - a class that is not decorated yet
    names: dict[str, Any] = {"__name__": __name__}
    exec(_SOURCE, names)  # noqa: S102 - our own text, anew for each class
    return names["Sample"]


def _documented(cls: Any) -> Any:  # noqa: ANN401 - any class
    cls.__doc__ = "It has a docstring."
    return cls


def _us(act: Callable[[], object], times: int) -> float:
    before_ns = time.process_time_ns()
    act()
    return (time.process_time_ns() - before_ns) / times / 1000


def _measured(decorate: Callable[[Any], Any]) -> tuple[float, float, float]:
    """Of a class, of an instance, of a comparison."""
    samples = [_sample() for _ in range(CLASSES)]
    made_us = _us(lambda: [decorate(each) for each in samples], CLASSES)
    cls = decorate(_sample())
    one, other = cls(1, "a"), cls(1, "a")
    instance_us = _us(lambda: [cls(1, "a", None, (), False) for _ in range(INSTANCES)], INSTANCES)
    compared_us = _us(lambda: [one == other for _ in range(INSTANCES)], INSTANCES)
    return made_us, instance_us, compared_us


def main() -> None:
    rounds = [{name: _measured(decorate) for name, decorate in DECORATORS.items()} for _ in range(ROUNDS)]
    print(f"{'microseconds':<26}{'a class':>10}{'an instance':>14}{'a comparison':>14}")
    for name in DECORATORS:
        made_us, instance_us, compared_us = (
            median(values) for values in zip(*(each[name] for each in rounds), strict=True)
        )
        print(f"{name:<26}{made_us:10.1f}{instance_us:14.2f}{compared_us:14.2f}")


if __name__ == "__main__":
    main()
