"""The sums of a tenant, from the sums of its accounts, whatever becomes of the messages that bring these.

A register is what one item of an account's usage says. An item only grows, so of two registers of one item the larger
is the newer one. A board keeps the newest register of every item of a month, and three kinds of sums that change by
what a newer register adds to the one before: by day and name, by actor for a day, by actor for the month. So a register
that comes twice, late or out of order changes nothing, and one that was lost is made up for by the next.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Final, Literal, TypeAlias, cast, get_args

from shared.ledger.accounts import Account
from shared.ledger.canonical import canonical_json
from shared.ledger.frozen import dataclass
from shared.ledger.usage import Slot, Sums

BoardGrouping: TypeAlias = Literal["day", "app", "meter", "model"]
"""What the sums of a tenant are grouped by, apart from actors."""

DAY_PART: Final = ""
"""The part of an account's day that is the item of the day; every other part is a sum beside it."""
OWN: Final = "own"
"""Of the sums of a day: what its accounts spent themselves, without what parents paid for members."""

Lines: TypeAlias = dict[str, str]
"""By actor, a text that is read only if the actor has a new register."""
Totals: TypeAlias = dict[str, dict[str, dict[str, list[int]]]]
"""By day, grouping and name: charged, refunded and count."""

_GROUPINGS: Final[tuple[str, ...]] = get_args(BoardGrouping)
_MONTH: Final = slice(len("2026-01"))


@dataclass(frozen=True, slots=True)
class Register:
    """One item of an account's usage: the item of `day`, or a sum for which that has no room.

    `through` is the seq up to which its entries are in it. All slots are of `day`.
    """

    account: Account
    day: str
    part: str
    through: int
    sums: Mapping[Slot, Sums]

    @property
    def month(self) -> str:
        return self.day[_MONTH]


@dataclass(frozen=True, slots=True)
class Board:
    """A part of a tenant's month, while it is being changed: `days` has the lines of those days that may change."""

    days: MutableMapping[str, Lines]
    actors: Lines
    totals: Totals

    def merge(self, registers: Iterable[Register]) -> set[str]:
        """Takes those that are newer. Returns the days that changed."""
        changed: set[str] = set()
        for each in registers:
            parts = self._parts(each.day, each.account.actor)
            if _size(each.through, _packed(each)) > _size(*parts.get(each.part, _NOTHING)):
                self.change(each.day, each.account.actor, parts, {**parts, each.part: (each.through, _packed(each))})
                changed.add(each.day)
        return changed

    def replace(self, actor: str, days: Mapping[str, Iterable[Register]]) -> set[str]:
        """Puts these registers in the place of all that the actor has on these days. Returns the days that changed."""
        changed: set[str] = set()
        for day, registers in days.items():
            before = self._parts(day, actor)
            after = {each.part: (each.through, _packed(each)) for each in registers}
            if after != before:
                self.change(day, actor, before, after)
                changed.add(day)
        return changed

    def _parts(self, day: str, actor: str) -> "_Parts":
        line = self.days[day].get(actor)
        return {} if line is None else _parts_of(line)

    def change(self, day: str, actor: str, before: "_Parts", after: "_Parts") -> None:
        """Puts parts of an actor's day in the place of others, in the line and in all sums."""
        difference = _minus(_flat(after), _flat(before))
        totals = self.totals.setdefault(day, {})
        for (grouping, name), added in difference.items():
            _add(totals.setdefault(grouping, {}), name, added)
            if not totals[grouping]:
                del totals[grouping]
        if not totals:
            del self.totals[day]
        spent = Sums(*difference.get(("day", ""), _ZERO))
        _put(self.days[day], actor, _line(after) if after else None)
        month = spent + (spent_in(self.actors[actor]) if actor in self.actors else Sums())
        _put(self.actors, actor, _three(month) if month != Sums() else None)


def spent_in(line: str) -> Sums:
    """What a line says that its actor spent, on the day or in the month."""
    charged, refunded, count = line.split(" ", 3)[:3]
    return Sums(int(charged), int(refunded), int(count))


def rank(actor: str, line: str) -> tuple[int, str]:
    """Sorts actors by what they spent, the most first, and by name where that is equal."""
    charged, refunded, _ = line.split(" ", 2)
    return int(refunded) - int(charged), actor


def text_of_lines(lines: Mapping[str, str]) -> str:
    """In the order of their ranks, so that who asks for the first reads no others. No actor has a space in its name."""
    return "".join(f"{actor} {lines[actor]}\n" for actor in sorted(lines, key=lambda actor: rank(actor, lines[actor])))


