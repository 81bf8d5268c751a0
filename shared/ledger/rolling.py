"""Rolling windows: what was spent in the last five hours (`PT5H`), at every instant.

A window of length D at the instant t counts what was spent after t - D, up to t. So an amount leaves it exactly D after
it was counted. An account keeps what it counted in parts, each with its instant:

    PT5H    10:00 charge 30    parts 10:00 30                used 30
            12:00 charge 20    parts 10:00 30, 12:00 20      used 50
            15:00              the first part has left       used 20

An account has at most MAX_PARTS parts of a window. If it would have more, parts within the same sixtieth of the window
become one, which leaves at the latest of their instants. So an amount never leaves too early, and at most D / 60 too
late: a limit errs only on the side of refusing, and not at all up to MAX_PARTS amounts in a window.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

MINUTE_MS: Final = 60_000
MIN_WINDOW_MS: Final = MINUTE_MS
MAX_WINDOW_MS: Final = 31 * 24 * 60 * MINUTE_MS
CELLS: Final = 60
MAX_PARTS: Final = CELLS + 1
"""A window of 60 cells reaches into at most 61."""

WINDOW: Final = "P(?=[0-9T])([0-9]{1,2}W|([0-9]{1,2}D)?(T(?=[0-9])([0-9]{1,3}H)?([0-9]{1,5}M)?)?)"
"""An ISO 8601 duration of weeks, or of days, hours and minutes."""
_UNITS: Final = (("W", 7 * 24 * 60), ("D", 24 * 60), ("H", 60), ("M", 1))
_IN_TEXT: Final = (("P{}D", 24 * 60), ("PT{}H", 60), ("PT{}M", 1))


class Part(NamedTuple):
    """`amount` counted at `at_ms`, by the entries of `seq` up to the next part's."""

    at_ms: int
    seq: int
    amount: int


Parts: TypeAlias = tuple[Part, ...]


@lru_cache(maxsize=256)
def window_ms(window: str | None) -> int | None:
    """The length of a rolling window; None for a window of the calendar, and for none."""
    if window is None or re.fullmatch(WINDOW, window) is None:
        return None
    counts = {unit: int(count) for count, unit in re.findall("([0-9]+)([WDHM])", window)}
    return sum(counts.get(unit, 0) * minutes for unit, minutes in _UNITS) * MINUTE_MS


def window_text(length_ms: int) -> str:
    """The one text of a rolling window, in its largest unit: P1D, not PT24H."""
    minutes = length_ms // MINUTE_MS
    form, unit = next(each for each in _IN_TEXT if not minutes % each[1])
    return form.format(minutes // unit)


def in_window(parts: Parts, length_ms: int, at_ms: int) -> Parts:
    """The parts that have not left at `at_ms`. A clock that is behind does not bring a window back."""
    if not parts:
        return parts
    now_ms = max(at_ms, parts[-1].at_ms)
    if parts[0].at_ms > now_ms - length_ms:
        return parts
    return tuple(part for part in parts if part.at_ms > now_ms - length_ms)


def with_more(parts: Parts, length_ms: int, more: Part) -> Parts:
    """The parts with one more, which counts at the instant of the last one at the earliest."""
    last = parts[-1] if parts else None
    if last is not None and more.at_ms <= last.at_ms:
        return (*parts[:-1], last._replace(amount=last.amount + more.amount))
    added = (*parts, more)
    return added if len(added) <= MAX_PARTS else _by_cell(added, length_ms // CELLS)


def with_less(parts: Parts, seq: int, amount: int) -> Parts:
    """The parts without `amount` of what the entry of `seq` counted; unchanged if that has left."""
    counted = max((place for place, part in enumerate(parts) if part.seq <= seq), default=None)
    if counted is None:
        return parts
    part = parts[counted]
    less = (part._replace(amount=part.amount - amount),) if part.amount > amount else ()
    return (*parts[:counted], *less, *parts[counted + 1 :])


def _by_cell(parts: Iterable[Part], cell_ms: int) -> Parts:
    cells = (tuple(cell) for _, cell in groupby(parts, lambda part: part.at_ms // cell_ms))
    return tuple(Part(cell[-1].at_ms, cell[0].seq, sum(part.amount for part in cell)) for cell in cells)
