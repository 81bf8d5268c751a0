"""Downstream of the entries: the sums of accounts, their stream, and the sums of the tenant. The product decides.

It has chance of its own, so that what happens here changes nothing in the rest of the world.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple, TypeVar

from in_memory.boards import MemoryBoardStore
from shared.ledger.accounts import Account
from shared.ledger.boards import Register, faults, sums_in
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerUnavailable
from shared.ledger.times import rfc3339
from shared.ledger.usage import Grouping, Slot, Sums, Tally
from shared.ledger.usage_days import Day, extended, new_day
from shared.ports.boards import BoardPlace, Pointer, RegisterPage
from shared.ports.usage import DayRange, UsagePage
from shared.usecases.backfill_boards import backfill_boards
from shared.usecases.count_usage import Counter as UsageCounter
from shared.usecases.count_usage import UsageSignal, count_usage
from shared.usecases.merge_boards import BoardDesk, board_of, days_in, merge_boards
from tests.simulation.chance import Chance, Clock, Spot
from tests.simulation.downstream import Killed, Position
from tests.simulation.matrix import BOARD, SUM, SUM_STREAM, Fault
from tests.simulation.table import LedgerTable
from tests.simulation.verdict import Verdict
from tests.simulation.workload import HOUR_MS

WINDOW_MS: Final = 60_000
BATCH: Final = 100
SHARDS: Final = 4
_DAY: Final = slice(len("2026-01-31"))

_Answer = TypeVar("_Answer")


class Sent(NamedTuple):
    """A record of the stream of the sums; `number` is its place in it."""

    number: int
    register: Register


class SumsOfAccounts:
    """Implements usage.EntriesForward, usage.UsageBook and boards.UsageItems, over the journal of the ledger."""

    def __init__(self, table: LedgerTable, chance: Chance, on_register: Callable[[Register], None]) -> None:
        self.counted: dict[Account, int] = {}
        self._table = table
        self._spot = chance.spot(SUM)
        self._on_register = on_register
        self._days: dict[Account, dict[str, Day]] = {}
        self._beside: dict[Account, dict[Slot, tuple[int, Sums]]] = {}

    def following(self, account: Account, after_seq: int, limit: int) -> tuple[Entry, ...]:
        return tuple(row.entry for row in self._table.journal.get(account, [])[after_seq : after_seq + limit])

    def entry(self, account: Account, key: str) -> Entry | None:
        row = self._table.rows[account].get(key)
        return None if row is None else row.entry

    def counted_through(self, account: Account) -> int:
        return self.counted.get(account, 0)

    def add(self, account: Account, tally: Tally) -> bool:
        """As on DynamoDB: one item after the other, and what was counted with the last of them."""
        if self.counted_through(account) != tally.after:
            return False
        for name in sorted(tally.days):
            day = self._days.setdefault(account, {}).get(name, new_day(name))
            if day.through >= tally.through:
                continue
            after = extended(day, tally.entries, tally.through, tally.after)
            for slot, lines in after.beside.items():
                self._add_beside(account, slot, [(each.seq, each.sums[slot]) for each in lines], tally.through)
            self._die_maybe(Fault.KILLED_BEFORE)
            self._days[account][name] = after.day
            self._on_register(_of_day(account, after.day))
            self._die_maybe(Fault.KILLED_AFTER)
        self.counted[account] = tally.through
        return True

    def usage(self, account: Account, grouping: Grouping, period: DayRange, after: str | None, limit: int) -> UsagePage:
        raise NotImplementedError

    def of_account(self, account: Account) -> Sequence[Register]:
        days = [_of_day(account, day) for day in self._days.get(account, {}).values()]
        beside = self._beside.get(account, {}).items()
        return days + [_of_slot(account, slot, through, sums) for slot, (through, sums) in beside]

    def page(self, after: str | None) -> RegisterPage:
        accounts = sorted(self._days, key=lambda account: account.actor)
        place = int(after or 0)
        following = str(place + 1) if place + 1 < len(accounts) else None
        return RegisterPage(self.of_account(accounts[place]) if accounts else (), (), following)

    def _add_beside(self, account: Account, slot: Slot, lines: Iterable[tuple[int, Sums]], through: int) -> None:
        beside = self._beside.setdefault(account, {})
        seen, sums = beside.get(slot, (0, Sums()))
        beside[slot] = through, sum((added for seq, added in lines if seq > seen), sums)
        self._on_register(_of_slot(account, slot, *beside[slot]))
        self._die_maybe(Fault.KILLED_IN_BATCH)

    def _die_maybe(self, how: Fault) -> None:
        if self._spot.draw() is how:
            raise Killed


class FaultyBoards(MemoryBoardStore):
    """Every call may be the last thing that its caller does, may have no answer, or may come after somebody else's."""

    def __init__(self, chance: Chance) -> None:
        super().__init__(SHARDS)
        self.before_flip: Callable[[], None] = lambda: None
        self._spot: Spot = chance.spot(BOARD)

    def pointer(self, place: BoardPlace) -> Pointer | None:
        return self._called(lambda: super(FaultyBoards, self).pointer(place))

    def texts(self, wanted: Sequence[tuple[BoardPlace, str]]) -> Sequence[str]:
        return self._called(lambda: super(FaultyBoards, self).texts(wanted))

    def keep(self, place: BoardPlace, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            self._called(lambda name=name, text=text: super(FaultyBoards, self).keep(place, {name: text}))  # type: ignore[misc]

    def flip(self, place: BoardPlace, pointer: Pointer) -> bool:
        return self._called(lambda: super(FaultyBoards, self).flip(place, pointer))

    def drop(self, place: BoardPlace, names: Iterable[str]) -> None:
        for name in names:
            self._called(lambda name=name: super(FaultyBoards, self).drop(place, [name]))  # type: ignore[misc]

    def _called(self, call: Callable[[], _Answer]) -> _Answer:
        fault = self._spot.draw()
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        if fault in {Fault.THROTTLED, Fault.LOST_BEFORE}:
            raise LedgerUnavailable("no answer")
        if fault is Fault.CONFLICT:
            self.before_flip()
        answer = call()
        if fault is Fault.KILLED_AFTER:
            raise Killed
        if fault is Fault.LOST_AFTER:
            raise LedgerUnavailable("no answer")
        return answer


class Tenants:
    """Counts what the queue delivers, and keeps the boards."""

    def __init__(self, clock: Clock, seed: str, fault_rate: float, table: LedgerTable) -> None:
        self.chance = Chance(f"tenants {seed}", fault_rate)
        self.sums = SumsOfAccounts(table, self.chance, self._send)
        self.boards = FaultyBoards(self.chance)
        self._clock = clock
        self._stream = self.chance.spot(SUM_STREAM)
        self._records: list[Sent] = []
        self._lost: set[int] = set()
        self._next = 0
        self._is_polled = False
        tokens = count()
        self._desk = BoardDesk(self.boards, lambda: self._clock.now_ms, token=lambda: str(next(tokens)))
        self.boards.before_flip = self._merge_beside

    @property
    def fired(self) -> Counter[Any]:
        return self.chance.fired

    def wake(self, positions: Iterable[Position]) -> None:
        """What the usage function does with a batch; one that fails comes again."""
        signals = [UsageSignal("", account, seq) for account, seq in positions]
        counter = UsageCounter(self.sums, self.sums, has_time=lambda: True, pause=lambda _: None)
        try:
            count_usage(signals, counter)
        except Killed:
            self._clock.later(WINDOW_MS, self.wake, list(positions))

    def come_to_rest(self, verdict: Verdict) -> None:
        """The judgement; and once more after a backfill, as an operator runs it after records that were lost."""
        plain = self._without_faults()
        self._judge_items(plain, verdict)
        tokens = count()
        desk = BoardDesk(plain, lambda: self._clock.now_ms, token=lambda: f"backfill-{next(tokens)}")
        if self._lost:
            backfill_boards(None, self.sums, desk, is_time_up=lambda: False)
        self._judge(plain, verdict)

    def _send(self, register: Register) -> None:
        self._records.append(Sent(len(self._records), register))
        if not self._is_polled:
            self._is_polled = True
            self._clock.later(WINDOW_MS, self._poll, None)

    def _poll(self, _: object) -> None:
        self._is_polled = False
        self._deliver()
        if self._next < len(self._records):
            self._is_polled = True
            self._clock.later(WINDOW_MS, self._poll, None)

    def _deliver(self) -> None:
        fault = self._stream.draw()
        if fault is Fault.LATE:
            return
        start = max(self._next - BATCH // 2, 0) if fault is Fault.DUPLICATE else self._next
        batch = self._records[start : start + BATCH]
        ends = start + len(batch)
        if fault is Fault.REORDERED:
            self.chance.rng.shuffle(batch)
        if fault is Fault.DUPLICATE:
            self._clock.later(HOUR_MS + self.chance.below(48 * HOUR_MS), self._take_again, batch)
        if fault is Fault.LOST_BEFORE:
            self._lost |= {each.number for each in batch}
            self._next = ends
            return
        if self._take(batch):
            self._next = max(self._next, ends)

    def _take_again(self, batch: Sequence[Sent]) -> None:
        self._take(batch)

    def _take(self, batch: Sequence[Sent]) -> bool:
        try:
            merge_boards([each.register for each in batch], self._desk)
        except (Killed, LedgerUnavailable):
            return False
        return True

    def _merge_beside(self) -> None:
        """Another consumer, at once, of what came before."""
        before = self._records[max(self._next - BATCH, 0) : self._next + BATCH // 4]
        plain = self._without_faults()
        number = self.chance.below(1_000_000_000)
        merge_boards(
            [each.register for each in before], BoardDesk(plain, lambda: self._clock.now_ms, lambda: f"beside-{number}")
        )

    def _without_faults(self) -> MemoryBoardStore:
        plain = MemoryBoardStore(SHARDS)
        plain.kept, plain.pointed = self.boards.kept, self.boards.pointed
        return plain

    def _judge_items(self, boards: MemoryBoardStore, verdict: Verdict) -> None:
        """Of every item whose newest record was delivered the boards must have that."""
        newest = {(each.register.account, each.register.day, each.register.part): each for each in self._records}
        lines = _lines(boards)
        for (account, day, part), sent in newest.items():
            kept = lines.get((account, day), {}).get(part, [0])[0]
            if sent.number not in self._lost and kept != sent.register.through:
                what = f"{day} {part} was counted through {sent.register.through}, and the tenant has it through {kept}"
                verdict.add("usage_miscounted", account, None, what)

    def _judge(self, boards: MemoryBoardStore, verdict: Verdict) -> None:
        expected: dict[str, Sums] = {}
        for account, counted in self.sums.counted.items():
            for day, sums in _added_up(self.sums.following(account, 0, counted)).items():
                expected[day] = expected.get(day, Sums()) + sums
        found: dict[str, Sums] = {}
        for place, pointer in boards.pointed.items():
            board = board_of(place, pointer, days_in(pointer), boards)
            for fault in faults(board):
                verdict.add("usage_miscounted", Account(place.tenant, ""), None, fault)
            for day, sums in sums_in(board.totals, "day", lambda _: True).items():
                found[day] = found.get(day, Sums()) + sums
        for day in sorted(expected.keys() | found.keys()):
            if expected.get(day) != found.get(day):
                what = f"the tenant spent {found.get(day)} on {day}, its accounts {expected.get(day)}"
                verdict.add("usage_miscounted", Account("", ""), None, what)


def _lines(boards: MemoryBoardStore) -> dict[tuple[Account, str], dict[str, list[Any]]]:
    """By account and day, the seq and the sums of every part."""
    found: dict[tuple[Account, str], dict[str, list[Any]]] = {}
    for place, pointer in boards.pointed.items():
        for day, lines in board_of(place, pointer, days_in(pointer), boards).days.items():
            for actor, line in lines.items():
                found[Account(place.tenant, actor), day] = json.loads(line.split(" ", 3)[3])
    return found


def _added_up(entries: Iterable[Entry]) -> dict[str, Sums]:
    """By day, without the product's own arithmetic of usage."""
    found: dict[str, Sums] = {}
    for entry in entries:
        if entry.outcome == "refused" or entry.kind not in {"charge", "capture", "refund"}:
            continue
        is_refund = entry.kind == "refund"
        added = Sums(0, entry.amount, 0) if is_refund else Sums(-entry.amount, 0, 1)
        day = rfc3339(entry.occurred_at_ms)[_DAY]
        found[day] = found.get(day, Sums()) + added
    return found


def _of_day(account: Account, day: Day) -> Register:
    return Register(account, day.day, "", day.through, day.sums)


def _of_slot(account: Account, slot: Slot, through: int, sums: Sums) -> Register:
    return Register(account, slot.day, f"{slot.grouping}#{slot.name}", through, {slot: sums})
