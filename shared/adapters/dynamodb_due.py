"""Lists accounts with expired holds: a scan of the index of open holds.

The database filters out holds that have not expired, but still reads them: a page covers a megabyte of open holds.
"""

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

from shared.adapters.items import ledger_table
from shared.adapters.keys import account_of
from shared.adapters.repeatable import RepeatableTable
from shared.ports.due import AccountBehind, AccountsBehind

DEADLINE_MS: Final = 20_000
"""For one page: the scan runs in the background."""

_KEY: Final = ("pk", "open_until", "sk")
"""The key with which a page of the index ends; also the only attributes of a hold that are read."""

_Raw = dict[str, Any]


class DynamoDueAccounts(RepeatableTable):
    """Implements ports.DueAccounts. After the deadline it raises as the ledger does."""

    default_deadline_ms = DEADLINE_MS

    def _open(self) -> None:
        self._holds = ledger_table(*self._place).holds

    def behind(self, before_ms: int, after: str | None) -> AccountsBehind:
        """The cursor is the key of the hold that was evaluated last."""
        key = json.loads(after) if after else None
        page = self._until_deadline(lambda: self._page(before_ms, key))
        last = page.get("LastEvaluatedKey")
        return AccountsBehind(tuple(_accounts(page["Items"])), _cursor(last) if last else None)

    def _page(self, before_ms: int, key: _Raw | None) -> _Raw:
        found = self._holds.open_holds.scan(
            filter_condition=self._holds.open_until <= before_ms,
            attributes_to_get=list(_KEY),
            last_evaluated_key=key,
        )
        page: _Raw = next(found.page_iter)
        return page


def _accounts(items: Iterable[_Raw]) -> Iterable[AccountBehind]:
    """One item per account: its holds are adjacent. The reconciler reports keys that belong to no account."""
    for pk, group in groupby(items, lambda item: str(item["pk"]["S"])):
        account, holds = account_of(pk), list(group)
        if account is not None:
            since_ms = min(int(hold["open_until"]["N"]) for hold in holds)
            yield AccountBehind(account, since_ms, _cursor(holds[-1]))


def _cursor(key: _Raw) -> str:
    return json.dumps({name: key[name] for name in _KEY})
