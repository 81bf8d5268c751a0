"""Reads the tables as they are stored, for verification. Reads are strong, and no stored value is trusted."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, TypeVar

from shared.adapters.board_items import boards_tenant, is_board_sk
from shared.adapters.driver import REAL_PACE, Pace, retry_until_deadline
from shared.adapters.dynamodb_answers import FAILURES, translated
from shared.adapters.items import (
    AuditItem,
    BegunItem,
    EntryItem,
    HoldItem,
    PolicyItem,
    StateItem,
    TallyItem,
    audit_table,
    ledger_table,
)
from shared.adapters.keys import (
    AUDIT_ENTRY_PREFIX,
    BEGUN_SK,
    POLICY_SK,
    STATE_SK,
    account_of,
    account_pk,
    entry_sk,
    hold_sk,
    is_rates_pk,
    tally_sk,
)
from shared.adapters.pynamo import AttributeDeserializationError, Model, ResultIterator
from shared.adapters.stored_records import text_of
from shared.adapters.usage_items import COUNTED_SK, DAY_PREFIX, UsageItem, counted_through, usage_table
from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.events import entry_event
from shared.ledger.frozen import dataclass
from shared.ledger.protocol import Busy, Unknown
from shared.ledger.usage import Slot, StoredSums, Sums
from shared.ports.inspection import AccountPlace, AccountPlaces, Item, Row, StoredState, StoredUsage
from shared.verification.companions import CompanionItem
from shared.verification.digest import Head, head_of

DEADLINE_MS: Final = 20_000
"""For one page: no caller waits for these reads, and a reconciliation must survive a busy moment."""

_MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError, OverflowError, AttributeDeserializationError)
_LISTED: Final = ("ledger", "audit", "usage")
"""The tables that accounts are listed from, in this order."""
_OF_PRICES: Final = ("RATE#", "NAME#", "ADJUSTMENT#", "CURRENCY#")
"""How the keys of a tenant's prices begin: those of its cards, of their names, and of what changes prices."""

