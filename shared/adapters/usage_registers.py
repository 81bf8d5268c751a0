"""The items of the accounts' usage as registers of boards."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final

from shared.adapters.board_items import boards_tenant
from shared.adapters.keys import account_of, account_pk
from shared.adapters.pynamo import AttributeDeserializationError
from shared.adapters.repeatable import RepeatableTable
from shared.adapters.usage_items import COUNTED_SK, DAY_PREFIX, UsageItem
from shared.ledger.accounts import Account
from shared.ledger.boards import DAY_PART, Register
from shared.ports.boards import RegisterPage

_MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError, AttributeDeserializationError)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MONTH: Final = len("2026-01")


def register_of(raw: Mapping[str, Any]) -> Register:
    """Of an item as DynamoDB spells it. Raises ValueError for one that has no sums of an account."""
    try:
        return _register(UsageItem.from_raw_data(dict(raw)))
    except _MALFORMED as malformed:
        raise ValueError(f"not sums of an account: {malformed}") from malformed


def item_of(pk: str, sk: str) -> tuple[Account, str] | None:
    """The account and the month of an item with sums, by its keys; None for any other item."""
    account, day = account_of(pk), sk.rpartition("#")[2]
    return (account, day[:_MONTH]) if account and has_sums(pk, sk) and _DAY.fullmatch(day) else None


def has_sums(pk: str, sk: str) -> bool:
    """Whether an item of the usage table may have sums, by its keys."""
    return sk != COUNTED_SK and boards_tenant(pk) is None


def _register(item: UsageItem) -> Register:
    account = account_of(item.pk)
    if account is None:
        raise ValueError("the key is no account's")
    if item.sk.startswith(DAY_PREFIX):
        day = item.day
        found = Register(account, day.day, DAY_PART, day.through, day.sums)
    else:
        slot = item.slot
        part = f"{slot.grouping}#{slot.name}"
        found = Register(account, slot.day, part, item.through or 0, {slot: item.sums})
    if not _DAY.fullmatch(found.day):
        raise ValueError("the key has no day")
    return found


class DynamoUsageItems(RepeatableTable):
    """Implements boards.UsageItems."""

    @cached_property
    def _items(self) -> type[UsageItem]:
        return self._bound(UsageItem)

    def of_account(self, account: Account) -> Sequence[Register]:
        found: list[Register] = []
        key = None
        while True:
            page = self._until_deadline(partial(self._query, account, key))
            found += self._read(page["Items"], [])
            key = page.get("LastEvaluatedKey")
            if key is None:
                return found

    def page(self, after: str | None) -> RegisterPage:
        page = self._until_deadline(lambda: self._scan(None if after is None else json.loads(after)))
        malformed: list[str] = []
        registers = self._read(page["Items"], malformed)
        key = page.get("LastEvaluatedKey")
        return RegisterPage(registers, malformed, json.dumps(key) if key else None)

    def _query(self, account: Account, key: Any) -> dict[str, Any]:  # noqa: ANN401 - as DynamoDB spells it
        found = self._items.query(account_pk(account), consistent_read=True, last_evaluated_key=key)
        page: dict[str, Any] = next(found.page_iter)
        return page

    def _scan(self, key: Any) -> dict[str, Any]:  # noqa: ANN401
        page: dict[str, Any] = next(self._items.scan(consistent_read=True, last_evaluated_key=key).page_iter)
        return page

    def _read(self, items: Iterable[Mapping[str, Any]], malformed: list[str]) -> list[Register]:
        found: list[Register] = []
        for raw in items:
            pk, sk = raw["pk"]["S"], raw["sk"]["S"]
            if has_sums(pk, sk):
                try:
                    found.append(register_of(raw))
                except ValueError:
                    malformed.append(f"{pk} {sk}")
        return found
