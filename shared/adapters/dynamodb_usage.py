"""Usage on DynamoDB: reads the entries of the ledger table forward, and stores sums in a table of their own.

`usage_items.py` lists the items of an account. An addition writes them one after the other, each under the condition
that it is as it was read:

    1. the sums for which a day has no room   each knows the seq through which its entries are in it
    2. the other days                         so does a day
    3. the newest day, with the new `counted`: all entries up to there are in their sums

Whatever is interrupted after 1 or 2 is made again from the old `counted` on, and finds what is there already. An entry
of today, which is the usual one, is one write.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Final

from shared.adapters.items import EntryItem, ledger_table
from shared.adapters.keys import account_pk, entry_sk
from shared.adapters.pynamo import Action, Condition, DoesNotExist
from shared.adapters.repeatable import RepeatableTable, is_written
from shared.adapters.usage_items import (
    CLOSED,
    COUNTED_SK,
    DAY_PREFIX,
    Begun,
    UsageItem,
    day_sk,
    sum_sk,
    usage_table,
)
from shared.adapters.usage_walk import Walk, with_days
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.usage import Counted, Grouping, Slot, Sums, Tally
from shared.ledger.usage_days import Day, extended, new_day
from shared.ports.usage import DayRange, UsagePage

_ROWS_AT_ONCE: Final = 400
"""A year of one name, and what is left of a page."""
_QUERIES_MAX: Final = 200
"""For one page: a page ends early rather than late."""
_LAST: Final = "~"
"""Sorts after the rest of any key."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """The result of one query; `is_end` if it reached its upper bound."""

    items: tuple[UsageItem, ...]
    is_end: bool


@dataclass(frozen=True, slots=True)
class _Head:
    """How far an account is counted: its newest day, or, without a day, how it began."""

    day: Day | None
    begun: Begun

    @property
    def counted(self) -> int:
        return self.begun.through if self.day is None else self.day.counted


class DynamoEntriesForward(RepeatableTable):
    """Implements usage_ports.EntriesForward."""

    def _open(self) -> None:
        self._items = ledger_table(*self._place).entries

    def following(self, account: Account, after_seq: int, limit: int) -> tuple[Entry, ...]:
        """Ends before a row that is not an entry: no entry after it can be counted."""
        return self._until_deadline(lambda: self._following(account, after_seq, limit))

    def entry(self, account: Account, key: str) -> Entry | None:
        return self._until_deadline(lambda: self._found(account, key))[0]

    def _following(self, account: Account, after_seq: int, limit: int) -> tuple[Entry, ...]:
        rows = self._items.by_seq.query(
            account_pk(account), range_key_condition=self._items.entry_seq > after_seq, limit=limit
        )
        return tuple(_readable(rows))

    def _found(self, account: Account, key: str) -> tuple[Entry | None]:
        try:
            return (self._items.get(account_pk(account), entry_sk(key), consistent_read=True).entry,)
        except DoesNotExist:
            return (None,)


class DynamoUsageBook(RepeatableTable):
    """Implements usage_ports.UsageBook.

    Every call may be repeated; after the deadline a step raises as the ledger does.
    """

    def _open(self) -> None:
        self._seen: dict[Account, _Head] = {}
        """The head that was read or written last, for the addition that follows. Where it is out of date, the
        condition of a write fails.
        """

    @cached_property
    def _items(self) -> type[UsageItem]:
        # Created on demand: creating a client is slow, and most readers of a history need none.
        return usage_table(*self._place)

    def counted_through(self, account: Account) -> int:
        head = self._head(account)
        self._seen = {account: head}
        return head.counted

    def add(self, account: Account, tally: Tally) -> bool:
        # If a write was made but its answer was lost, the repetition fails its condition: the caller then reads the seq
        # counted through.
        seen = self._seen.pop(account, None)
        head = seen if seen is not None and seen.counted == tally.after else self._head(account)
        if head.counted != tally.after:
            return False
        if head.day is None and not self._closed(account, head.begun):
            return False
        newest = max(tally.days, default="")
        if head.day is not None:
            newest = max(newest, head.day.day)
        if not newest:
            return self._is_begun_through(account, tally)
        others = (self._day(account, head, day) for day in sorted(tally.days - {newest}))
        # One of them may be the newest until the last is written: it claims what is true all the time.
        return all(self._written(account, day, tally, tally.after) for day in others) and (
            self._is_in_newest(account, head, newest, tally)
        )

    def usage(self, account: Account, grouping: Grouping, period: DayRange, after: str | None, limit: int) -> UsagePage:
        days = self._days(account, period)
        return with_days(self._page_of_rows(account, grouping, period, after, limit), days, grouping, after, limit)

    def _page_of_rows(
        self, account: Account, grouping: Grouping, period: DayRange, after: str | None, limit: int
    ) -> UsagePage:
        walk = Walk(grouping, period, after, limit)
        for _ in range(_QUERIES_MAX):
            rows = self._rows(account, walk.position, f"{grouping}$")
            went_over_all = walk.over(rows.items)
            if walk.is_full:
                return walk.part
            if went_over_all and rows.is_end:
                return walk.page
        return walk.part

    def _days(self, account: Account, period: DayRange) -> list[Day]:
        days: list[Day] = []
        lower = day_sk(period.first)
        while True:
            rows = self._rows(account, lower, day_sk(period.last))
            days += [row.day for row in rows.items]
            if rows.is_end or not rows.items:
                return days
            lower = f"{rows.items[-1].sk}{_LAST}"

    def _head(self, account: Account) -> _Head:
        rows = self._rows(account, DAY_PREFIX, f"{DAY_PREFIX}{_LAST}", newest=True)
        if rows.items:
            return _Head(rows.items[0].day, Begun())
        item = self._item(account, COUNTED_SK)
        return _Head(None, Begun() if item is None else item.begun)

    def _day(self, account: Account, head: _Head, day: str) -> Day:
        if head.day is not None and head.day.day == day:
            return head.day
        item = self._item(account, day_sk(day))
        return new_day(day) if item is None else item.day

    def _closed(self, account: Account, begun: Begun) -> bool:
        """Keeps an older release from counting the account; False if it, or somebody else, came first."""
        if begun.is_closed:
            return True
        items = self._items
        # True before anything was counted; true if an older release has not counted more since.
        is_as_it_was = items.seq == begun.through if begun.through else items.pk.does_not_exist()
        actions: list[Action] = [
            items.seq.set(CLOSED),
            items.through.set(begun.through),
            items.models_after.set(items.models_after | begun.through),
        ]
        return self._is_done(lambda: items(account_pk(account), COUNTED_SK).update(actions, is_as_it_was))

    def _is_begun_through(self, account: Account, tally: Tally) -> bool:
        """Of entries that add to no sum, before there is a day."""
        items = self._items
        item, is_as_it_was = items(account_pk(account), COUNTED_SK), items.through == tally.after
        return self._is_done(lambda: item.update([items.through.set(tally.through)], is_as_it_was))

    def _is_in_newest(self, account: Account, head: _Head, newest: str, tally: Tally) -> bool:
        is_later = head.day is None or newest > head.day.day
        # Without a read: nobody has a later day yet, or the condition says so.
        day = new_day(newest) if is_later else self._day(account, head, newest)
        written = self._written(account, day, tally, tally.through)
        if written is not None:
            self._seen = {account: _Head(written, Begun())}
        return written is not None

    def _written(self, account: Account, day: Day, tally: Tally, claim: int) -> Day | None:
        """A day with the tally's entries in it and in the sums beside it; None if somebody else wrote one of them."""
        if day.through >= tally.through and day.counted >= claim:
            return day
        after = extended(day, tally.entries, tally.through, claim)
        if not all(self._is_beside(account, slot, lines, tally.through) for slot, lines in after.beside.items()):
            return None
        item = self._items.of_day(account, after.day)
        return after.day if self._is_done(lambda: item.save(condition=self._is_unmoved(day))) else None

    def _is_unmoved(self, day: Day) -> Condition:
        # True for the first entry of a day.
        is_not_there = self._items.pk.does_not_exist()
        # True as long as nobody else has added to it.
        is_as_it_was = (self._items.through == day.through) & (self._items.counted == day.counted)
        return is_not_there if day.is_new else is_as_it_was

    def _is_beside(self, account: Account, slot: Slot, lines: tuple[Counted, ...], through: int) -> bool:
        items, sk = self._items, sum_sk(slot)
        stored = self._item(account, sk)
        seen = (stored and stored.through) or 0
        new = [each.sums[slot] for each in lines if each.seq > seen]
        if not new:
            return True
        added = sum(new, Sums())
        # True for the first entry, and for a sum of an older release, which no other writes any more.
        is_first = items.through.does_not_exist()
        is_as_it_was = items.through == seen
        actions: list[Action] = [
            items.charged.add(added.charged),
            items.refunded.add(added.refunded),
            items.count_.add(added.count),
            items.through.set(through),
        ]
        item = items(account_pk(account), sk)
        return self._is_done(lambda: item.update(actions, is_as_it_was if seen else is_first))

    def _rows(self, account: Account, lower: str, upper: str, *, newest: bool = False) -> _Rows:
        """The first rows with an sk from `lower` to `upper`, both inclusive, or the last one. A strong read."""
        return self._until_deadline(lambda: self._query(account, lower, upper, newest=newest))

    def _item(self, account: Account, sk: str) -> UsageItem | None:
        """A strong read."""
        return self._until_deadline(lambda: (self._found(account, sk),))[0]

    def _found(self, account: Account, sk: str) -> UsageItem | None:
        try:
            return self._items.get(account_pk(account), sk, consistent_read=True)
        except DoesNotExist:
            return None

    def _query(self, account: Account, lower: str, upper: str, *, newest: bool) -> _Rows:
        results = self._items.query(
            account_pk(account),
            range_key_condition=self._items.sk.between(lower, upper),
            consistent_read=True,
            scan_index_forward=not newest,
            page_size=1 if newest else _ROWS_AT_ONCE,
        )
        page = next(results.page_iter)
        items = tuple(self._items.from_raw_data(item) for item in page["Items"])
        return _Rows(items, "LastEvaluatedKey" not in page)

    def _is_done(self, write: Callable[[], object]) -> bool:
        """Whether a write was made; False if its condition failed."""
        return self._until_deadline(lambda: is_written(write))


def _readable(rows: Iterable[EntryItem]) -> Iterator[Entry]:
    for row in rows:
        try:
            yield row.entry
        except (ValueError, KeyError, TypeError):
            return
