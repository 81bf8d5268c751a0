"""Takes registers into the boards of their tenants.

    1. read the pointer and the texts that may change
    2. keep the changed texts under new names
    3. flip the pointer, if it still has the version that was read
    4. delete the texts that the change before this one replaced

Whoever is interrupted before 3 has changed nothing; after it, all is done. Who loses at 3 begins again. Readers may
still be at the texts that this change replaced, so the next change deletes them.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Final, TypeAlias

from shared.ledger.accounts import Account
from shared.ledger.boards import (
    Board,
    Lines,
    Register,
    lines_of_text,
    text_of_lines,
    text_of_totals,
    totals_of_text,
)
from shared.ledger.frozen import dataclass
from shared.ports.boards import BoardPlace, BoardStore, PartGone, Pointer, UsageItems

ACTORS_PART: Final = "actors"
TOTALS_PART: Final = "totals"
TRIES_MAX: Final = 20
_FIRST_MONTH: Final = "0000-00"
_LAST_MONTH: Final = "9999-12"
_NEW: Final = Pointer(0, {}, (), 0)

_Change: TypeAlias = Callable[[Board], set[str]]
"""Changes a board and returns the days that changed."""


class BoardBusy(Exception):
    """Others changed the board each time. The registers have to be taken again."""


@dataclass(frozen=True, slots=True)
class BoardDesk:
    """`token` makes a name that nobody else makes; `spread` runs a task for each board, maybe several at once."""

    store: BoardStore
    now_ms: Callable[[], int]
    token: Callable[[], str]
    spread: Callable[[Callable[[BoardPlace], bool], Sequence[BoardPlace]], Iterable[bool]] = field(default=map)


def merge_boards(registers: Iterable[Register], desk: BoardDesk, *, anew: bool = False) -> int:
    """Returns how many boards changed. Raises BoardBusy, PartGone, or as the store does; then all may be repeated.

    `anew`: a board that lost a text begins anew, for who takes all registers that there are.
    """
    by_place = _by_place(registers, desk.store)

    def merged(place: BoardPlace) -> bool:
        mine = by_place[place]
        return _changed(place, {each.day for each in mine}, lambda board: board.merge(mine), desk, anew=anew)

    return sum(desk.spread(merged, list(by_place)))


def recount_account(account: Account, items: UsageItems, desk: BoardDesk, months: Iterable[str] = ()) -> int:
    """Replaces what the boards have of an account by what its items say, also where that is less.

    `months` are recounted even if the account has no item in them. Returns how many boards changed.
    """
    found = {each.month for each in items.of_account(account)} | set(months)

    def recounted(place: BoardPlace) -> bool:
        days = _days_of(place, desk.store)

        def change(board: Board) -> set[str]:
            # Read after the pointer: whatever a newer version knows, these items know too.
            mine = [each for each in items.of_account(account) if each.month == place.month]
            return board.replace(account.actor, {day: [each for each in mine if each.day == day] for day in board.days})

        registers = [each for each in items.of_account(account) if each.month == place.month]
        return _changed(place, days | {each.day for each in registers}, change, desk)

    return sum(map(recounted, [_place_of(account, month, desk.store) for month in sorted(found)]))


def months_of(tenant: str, store: BoardStore) -> set[str]:
    """The months that have boards."""
    return {place.month for place, _ in store.pointers(tenant, _FIRST_MONTH, _LAST_MONTH)}


def board_of(place: BoardPlace, pointer: Pointer, days: Iterable[str], store: BoardStore) -> Board:
    """A board with the lines of these days. Raises PartGone."""
    days = sorted(days)
    parts = [part for part in (ACTORS_PART, TOTALS_PART, *days) if part in pointer.names]
    texts = dict(zip(parts, store.texts([(place, pointer.names[part]) for part in parts]), strict=True))
    lines: dict[str, Lines] = {day: lines_of_text(texts.get(day, "")) for day in days}
    return Board(lines, lines_of_text(texts.get(ACTORS_PART, "")), totals_of_text(texts.get(TOTALS_PART, "{}")))


def unused(names: Iterable[str], now: Pointer | None) -> Sequence[str]:
    """Those of a board's texts that no pointer will ever name, whenever `now` was read.

    A text is kept for a pointer of its own version, and a pointer names what it brings and what the one before it
    named. So a pointer of this version or a later one names what will ever be named. What the last change replaced may
    have readers; the next change deletes it.
    """
    if now is None:
        return []
    in_use = {*now.names.values(), *now.replaced}
    return [name for name in names if _version_of(name) <= now.version and name not in in_use]


def days_in(pointer: Pointer) -> set[str]:
    return pointer.names.keys() - {ACTORS_PART, TOTALS_PART}


def shard_of(actor: str, shards: int) -> int:
    return zlib.crc32(actor.encode()) % shards


def _by_place(registers: Iterable[Register], store: BoardStore) -> Mapping[BoardPlace, list[Register]]:
    months: dict[tuple[str, str], list[Register]] = {}
    for each in registers:
        months.setdefault((each.account.tenant, each.month), []).append(each)
    found: dict[BoardPlace, list[Register]] = {}
    for (tenant, month), mine in months.items():
        shards = store.shards(tenant, month)
        for each in mine:
            found.setdefault(BoardPlace(tenant, month, shard_of(each.account.actor, shards)), []).append(each)
    return found


def _place_of(account: Account, month: str, store: BoardStore) -> BoardPlace:
    return BoardPlace(account.tenant, month, shard_of(account.actor, store.shards(account.tenant, month)))


def _days_of(place: BoardPlace, store: BoardStore) -> set[str]:
    return days_in(store.pointer(place) or _NEW)


def _changed(place: BoardPlace, days: set[str], change: _Change, desk: BoardDesk, *, anew: bool = False) -> bool:
    for _ in range(TRIES_MAX):
        before = desk.store.pointer(place) or _NEW
        try:
            board = board_of(place, before, days, desk.store)
        except PartGone:
            if (desk.store.pointer(place) or _NEW).version != before.version:
                continue
            if not anew:
                raise
            before = replace(before, names={}, replaced=tuple(before.names.values()))
            board = board_of(place, before, days, desk.store)
        changed = change(board)
        if not changed:
            return False
        if _is_flipped(place, before, _texts(board, changed), desk):
            return True
    raise BoardBusy(f"{place} was changed by others {TRIES_MAX} times")


def _texts(board: Board, changed: set[str]) -> dict[str, str]:
    days = {day: text_of_lines(board.days[day]) for day in changed}
    return days | {ACTORS_PART: text_of_lines(board.actors), TOTALS_PART: text_of_totals(board.totals)}


def _version_of(name: str) -> int:
    return int(name.partition("-")[0])


def _is_flipped(place: BoardPlace, before: Pointer, texts: Mapping[str, str], desk: BoardDesk) -> bool:
    version, token = before.version + 1, desk.token()
    names = {part: f"{version}-{token}/{part}" for part in texts}
    desk.store.keep(place, {names[part]: text for part, text in texts.items()})
    replaced = tuple(before.names[part] for part in texts if part in before.names)
    after = Pointer(version, {**before.names, **names}, replaced, desk.now_ms())
    if desk.store.flip(place, after):
        desk.store.drop(place, before.replaced)
        return True
    # Somebody else was before this flip, or it was made and only its answer was lost.
    desk.store.drop(place, unused(names.values(), desk.store.pointer(place)))
    return False
