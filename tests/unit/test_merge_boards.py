"""Boards end as the sums of the accounts, whoever is killed where, however many take the same registers at once."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory.boards import MemoryBoardStore
from shared.ledger.accounts import Account
from shared.ledger.boards import Register, faults, sums_in
from shared.ledger.usage import Slot, Sums
from shared.ports.boards import BoardPlace, PartGone, Pointer, RegisterPage, TextPage
from shared.usecases import merge_boards as merging
from shared.usecases.backfill_boards import backfill_boards
from shared.usecases.merge_boards import BoardBusy, BoardDesk, board_of, days_in, merge_boards, recount_account
from shared.usecases.sweep_boards import Swept, sweep_boards

TENANT = "main"
JANUARY, FEBRUARY = "2026-01", "2026-02"
DAYS = ("2026-01-30", "2026-01-31", "2026-02-01")
ACTORS = tuple(f"user:{number}" for number in range(4))


def register(actor: str, day: str, through: int, charged: int = 0) -> Register:
    """The item of a day after so many charges of one microcent, or as `charged` says."""
    sums = Sums(charged or through, 0, through)
    return Register(
        Account(TENANT, actor), day, "", through, {Slot("day", "", day): sums, Slot("meter", "llm", day): sums}
    )


class Killed(Exception):
    """The process died, or never had the answer."""


@dataclass
class Turns:
    """Lets one of several threads go on at a time, to its next call of the store."""

    choose: Callable[[int], int]
    fate: Callable[[], str]
    waiting: dict[int, threading.Event] = field(default_factory=dict)
    lock: threading.Condition = field(default_factory=threading.Condition)
    running: int = 0

    def take(self, who: int) -> str:
        gate = threading.Event()
        with self.lock:
            self.waiting[who] = gate
            self.running -= 1
            self.lock.notify_all()
        gate.wait()
        return self.fate()

    def run(self, consumers: Sequence[Callable[[], None]]) -> None:
        failures: list[BaseException] = []

        def lived(consumer: Callable[[], None]) -> None:
            try:
                consumer()
            except BaseException as failure:  # noqa: BLE001 - is raised below
                failures.append(failure)
            with self.lock:
                self.running -= 1
                self.lock.notify_all()

        self.running = len(consumers)
        threads = [threading.Thread(target=lived, args=(each,)) for each in consumers]
        for thread in threads:
            thread.start()
        while True:
            with self.lock:
                self.lock.wait_for(lambda: self.running == 0)
                if not self.waiting:
                    break
                who = sorted(self.waiting)[self.choose(len(self.waiting))]
                self.running += 1
                self.waiting.pop(who).set()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]


class TurningStore:
    """A store that several share, each call of which may be the last thing that its caller does."""

    def __init__(self, store: MemoryBoardStore, turns: Turns, who: int) -> None:
        self._store = store
        self._turns = turns
        self._who = who

    def _turn(self, call: Callable[[], Any]) -> Any:
        fate = self._turns.take(self._who)
        if fate == "killed before":
            raise Killed
        answer = call()
        if fate == "killed after":
            raise Killed
        return answer

    def shards(self, tenant: str, month: str) -> int:
        return self._store.shards(tenant, month)

    def pointer(self, place: BoardPlace) -> Pointer | None:
        found: Pointer | None = self._turn(lambda: self._store.pointer(place))
        return found

    def pointers(self, tenant: str, first_month: str, last_month: str) -> Sequence[tuple[BoardPlace, Pointer]]:
        return self._store.pointers(tenant, first_month, last_month)

    def texts(self, wanted: Sequence[tuple[BoardPlace, str]]) -> Sequence[str]:
        found: Sequence[str] = self._turn(lambda: self._store.texts(wanted))
        return found

    def lines(self, place: BoardPlace, name: str) -> Iterable[str]:
        return self._store.lines(place, name)

    def keep(self, place: BoardPlace, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            self._turn(partial(self._store.keep, place, {name: text}))

    def flip(self, place: BoardPlace, pointer: Pointer) -> bool:
        def flipped() -> bool:
            is_first = self._store.flip(place, pointer)
            # Sent twice by the network: the second fails, though the first did it.
            return is_first and (fate == "sent once" or self._store.flip(place, pointer))

        fate = self._turns.choose(4) and "sent once"
        done: bool = self._turn(flipped)
        return done

    def drop(self, place: BoardPlace, names: Iterable[str]) -> None:
        for name in names:
            self._turn(partial(self._store.drop, place, [name]))

    def listed(self, after: str | None) -> TextPage:
        found: TextPage = self._turn(lambda: self._store.listed(after))
        return found


def desk(store: Any, tokens: Iterable[int] | None = None) -> BoardDesk:
    numbers = iter(tokens or count())
    return BoardDesk(store, now_ms=lambda: 0, token=lambda: str(next(numbers)))


def totals(store: MemoryBoardStore) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for place, pointer in store.pointed.items():
        board = board_of(place, pointer, days_in(pointer), store)
        assert faults(board) == []
        for day, sums in sums_in(board.totals, "day", lambda _: True).items():
            found[day] = found.get(day, Sums()) + sums
    return found


def sums_of(newest: Iterable[Register]) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for each in newest:
        found[each.day] = found.get(each.day, Sums()) + each.sums[Slot("day", "", each.day)]
    return found


REGISTERS = st.builds(register, st.sampled_from(ACTORS), st.sampled_from(DAYS), st.integers(1, 3))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(REGISTERS, min_size=1, max_size=4), min_size=2, max_size=6),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_consumers_that_are_killed_between_any_two_steps_lose_and_double_nothing_while_somebody_sweeps(
    batches: list[list[Register]], shards: int, seed: int
) -> None:
    store, chance = MemoryBoardStore(shards), Random(seed)
    kills = iter(chance.choices(["", "killed before", "killed after"], [5, 1, 1], k=60))
    turns = Turns(chance.randrange, lambda: next(kills, ""))
    numbers = count()

    def consumer(who: int) -> None:
        for batch in batches[who::2]:
            while True:
                try:
                    merge_boards(batch, desk(TurningStore(store, turns, who), numbers))
                except Killed:
                    continue
                break

    def sweeper() -> None:
        for _ in range(10):
            with suppress(Killed):
                sweep_boards(None, TurningStore(store, turns, 2), is_time_up=lambda: True)

    turns.run([lambda: consumer(0), lambda: consumer(1), sweeper])
    newest: dict[tuple[str, str], Register] = {}
    for each in (each for batch in batches for each in batch):
        key = (each.account.actor, each.day)
        newest[key] = max(newest.get(key, each), each, key=lambda one: one.through)
    assert totals(store) == sums_of(newest.values())
    sweep_boards(None, store, is_time_up=lambda: True)
    assert totals(store) == sums_of(newest.values())
    assert all(is_in_use_or_to_come(store, place, name) for place, name in store.kept)


def is_in_use_or_to_come(store: MemoryBoardStore, place: BoardPlace, name: str) -> bool:
    """Whether a pointer names a text, or might: it was kept for a version that there is not yet."""
    now = store.pointed.get(place)
    return now is None or name in {*now.names.values(), *now.replaced} or int(name.partition("-")[0]) > now.version


class OneItem:
    """Implements boards.UsageItems."""

    def __init__(self, *registers: Register) -> None:
        self.registers = registers

    def of_account(self, account: Account) -> Sequence[Register]:
        return [each for each in self.registers if each.account == account]

    def page(self, after: str | None) -> RegisterPage:
        place = int(after or 0)
        following = str(place + 1) if place + 1 < len(self.registers) else None
        return RegisterPage(self.registers[place : place + 1], (), following)


def test_what_a_change_replaced_is_deleted_by_the_next_one_so_that_readers_come_to_an_end() -> None:
    store = MemoryBoardStore()
    for through in (1, 2, 3):
        merge_boards([register("user:0", DAYS[0], through)], desk(store, [through]))
    (pointer,) = store.pointed.values()
    assert {name for _, name in store.kept} == {*pointer.names.values(), *pointer.replaced}
    assert pointer.version == 3


def killed_before(call: str, store: MemoryBoardStore) -> Any:
    """The store for somebody who dies at this call."""

    def die(*_: object) -> None:
        raise Killed

    dying = MemoryBoardStore()
    vars(dying).update(vars(store), **{call: die})
    return dying


def test_a_sweep_deletes_what_the_killed_left_and_nothing_that_a_pointer_names_or_may_name() -> None:
    store, numbers = MemoryBoardStore(), count()
    with pytest.raises(Killed):
        merge_boards([register("user:0", DAYS[0], 1)], desk(killed_before("flip", store), numbers))
    assert sweep_boards(None, store, is_time_up=lambda: False) == Swept(texts=3, deleted=0, next=None)
    merge_boards([register("user:0", DAYS[0], 1)], desk(store, numbers))
    merge_boards([register("user:0", DAYS[0], 2)], desk(store, numbers))
    with pytest.raises(Killed):
        merge_boards([register("user:0", DAYS[0], 3)], desk(killed_before("drop", store), numbers))
    with pytest.raises(Killed):
        merge_boards([register("user:0", DAYS[0], 4)], desk(killed_before("flip", store), numbers))
    # Of versions 1 (twice), 2, 3 and, not pointed to, 4: those of 3 are in use, of 2 replaced.
    assert sweep_boards(None, store, is_time_up=lambda: False) == Swept(texts=15, deleted=6, next=None)
    assert {name[0] for _, name in store.kept} == {"2", "3", "4"}
    assert totals(store) == {DAYS[0]: Sums(3, 0, 3)}


def test_registers_that_are_known_write_nothing() -> None:
    store = MemoryBoardStore()
    known = [register("user:0", DAYS[0], 2)]
    assert merge_boards(known, desk(store)) == 1
    before = dict(store.pointed)
    assert merge_boards(known, desk(store)) == 0
    assert store.pointed == before


def test_a_text_that_is_lost_fails_the_batch_instead_of_counting_without_it() -> None:
    store = MemoryBoardStore()
    merge_boards([register("user:0", DAYS[0], 1)], desk(store))
    store.kept.clear()
    with pytest.raises(PartGone):
        merge_boards([register("user:0", DAYS[0], 2)], desk(store, [9]))


def test_a_board_that_others_always_change_first_is_given_up_and_the_batch_comes_again() -> None:
    class Lost(MemoryBoardStore):
        def flip(self, place: BoardPlace, pointer: Pointer) -> bool:
            return False

    with pytest.raises(BoardBusy):
        merge_boards([register("user:0", DAYS[0], 1)], desk(Lost()))


def test_a_recount_puts_what_the_items_say_in_the_place_of_what_the_boards_have() -> None:
    store = MemoryBoardStore(shards=4)
    wrong = [register("user:0", day, 9, charged=99) for day in DAYS]
    merge_boards([*wrong, register("user:1", DAYS[0], 1)], desk(store))
    items = OneItem(register("user:0", DAYS[1], 2))
    recount_account(Account(TENANT, "user:0"), items, desk(store, count(50)), months=[JANUARY, FEBRUARY])
    assert totals(store) == {DAYS[0]: Sums(1, 0, 1), DAYS[1]: Sums(2, 0, 2)}


def test_a_backfill_can_be_stopped_anywhere_and_run_again() -> None:
    store, numbers = MemoryBoardStore(), count()
    items = OneItem(*(register(actor, day, 3) for actor in ACTORS for day in DAYS))
    after: str | None = None
    rounds = 0
    for _ in range(20):
        done = backfill_boards(after, items, desk(store, numbers), is_time_up=lambda: True, at_once=1)
        rounds += 1
        after = done.next
        if after is None:
            break
    assert rounds == len(items.registers)
    assert totals(store) == sums_of(items.registers)
    again = backfill_boards(None, items, desk(store, numbers), is_time_up=lambda: False)
    assert (again.items, again.boards) == (12, 0)


def test_an_actor_stays_on_its_shard() -> None:
    assert [merging.shard_of("user:alice", shards) for shards in (1, 4, 16)] == [0, 2, 6]