def ranked_in(lines: Iterable[str]) -> Iterator[tuple[tuple[int, str], Sums]]:
    """The rank and the spending of each actor, in the order of the lines of a text; takes no more than is asked for."""
    for line in lines:
        actor, told = line.split(" ", 1)
        yield rank(actor, told), spent_in(told)


def lines_of_text(text: str) -> Lines:
    return dict(cast("tuple[str, str]", line.split(" ", 1)) for line in text.split("\n") if line)


def text_of_totals(totals: Totals) -> str:
    return canonical_json(totals)


def totals_of_text(text: str) -> Totals:
    found: Totals = json.loads(text)
    return found


def sums_in(totals: Totals, grouping: str, is_wanted: Callable[[str], bool]) -> dict[str, Sums]:
    """The sums by name (for `day`, by day) over the days that are wanted."""
    found: dict[str, Sums] = {}
    for day, groupings in totals.items():
        if is_wanted(day):
            for name, three in groupings.get(grouping, {}).items():
                key = day if grouping == "day" else name
                found[key] = found.get(key, Sums()) + Sums(*three)
    return found


def faults(board: Board) -> list[str]:
    """What in a board with all its days contradicts its registers, in words; empty if all of it adds up."""
    summed = Board({day: {} for day in board.days}, {}, {})
    for day, lines in board.days.items():
        for actor, line in lines.items():
            summed.change(day, actor, {}, _parts_of(line))
    found = [f"the sums of {day}" for day in sorted(_differing(summed.totals, board.totals))]
    found += [f"the month of {actor}" for actor in sorted(_differing(summed.actors, board.actors))]
    lines_differ = (day for day in sorted(board.days) if _differing(summed.days[day], board.days[day]))
    return [f"{each} does not match the accounts" for each in [*found, *(f"a line of {day}" for day in lines_differ)]]


_Key: TypeAlias = tuple[str, str]
_Flat: TypeAlias = dict[_Key, tuple[int, int, int]]
_Packed: TypeAlias = dict[str, dict[str, list[int]]]
"""By grouping and name, as in the item of a day."""
_Part: TypeAlias = tuple[int, _Packed]
_Parts: TypeAlias = dict[str, _Part]

_ZERO: Final = (0, 0, 0)
_NOTHING: Final[_Part] = (-1, {})


def _size(through: int, packed: _Packed) -> tuple[int, ...]:
    """Grows with every addition. A sum of an older release has no seq, and its numbers grow."""
    threes = [three for names in packed.values() for three in names.values()]
    return (through, *(sum(three[place] for three in threes) for place in (2, 0, 1)))


def _packed(register: Register) -> _Packed:
    found: _Packed = {}
    for slot, sums in register.sums.items():
        found.setdefault(slot.grouping, {})[slot.name] = [sums.charged, sums.refunded, sums.count]
    return found


def _flat(parts: _Parts) -> _Flat:
    """What the parts add to the sums of a day."""
    found: _Flat = {}
    for _, packed in parts.values():
        for grouping, names in packed.items():
            for name, (charged, refunded, count) in names.items():
                if grouping in _GROUPINGS:
                    _grow(found, (grouping, name), (charged, refunded, count))
                elif not name:
                    _grow(found, (OWN, ""), (charged, refunded, count))
    return found


def _grow(found: _Flat, key: _Key, added: tuple[int, int, int]) -> None:
    before = found.get(key, _ZERO)
    found[key] = (before[0] + added[0], before[1] + added[1], before[2] + added[2])


def _minus(after: _Flat, before: _Flat) -> _Flat:
    found = dict(after)
    for key, (charged, refunded, count) in before.items():
        _grow(found, key, (-charged, -refunded, -count))
    return {key: three for key, three in found.items() if three != _ZERO}


def _add(names: dict[str, list[int]], name: str, added: tuple[int, int, int]) -> None:
    before = names.get(name, _ZERO)
    names[name] = [before[place] + added[place] for place in range(3)]
    if not any(names[name]):
        del names[name]


def _put(lines: Lines, actor: str, line: str | None) -> None:
    if line is not None:
        lines[actor] = line
    else:
        lines.pop(actor, None)


def _line(parts: _Parts) -> str:
    """What was spent, for those who only rank, and the parts."""
    return f"{_three(Sums(*_flat(parts).get(('day', ''), _ZERO)))} {canonical_json(parts)}"


def _parts_of(line: str) -> _Parts:
    stored: dict[str, tuple[int, _Packed]] = json.loads(line.split(" ", 3)[3])
    return {part: (through, packed) for part, (through, packed) in stored.items()}


def _three(sums: Sums) -> str:
    return f"{sums.charged} {sums.refunded} {sums.count}"


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
