"""Usage on DynamoDB: reads the entries of the ledger table forward, and stores sums in a table of their own.

The items of an account, under its pk:

    sk = COUNTED                   the seq counted through; every addition moves it, if it is unchanged. `models_after`
                                   is the seq after which sums by model begin: an older release counted none
    sk = <grouping>#<name>#<day>   a sum, such as meter#llm#2026-01-31, app##2026-01-31, day##2026-01-31

So the sums of one name are adjacent, in the order of the days. No name contains "#", so no other name's sums are among
them. Names follow each other as these keys do: of all characters of a name only "!" sorts before "#".
"""

from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import Final

from shared.adapters.driver import REAL_PACE, Pace, retry_until_deadline
from shared.adapters.dynamodb_answers import FAILURES, TRANSACTION_CANCELED, error_code, translated
from shared.adapters.items import EntryItem, ledger_table
from shared.adapters.keys import account_pk, entry_sk
from shared.adapters.pynamo import Condition, Connection, DoesNotExist, TransactWrite, TransactWriteError
from shared.adapters.usage_items import UsageItem, usage_table
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.protocol import Busy, Unknown
from shared.ledger.usage import Grouping, Slot, Sums, Tally
from shared.ports.usage import DayRange, UsagePage

DEADLINE_MS: Final = 5000
COUNTED_SK: Final = "COUNTED"

