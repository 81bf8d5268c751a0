"""The sums of an account by day: one item a day, however many sums it has.

A day knows the seq through which its entries are in it. So an entry is added to it once, whatever is added again, in
parts or in another order.

A day keeps the first names that fit, in the order in which they appear; each further name has a sum of its own beside
it. What is where follows from the entries alone: a day only grows, so a name that did not fit never will.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from shared.ledger.frozen import dataclass
from shared.ledger.usage import Counted, Slot, Sums

ROOM_BYTES: Final = 1536
"""For the names of a day, so that its item takes less than 2 KB, and to count a charge two write units at most."""
_BYTES_OF_SUMS: Final = 48
"""For three numbers of 14 digits, and what is around them."""


@dataclass(frozen=True, slots=True)
class Day:
    """The sums of a day. All its entries up to seq `through` are in it, and in the sums beside it.

    `counted`: all entries of the account up to this seq are in the sums of their days. Only the newest day's holds.
    """

    day: str
    through: int
    counted: int
    sums: Mapping[Slot, Sums]

    @property
    def is_new(self) -> bool:
        return not self.through


@dataclass(frozen=True, slots=True)
class Extended:
    """A day with more entries in it. `beside` are the additions to sums for which it has no room, by slot."""

    day: Day
    beside: Mapping[Slot, tuple[Counted, ...]]


def new_day(day: str) -> Day:
    return Day(day, 0, 0, {})


def extended(day: Day, counted: Iterable[Counted], through: int, claim: int) -> Extended:
    """The day with the entries up to seq `through` that it does not have yet.

    `counted` are entries in the order of seq, also of other days. `claim` is its new `counted`; it keeps a higher one.
    """
    sums, beside = dict(day.sums), dict[Slot, list[Counted]]()
    room = ROOM_BYTES - sum(map(_size_bytes, sums))
    for each in counted:
        if each.seq <= day.through:
            continue
        for slot, added in each.sums.items():
            if slot.day != day.day:
                continue
            if slot in sums:
                sums[slot] += added
            elif _size_bytes(slot) <= room:
                sums[slot] = added
                room -= _size_bytes(slot)
            else:
                beside.setdefault(slot, []).append(Counted(each.seq, {slot: added}))
    return Extended(
        Day(day.day, max(day.through, through), max(day.counted, claim), sums),
        {slot: tuple(lines) for slot, lines in beside.items()},
    )


def _size_bytes(slot: Slot) -> int:
    return len(slot.name) + _BYTES_OF_SUMS
