"""A day's sums: each entry once, whatever is added again, and never larger than two write units."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.usage_items import UsageItem
from shared.ledger.accounts import Account
from shared.ledger.usage import Counted, Slot, Sums
from shared.ledger.usage_days import Day, extended, new_day

DAY = "2026-03-01"
LARGEST = 10**15
names = st.text("abc", max_size=60)
entries_of_a_day = st.lists(st.tuples(names, names, st.integers(1, LARGEST)), max_size=40).map(
    lambda spent: tuple(
        Counted(seq, {Slot("meter", meter, DAY): Sums(cost, 0, 1), Slot("member", member, DAY): Sums(cost, 0, 1)})
        for seq, (meter, member, cost) in enumerate(spent, start=1)
    )
)


class Kept:
    """A day and the sums beside it, as a store keeps them."""

    def __init__(self) -> None:
        self.day = new_day(DAY)
        self.beside: dict[Slot, tuple[int, Sums]] = {}

    def add(self, entries: Sequence[Counted], through: int, *, ends_before_the_day: bool = False) -> None:
        after = extended(self.day, entries, through, 0)
        for slot, lines in after.beside.items():
            seen, sums = self.beside.get(slot, (0, Sums()))
            new = sum((line.sums[slot] for line in lines if line.seq > seen), Sums())
            self.beside[slot] = (max(seen, through), sums + new)
        if not ends_before_the_day:
            self.day = after.day

    def whole(self) -> dict[Slot, Sums]:
        assert not self.day.sums.keys() & self.beside.keys()
        return {**self.day.sums, **{slot: sums for slot, (_, sums) in self.beside.items()}}


def summed(entries: Sequence[Counted]) -> dict[Slot, Sums]:
    sums: dict[Slot, Sums] = {}
    for entry in entries:
        for slot, added in entry.sums.items():
            sums[slot] = sums.get(slot, Sums()) + added
    return sums


def at_once(entries: Sequence[Counted]) -> Kept:
    kept = Kept()
    kept.add(entries, len(entries))
    return kept


@given(entries_of_a_day)
def test_a_day_and_what_is_beside_it_are_all_the_sums(entries: tuple[Counted, ...]) -> None:
    assert at_once(entries).whole() == summed(entries)


@given(
    entries=entries_of_a_day,
    attempts=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=12),
)
def test_whatever_is_added_again_in_parts_or_is_cut_off_every_entry_is_there_once_and_in_the_same_place(
    entries: tuple[Counted, ...], attempts: list[tuple[int, int, bool]]
) -> None:
    kept = Kept()
    for start, end, is_cut_off in attempts:
        # Everything that is missing is among what is added: nobody counts past a gap.
        first = min(start, kept.day.through)
        kept.add(entries[first:end], max(end, first), ends_before_the_day=is_cut_off)
    kept.add(entries, len(entries))
    whole = at_once(entries)
    assert kept.whole() == summed(entries)
    assert kept.day.sums.keys() == whole.day.sums.keys()


@given(entries_of_a_day)
def test_the_item_of_a_day_takes_two_write_units_at_most(entries: tuple[Counted, ...]) -> None:
    item = UsageItem.of_day(Account("t" * 40, "a" * 60), at_once(entries).day)
    stored = item.serialize()
    assert sum(len(name) + len(str(next(iter(value.values())))) for name, value in stored.items()) <= 2048


def test_the_longest_names_have_sums_of_their_own_when_the_day_is_full() -> None:
    entries = tuple(Counted(seq, {Slot("member", f"{seq}" + "m" * 120, DAY): Sums(1, 0, 1)}) for seq in range(1, 101))
    kept = at_once(entries)
    assert len(kept.day.sums) == 9
    assert len(kept.beside) == 91


def test_entries_of_other_days_are_left_to_them() -> None:
    other = Counted(1, {Slot("meter", "llm", "2026-02-28"): Sums(1, 0, 1)})
    assert extended(new_day(DAY), [other], 1, 0).day == Day(DAY, 1, 0, {})


def test_a_higher_claim_stays() -> None:
    assert extended(Day(DAY, 3, 3, {}), [], 5, 2).day == Day(DAY, 5, 3, {})
    assert extended(Day(DAY, 3, 2, {}), [], 5, 5).day == Day(DAY, 5, 5, {})


@given(entries_of_a_day)
def test_a_day_comes_back_from_its_item_as_it_was(entries: tuple[Counted, ...]) -> None:
    day = at_once(entries).day
    assert UsageItem.of_day(Account("main", "a"), day).day == day
