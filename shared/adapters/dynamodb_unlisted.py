"""Finds accounts that the index `accounts` does not list, by a scan of the ledger table, and lists them.

An account is one with a STATE. Its BEGUN comes before that in its partition, so they may be on two pages of the scan:
an account whose BEGUN was not seen counts as unlisted, and the condition of the write finds out.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from shared.adapters.items import ledger_table
from shared.adapters.keys import BEGUN_SK, STATE_SK, account_of
from shared.adapters.repeatable import RepeatableTable, is_written
from shared.ledger.accounts import Account, Begun
from shared.ports.accounts import Unlisted

DEADLINE_MS: Final = 20_000
"""For one call: no caller waits for it."""

_Raw = dict[str, Any]


class DynamoUnlistedAccounts(RepeatableTable):
    """Implements ports.UnlistedAccounts. After the deadline it raises as the ledger does."""

    default_deadline_ms = DEADLINE_MS

    def _open(self) -> None:
        self._table = ledger_table(*self._place)

    def page(self, after: str | None) -> Unlisted:
        """The cursor is the last evaluated key."""
        key = json.loads(after) if after else None
        page = self._until_deadline(lambda: self._page(key))
        accounts, last = _accounts(page["Items"], STATE_SK), page.get("LastEvaluatedKey")
        listed = _accounts((item for item in page["Items"] if "listed_in" in item), BEGUN_SK)
        unlisted = tuple(account for account in accounts if account not in listed)
        return Unlisted(unlisted, len(accounts), json.dumps(last) if last else None)

    def list_account(self, account: Account) -> bool:
        begun = self._table.begun
        item, is_unlisted = begun.of(account, Begun()), begun.listed_in.does_not_exist()
        return self._until_deadline(lambda: is_written(lambda: item.save(condition=is_unlisted)))

    def _page(self, key: _Raw | None) -> _Raw:
        whole = self._table.whole
        found = whole.scan(
            filter_condition=whole.sk.is_in(STATE_SK, BEGUN_SK),
            attributes_to_get=["pk", "sk", "listed_in"],
            consistent_read=True,
            last_evaluated_key=key,
        )
        page: _Raw = next(found.page_iter)
        return page


def _accounts(items: Iterable[_Raw], sk: str) -> dict[Account, None]:
    named = (account_of(item["pk"]["S"]) for item in items if item["sk"]["S"] == sk)
    return {account: None for account in named if account is not None}