_Raw = dict[str, Any]
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads pages one after the other, and retries each until it has an answer or the deadline passes."""

    pace: Pace
    deadline_ms: int

    def query(self, model: type[Model], account: Account, where: Any) -> Iterator[_Raw]:  # noqa: ANN401
        def ask(key: _Raw | None) -> ResultIterator[Any]:
            return model.query(
                account_pk(account), range_key_condition=where, consistent_read=True, last_evaluated_key=key
            )

        key = None
        while True:
            page = self.page(partial(ask, key))
            yield from page["Items"]
            key = page.get("LastEvaluatedKey")
            if key is None:
                return

    def scan(self, model: Any, sk: str, key: _Raw | None) -> _Raw:  # noqa: ANN401
        """The rows with this sort key on one page of a scan."""

        def ask() -> ResultIterator[Any]:
            found: ResultIterator[Any] = model.scan(
                filter_condition=model.sk == sk, consistent_read=True, last_evaluated_key=key
            )
            return found

        return self.page(ask)

    def keys(self, model: Any, key: _Raw | None) -> _Raw:  # noqa: ANN401
        """The keys of all rows on one page of a scan, and the list of accounts that each is in."""

        def ask() -> ResultIterator[Any]:
            found: ResultIterator[Any] = model.scan(
                attributes_to_get=["pk", "sk", "listed_in"], consistent_read=True, last_evaluated_key=key
            )
            return found

        return self.page(ask)

    def has_any(self, model: Any, account: Account) -> bool:  # noqa: ANN401
        def ask() -> ResultIterator[Any]:
            found: ResultIterator[Any] = model.query(account_pk(account), consistent_read=True, limit=1)
            return found

        return bool(self.page(ask)["Items"])

    def page(self, ask: Callable[[], ResultIterator[Any]]) -> _Raw:
        return retry_until_deadline(lambda: _answered(ask), self.pace, self.deadline_ms)


class _Kind(NamedTuple):
    """A kind of companion item: the prefix of its sort keys, its model, and how to read the value from the item."""

    sk: str
    model: Any
    read: Callable[[Any], CompanionItem]


_COMPANION_KINDS: Final = (
    _Kind(BEGUN_SK, BegunItem, lambda item: item.begun),
    _Kind(hold_sk(""), HoldItem, lambda item: item.hold),
    _Kind(tally_sk(""), TallyItem, lambda item: item.tally),
    _Kind(POLICY_SK, PolicyItem, lambda item: item.value),
)


class DynamoHeads:
    """Implements ports.Heads."""

    def __init__(
        self,
        ledger_table_name: str,
        deadline_ms: int = DEADLINE_MS,
        *,
        pace: Pace = REAL_PACE,
        region: str | None = None,
        host: str | None = None,
    ) -> None:
        self._states = ledger_table(ledger_table_name, region=region, host=host).states
        self._reader = _Reader(pace, deadline_ms)

    def heads(self) -> Iterator[Head]:
        key = None
        while True:
            page = self._reader.scan(self._states, STATE_SK, key)
            yield from filter(None, map(_head, page["Items"]))
            key = page.get("LastEvaluatedKey")
            if key is None:
                return


class DynamoLedgerInspection:
    """Implements ports.LedgerInspection.

    Every call may be repeated; after the deadline it raises as the ledger does.
    """

    def __init__(  # noqa: PLR0913 - a name for each table
        self,
        ledger_table_name: str,
        audit_table_name: str,
        usage_table_name: str,
        deadline_ms: int = DEADLINE_MS,
        *,
        pace: Pace = REAL_PACE,
        region: str | None = None,
        host: str | None = None,
    ) -> None:
        self._ledger = ledger_table(ledger_table_name, region=region, host=host)
        self._audit = audit_table(audit_table_name, region=region, host=host)
        self._usage = usage_table(usage_table_name, region=region, host=host)
        self._tables: Mapping[str, Any] = dict(
            zip(_LISTED, (self._ledger.whole, self._audit, self._usage), strict=True)
        )
        self._reader = _Reader(pace, deadline_ms)

    def accounts(self, after: str | None) -> AccountPlaces:
        """The cursor is the table that is being listed and the last evaluated key.

        A scan goes from partition to partition, so all rows of an account are adjacent. If a page begins within an
        account, the page before has listed that account.
        """
        cursor: _Raw = json.loads(after) if after else {"table": _LISTED[0], "key": None}
        table, key = cursor["table"], cursor["key"]
        page = self._reader.keys(self._tables[table], key)
        firsts = self._firsts(table, page["Items"], key["pk"] if key else None)
        following = dict(pairwise(_LISTED)).get(table)
        return _places(table, page, firsts, otherwise={"table": following, "key": None} if following else None)

    def has_rows(self, account: Account) -> bool:
        return any(self._reader.has_any(table, account) for table in self._tables.values())

    def _firsts(self, table: str, items: list[_Raw], listed_pk: _Raw | None) -> list[_Raw]:
        """The last row of each account that no earlier page and no earlier table has listed."""
        lasts = [list(rows)[-1] for pk, rows in groupby(items, itemgetter("pk")) if pk != listed_pk]
        before = [self._tables[each] for each in _LISTED[: _LISTED.index(table)]]
        return [item for item in lasts if not _is_of_a_tenant(item) and not self._is_in_any(before, item)]

    def _is_in_any(self, tables: list[Any], item: _Raw) -> bool:
        account = _account(item)
        return account is not None and any(self._reader.has_any(table, account) for table in tables)

    def state(self, account: Account) -> StoredState:
        is_it = self._ledger.states.sk == STATE_SK
        items = list(self._reader.query(self._ledger.states, account, is_it))
        state = _made(lambda: _state(account, items[0])) if items else None
        return StoredState(state, is_as_written=not items or state is not None)

    def entries(self, account: Account) -> Iterator[Row]:
        is_entry = self._ledger.entries.sk.startswith(entry_sk(""))
        for item in self._reader.query(self._ledger.entries, account, is_entry):
            yield _row(account, item, EntryItem, EntryItem.of)

    def entry(self, account: Account, key: str) -> Entry | None:
        is_it = self._ledger.entries.sk == entry_sk(key)
        items = self._reader.query(self._ledger.entries, account, is_it)
        return next((_row(account, item, EntryItem, EntryItem.of).entry for item in items), None)

    def beside(self, account: Account) -> Iterator[Item]:
        for kind in _COMPANION_KINDS:
            # All models share the table; this one has the keys of every kind.
            for item in self._reader.query(self._ledger.whole, account, self._ledger.whole.sk.startswith(kind.sk)):
                yield _item(account, item, kind)

    def audited(self, account: Account) -> Iterator[Row]:
        is_copy = self._audit.sk.startswith(AUDIT_ENTRY_PREFIX)
        for item in self._reader.query(self._audit, account, is_copy):
            yield _row(account, item, AuditItem, _audit_item)

    def usage(self, account: Account) -> StoredUsage | None:
        through = self._counted_through(account)
        found, strangers, models_after = _Found(through), [], None
        for item in self._reader.query(self._usage, account, None):
            if item["sk"]["S"] == COUNTED_SK:
                models_after = _made(partial(_models_after, item))
            elif _made(partial(found.take, account, item)) is None:
                strangers.append(item["sk"]["S"])
        is_as_it_was = self._counted_through(account) == through
        stored = StoredSums(through, found.sums, models_after, found.ahead)
        return StoredUsage(stored, tuple(strangers)) if is_as_it_was else None

    def _counted_through(self, account: Account) -> int:
        of_days = self._reader.query(self._usage, account, self._usage.sk.startswith(DAY_PREFIX))
        of_none = self._reader.query(self._usage, account, self._usage.sk == COUNTED_SK)
        last = [*deque(of_days, maxlen=1), *of_none]
        return _made(lambda: counted_through(map(UsageItem.from_raw_data, last))) or 0


class _Found:
    """Sums as they are read, and those that have more entries than `through`."""

    def __init__(self, through: int) -> None:
        self.sums: dict[Slot, Sums] = {}
        self.ahead: dict[Slot, int] = {}
        self._through = through

    def take(self, account: Account, raw: _Raw) -> Literal[True]:
        """Raises one of _MALFORMED for an item that is none of ours."""
        item = UsageItem.from_raw_data(raw)
        if not item.sk.startswith(DAY_PREFIX):
            self._add({item.slot: item.sums}, item.through or 0)
        elif UsageItem.of_day(account, item.day).serialize() == raw:
            self._add(item.day.sums, item.day.through)
        else:
            raise ValueError("not stored as it is written")
        return True

    def _add(self, sums: Mapping[Slot, Sums], through: int) -> None:
        for slot, each in sums.items():
            self.sums[slot] = self.sums.get(slot, Sums()) + each
            if through > self._through:
                self.ahead[slot] = max(through, self.ahead.get(slot, 0))


def _answered(ask: Callable[[], ResultIterator[Any]]) -> _Raw | Busy | Unknown:
    try:
        page: _Raw = next(ask().page_iter)
    except FAILURES as failure:
        return translated(failure)
    return page


def _places(table: str, page: _Raw, items: list[_Raw], otherwise: _Raw | None) -> AccountPlaces:
    last = page.get("LastEvaluatedKey")
    found = [(item, _account(item)) for item in items]
    planted = (item for item in page["Items"] if "listed_in" in item and item["sk"]["S"] != BEGUN_SK)
    after = {"table": table, "key": last} if last else otherwise
    return AccountPlaces(
        items=tuple(AccountPlace(account, _cursor(table, item)) for item, account in found if account),
        strangers=(
            *(item["pk"]["S"] for item, account in found if not account),
            *(f"{item['pk']['S']} {item['sk']['S']}" for item in planted),
        ),
        next=json.dumps(after) if after else None,
    )


def _cursor(table: str, item: _Raw) -> str:
    return json.dumps({"table": table, "key": {"pk": item["pk"], "sk": item["sk"]}})


def _is_of_a_tenant(item: _Raw) -> bool:
    """Whether it belongs to no account: a card, a card's name, terms, or what points to the sums of a tenant."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    return (is_rates_pk(pk) and sk.startswith(_OF_PRICES)) or (boards_tenant(pk) is not None and is_board_sk(sk))


