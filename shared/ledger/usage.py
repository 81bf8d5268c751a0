"""Usage: the spending of an account, summed by UTC day and, per day, by app, by meter, by model and by member.

The day is the one on which the spending occurred, which may be before the day on which it was recorded.

The sums derive from the entries alone, in the order of seq. One number says how far was counted, so entries can be
counted late, repeatedly or concurrently, and still count once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
"""Sums per tally: with the seq counted through they fill one transaction."""

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
class Tally:
    """The additions of the entries after seq `after` up to `through`."""

    after: int
    through: int
    sums: Mapping[Slot, Sums]


def tallies(entries: Sequence[Entry], after: int, find: FindEntry, max_slots: int = MAX_SLOTS) -> Iterator[Tally]:
    """Adds up the entries that follow seq `after`, up to the first missing one.

    `entries` are in the order of seq. Each tally has at most `max_slots` sums and continues the one before.
    """
    sums: dict[Slot, Sums] = {}
    first, through = after, after
    for entry in entries:
        if entry.seq != through + 1:
            break
        added = dict(_counted(entry, find))
        if sums and len(sums.keys() | added.keys()) > max_slots:
            yield Tally(first, through, sums)
            sums, first = {}, through
        for slot, counted in added.items():
            sums[slot] = sums.get(slot, Sums()) + counted
        through = entry.seq
    if through > first:
        yield Tally(first, through, sums)


def miscounted(
    entries: Sequence[Entry], through: int, stored: Mapping[Slot, Sums], models_after: int | None = 0
) -> list[Slot]:
    """The stored sums that differ from the entries up to seq `through`, in order; none if an entry is missing.

    `entries` are all entries of the account, in the order of seq. Sums by model begin after seq `models_after`: an
    older release counted no models (None: it counted all so far).
    """
    counted = [entry for entry in entries if entry.seq <= through]
    if len(counted) != through:
        return []
    by_key = {entry.key: entry for entry in counted}
    first_with_models = through + 1 if models_after is None else models_after + 1
    sums: dict[Slot, Sums] = {}
    for entry in counted:
        for slot, added in _counted(entry, by_key.get):
            if slot.grouping != "model" or entry.seq >= first_with_models:
                sums[slot] = sums.get(slot, Sums()) + added
    wrong = (slot for slot in sums.keys() | stored.keys() if sums.get(slot) != stored.get(slot))
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