_CONFLICT: Final = "TransactionConflict"
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_THROTTLED: Final = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
_ROWS_AT_ONCE: Final = 400
"""A year of one name, and what is left of a page."""
_QUERIES_MAX: Final = 200
"""For one page: a page ends early rather than late."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """The result of one query; `is_end` if it reached its upper bound."""

    items: tuple[UsageItem, ...]
    is_end: bool


class DynamoEntriesForward:
    """Implements usage_ports.EntriesForward."""

    def __init__(
        self,
        table_name: str,
        deadline_ms: int = DEADLINE_MS,
        *,
        pace: Pace = REAL_PACE,
        region: str | None = None,
        host: str | None = None,
    ) -> None:
        self._items = ledger_table(table_name, region=region, host=host).entries
        self._deadline_ms = deadline_ms
        self._pace = pace

    def following(self, account: Account, after_seq: int, limit: int) -> tuple[Entry, ...]:
        """Ends before a row that is not an entry: no entry after it can be counted."""
        return retry_until_deadline(lambda: self._following(account, after_seq, limit), self._pace, self._deadline_ms)

    def entry(self, account: Account, key: str) -> Entry | None:
        return retry_until_deadline(lambda: self._found(account, key), self._pace, self._deadline_ms)[0]

    def _following(self, account: Account, after_seq: int, limit: int) -> tuple[Entry, ...] | Busy | Unknown:
        rows = self._items.by_seq.query(
            account_pk(account), range_key_condition=self._items.entry_seq > after_seq, limit=limit
        )
        try:
            return tuple(_readable(rows))
        except FAILURES as failure:
            return translated(failure)

    def _found(self, account: Account, key: str) -> tuple[Entry | None] | Busy | Unknown:
        try:
            return (self._items.get(account_pk(account), entry_sk(key), consistent_read=True).entry,)
        except DoesNotExist:
            return (None,)
        except FAILURES as failure:
            return translated(failure)


class DynamoUsageBook:
    """Implements usage_ports.UsageBook.

    Every call may be repeated; after `deadline_ms` it raises as the ledger does.
    """

    def __init__(
        self,
        table_name: str,
        deadline_ms: int = DEADLINE_MS,
        *,
        pace: Pace = REAL_PACE,
        region: str | None = None,
        host: str | None = None,
    ) -> None:
        self._table = partial(usage_table, table_name, region=region, host=host)
        self._deadline_ms = deadline_ms
        self._pace = pace

    @cached_property
    def _items(self) -> type[UsageItem]:
        # Created on demand: creating a client is slow, and most readers of a history need none.
        return self._table()

    @property
    def _connection(self) -> Connection:
        return self._items._get_connection().connection  # noqa: SLF001 - as in tables.py

    def counted_through(self, account: Account) -> int:
        return retry_until_deadline(lambda: self._counted(account), self._pace, self._deadline_ms)

    def add(self, account: Account, tally: Tally) -> bool:
        # If an addition was made but its answer was lost, the repetition fails its condition: the caller then reads the
        # seq counted through.
        return retry_until_deadline(lambda: self._add(account, tally), self._pace, self._deadline_ms)

    def usage(self, account: Account, grouping: Grouping, period: DayRange, after: str | None, limit: int) -> UsagePage:
        walk = _Walk(grouping, period, after, limit)
        for _ in range(_QUERIES_MAX):
            rows = self._rows(account, walk.position, f"{grouping}$")
            went_over_all = walk.over(rows.items)
            if walk.is_full:
                return walk.part
            if went_over_all and rows.is_end:
                return walk.page
        return walk.part

    def _rows(self, account: Account, lower: str, upper: str) -> _Rows:
        """The first rows with an sk from `lower` to `upper`, both inclusive. A strong read."""
        return retry_until_deadline(lambda: self._query(account, lower, upper), self._pace, self._deadline_ms)

    def _counted(self, account: Account) -> int | Busy | Unknown:
        try:
            return self._items.get(account_pk(account), COUNTED_SK, consistent_read=True).seq or 0
        except DoesNotExist:
            return 0
        except FAILURES as failure:
            return translated(failure)

    def _add(self, account: Account, tally: Tally) -> bool | Busy | Unknown:
        try:
            self._write(account, tally)
        except TransactWriteError as failure:
            return _canceled(failure) if error_code(failure) == TRANSACTION_CANCELED else translated(failure)
        except FAILURES as failure:
            return translated(failure)
        return True

    def _write(self, account: Account, tally: Tally) -> None:
        pk, items = account_pk(account), self._items
        with TransactWrite(connection=self._connection) as transaction:
            # Set once, by the first addition that counts models.
            models_after = items.models_after.set(items.models_after | tally.after)
            transaction.update(
                items(pk, COUNTED_SK),
                actions=[items.seq.set(tally.through), models_after],
                condition=self._stands_at(tally.after),
            )
            for slot, sums in tally.sums.items():
                added = (items.charged, sums.charged), (items.refunded, sums.refunded), (items.count_, sums.count)
                transaction.update(items(pk, _sk(slot)), actions=[attribute.add(number) for attribute, number in added])

    def _stands_at(self, seq: int) -> Condition:
        # True before anything was counted.
        is_not_there = self._items.pk.does_not_exist()
        # True if no other count has moved it since it was read.
        is_as_it_was = self._items.seq == seq
        return is_as_it_was if seq else is_not_there

    def _query(self, account: Account, lower: str, upper: str) -> _Rows | Busy | Unknown:
        results = self._items.query(
            account_pk(account),
            range_key_condition=self._items.sk.between(lower, upper),
            consistent_read=True,
            page_size=_ROWS_AT_ONCE,
        )
        try:
            page = next(results.page_iter)
        except FAILURES as failure:
            return translated(failure)
        items = tuple(self._items.from_raw_data(item) for item in page["Items"])
        return _Rows(items, "LastEvaluatedKey" not in page)


class _Walk:
    """Walks from name to name over the days of a period, and skips the rows of other days."""

    def __init__(self, grouping: Grouping, period: DayRange, after: str | None, limit: int) -> None:
        self._grouping = grouping
        self._period = period
        self._limit = limit
        self._found: dict[str, Sums] = {}
        self._name: str | None = None
        self._last_whole = after
        self.is_full = False
        self.position = self._start(after)
        """The first sk that was not visited."""

    @property
    def page(self) -> UsagePage:
        """All sums found, as the last page."""
        return UsagePage(tuple(self._found.items()), None)

    @property
    def part(self) -> UsagePage:
        """The sums of the names that were visited completely."""
        whole = tuple((name, sums) for name, sums in self._found.items() if name != self._name)
        return UsagePage(whole, self._last_whole)

    def over(self, rows: tuple[UsageItem, ...]) -> bool:
        """Visits rows until the page is full or there are days to skip. Returns whether it visited all."""
        for row in rows:
            slot = row.slot
            self._come_to(slot.day if self._grouping == "day" else slot.name)
            if self.is_full or not self._is_within(slot):
                return False
            self._found[self._name or ""] = self._found.get(self._name or "", Sums()) + row.sums
            self.position = _past(row.sk)
        return True

    def _come_to(self, name: str) -> None:
        if name == self._name:
            return
        if self._name is not None:
            self._last_whole = self._name
        self._name = name
        self.is_full = len(self._found) == self._limit

    def _is_within(self, slot: Slot) -> bool:
        if slot.day < self._period.first:
            self.position = _sk(Slot(slot.grouping, slot.name, self._period.first))
        elif slot.day > self._period.last:
            self.position = _past_name(slot.grouping, slot.name)
        return self._period.first <= slot.day <= self._period.last

    def _start(self, after: str | None) -> str:
        if self._grouping == "day":
            return _sk(Slot("day", "", self._period.first)) if after is None else _past(_sk(Slot("day", "", after)))
        return f"{self._grouping}#" if after is None else _past_name(self._grouping, after)


def _readable(rows: Iterable[EntryItem]) -> Iterator[Entry]:
    for row in rows:
        try:
            yield row.entry
        except (ValueError, KeyError, TypeError):
            return


def _canceled(failure: TransactWriteError) -> bool | Busy | Unknown:
    codes = {reason.code for reason in failure.cancellation_reasons if reason is not None}
    if _CONDITION_FAILED in codes:
        return False
    if codes and codes <= {_CONFLICT, *_THROTTLED}:
        return Busy(not codes.isdisjoint(_THROTTLED), failure)
    if not codes:
        return Unknown(failure)
    raise failure


def _sk(slot: Slot) -> str:
    return f"{slot.grouping}#{slot.name}#{slot.day}"


def _past(sk: str) -> str:
    """Sorts after this sk and before any other possible sk."""
    return f"{sk}~"


def _past_name(grouping: Grouping, name: str) -> str:
    return f"{grouping}#{name}#~"