def _account(item: _Raw) -> Account | None:
    return account_of(item["pk"]["S"])


def _head(item: _Raw) -> Head | None:
    account = _account(item)
    state = _made(lambda: _state(account, item)) if account else None
    return head_of(state) if state else None


def _state(account: Account, raw: _Raw) -> AccountState:
    state = StateItem.from_raw_data(raw).state_of(account)
    if StateItem.of(state).serialize() != raw:
        raise ValueError("not stored as the ledger writes it")
    return state


def _models_after(raw: _Raw) -> int | None:
    seq: int | None = UsageItem.from_raw_data(raw).models_after
    return seq


def _row(account: Account, raw: _Raw, model: Any, item_of: Callable[[Entry], Model]) -> Row:  # noqa: ANN401
    entry: Entry | None = _made(lambda: model.from_raw_data(raw).entry)
    expected = _made(lambda: item_of(entry).serialize()) if entry else None
    name: str = raw["sk"]["S"]
    # An entry that cannot be serialised again has values of the wrong types, so it is not compared with others.
    known = entry if expected is not None else None
    is_as_written = expected is not None and _made(lambda: _with_text(expected) == _with_text(raw)) is True
    return Row(name, known, is_as_written=is_as_written and entry is not None and entry.account == account)


def _with_text(row: _Raw) -> _Raw:
    """A row with the text of its record: the same text can be stored differently."""
    ((_, record),) = row["record"].items()
    return row | {"record": text_of(record)}


def _audit_item(entry: Entry) -> AuditItem:
    return AuditItem.of(entry, entry_event(entry).detail["event_id"])


def _item(account: Account, raw: _Raw, kind: _Kind) -> Item:
    kept: CompanionItem | None = _made(lambda: kind.read(kind.model.from_raw_data(raw)))
    expected = _made(lambda: kind.model.of(account, kept).serialize()) if kept else None
    return Item(raw["sk"]["S"], kept if expected is not None else None, is_as_written=expected == raw)


def _made(make: Callable[[], _Made]) -> _Made | None:
    """The result of `make`, or None if its input is malformed."""
    try:
        return make()
    except _MALFORMED:
        return None
