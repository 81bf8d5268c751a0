"""Usage: the spending of an account, summed by UTC day and, per day, by app, by meter, by model and by member.

The day is the one on which the spending occurred, which may be before the day on which it was recorded.

The sums derive from the entries alone, in the order of seq. One number says how far was counted, so entries can be
counted late, repeatedly or concurrently, and still count once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final, Literal, TypeAlias

from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.kinds import KINDS
from shared.ledger.models import Through
from shared.ledger.times import rfc3339

Grouping: TypeAlias = Literal["day", "app", "meter", "model", "member"]
FindEntry: TypeAlias = Callable[[str], Entry | None]
"""Finds the entry of the same account by its key."""

MAX_SLOTS: Final = 99
"""Sums per tally, so that adding one ends in time."""

_DAY: Final = slice(len("2026-01-31"))


@dataclass(frozen=True, slots=True)
class Slot:
    """The key of a sum: a day and the name of an app, meter, model or member.

    The name is "" for entries without one, and for `day`.
    """

    grouping: Grouping
    name: str
    day: str


@dataclass(frozen=True, slots=True)
class Sums:
    """Microcents charged and refunded, and the number of charges and captures."""

    charged: int = 0
    refunded: int = 0
    count: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.charged + other.charged, self.refunded + other.refunded, self.count + other.count)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one entry adds to the sums."""

    seq: int
    sums: Mapping[Slot, Sums]


@dataclass(frozen=True, slots=True)
class Tally:
    """The additions of the entries after seq `after` up to `through`, in the order of seq."""

    after: int
    through: int
    entries: tuple[Counted, ...]

    @property
    def sums(self) -> dict[Slot, Sums]:
        """All together."""
        sums: dict[Slot, Sums] = {}
        for entry in self.entries:
            for slot, added in entry.sums.items():
                sums[slot] = sums.get(slot, Sums()) + added
        return sums

    @property
    def days(self) -> set[str]:
        return {slot.day for entry in self.entries for slot in entry.sums}


def tallies(entries: Sequence[Entry], after: int, find: FindEntry, max_slots: int = MAX_SLOTS) -> Iterator[Tally]:
    """Adds up the entries that follow seq `after`, up to the first missing one.

    `entries` are in the order of seq. Each tally has at most `max_slots` sums and continues the one before.
    """
    counted: list[Counted] = []
    slots: set[Slot] = set()
    first, through = after, after
    for entry in entries:
        if entry.seq != through + 1:
            break
        added = dict(_counted(entry, find))
        if slots and len(slots | added.keys()) > max_slots:
            yield Tally(first, through, tuple(counted))
            counted, slots, first = [], set(), through
        if added:
            counted.append(Counted(entry.seq, added))
            slots |= added.keys()
        through = entry.seq
    if through > first:
        yield Tally(first, through, tuple(counted))


@dataclass(frozen=True, slots=True)
class StoredSums:
    """The sums of an account as they are stored, with all entries up to seq `through`.

    `ahead` are sums that have more of their entries: those up to this seq. Sums by model begin after seq
    `models_after`: an older release counted no models (None: it counted all so far).
    """

    through: int
    sums: Mapping[Slot, Sums]
    models_after: int | None = 0
    ahead: Mapping[Slot, int] = field(default_factory=dict)

    def has(self, slot: Slot, seq: int) -> bool:
        """Whether the entry of this seq is in the sum."""
        if slot.grouping == "model" and seq <= (self.through if self.models_after is None else self.models_after):
            return False
        return seq <= max(self.through, self.ahead.get(slot, 0))


def miscounted(entries: Sequence[Entry], stored: StoredSums) -> list[Slot]:
    """The stored sums that differ from the entries, in order; none if an entry is missing.

    `entries` are all entries of the account, in the order of seq.
    """
    if len([entry for entry in entries if entry.seq <= stored.through]) != stored.through:
        return []
    by_key = {entry.key: entry for entry in entries}
    sums: dict[Slot, Sums] = {}
    for entry in entries:
        for slot, added in _counted(entry, by_key.get):
            if stored.has(slot, entry.seq):
                sums[slot] = sums.get(slot, Sums()) + added
    wrong = (slot for slot in sums.keys() | stored.sums.keys() if sums.get(slot) != stored.sums.get(slot))
    return sorted(wrong, key=lambda slot: (slot.grouping, slot.name, slot.day))


def _counted(entry: Entry, find: FindEntry) -> Iterator[tuple[Slot, Sums]]:
    counted = _sums_of(entry)
    if counted is None:
        return
    day = rfc3339(entry.occurred_at_ms)[_DAY]
    app, meter, model = _through(entry, find)
    yield Slot("day", "", day), counted
    yield Slot("app", app or "", day), counted
    yield Slot("meter", meter or "", day), counted
    yield Slot("model", model or "", day), counted
    yield Slot("member", entry.member or "", day), counted


def is_counted(entry: Entry) -> bool:
    """Whether it adds to a sum."""
    return _sums_of(entry) is not None


def _sums_of(entry: Entry) -> Sums | None:
    if entry.is_refused:
        return None
    match KINDS[entry.kind].usage:
        case "charged":
            return Sums(charged=-entry.amount, count=1)
        case "refunded":
            return Sums(refunded=entry.amount)
        case None:
            return None


def _through(entry: Entry, find: FindEntry) -> Through:
    """App, meter and model: those of the entry, or else of its hold. A refund's are those of the refunded entry."""
    if KINDS[entry.kind].usage != "refunded":
        return entry.spent_through
    refunded = find(entry.parameters["charge"])
    return Through() if refunded is None else _through(refunded, find)
