"""Lists the open holds of a tenant that expire soon: a scan of the index of open holds, of a few pages.

The index has a partition for each account. The database filters by tenant and expiry, but reads all: a page covers a
megabyte of open holds, some three thousand.
"""

from functools import cached_property
from typing import Any, Final

from shared.adapters.items import HoldItem, ledger_table
from shared.adapters.keys import account_of, accounts_prefix
from shared.adapters.repeatable import RepeatableTable
from shared.ledger.accounts import Account
from shared.ledger.holds import Hold
from shared.ports.activity import ExpiringHolds

PAGES_MAX: Final = 4
HOLDS_MAX: Final = 100
"""Of an answer, the first to expire."""


class DynamoOpenHoldsOfTenants(RepeatableTable):
    """Implements ports.OpenHoldsOfTenants. After the deadline it raises as the ledger does."""

    @cached_property
    def _holds(self) -> type[HoldItem]:
        return ledger_table(*self._place).holds

    def expiring(self, tenant: str, from_ms: int, to_ms: int) -> ExpiringHolds:
        found: list[tuple[Account, Hold]] = []
        key: dict[str, Any] | None = None
        for _ in range(PAGES_MAX):
            page = self._until_deadline(lambda after=key: self._page(tenant, from_ms, to_ms, after))  # type: ignore[misc]
            found += (each for raw in page["Items"] if (each := self._held(raw)) is not None)
            key = page.get("LastEvaluatedKey")
            if key is None:
                break
        found.sort(key=lambda each: (each[1].expires_at_ms, each[0].actor, each[1].id))
        return ExpiringHolds(tuple(found[:HOLDS_MAX]), key is None and len(found) <= HOLDS_MAX)

    def _page(self, tenant: str, from_ms: int, to_ms: int, key: dict[str, Any] | None) -> dict[str, Any]:
        is_soon = self._holds.open_until.between(from_ms, to_ms)
        is_of_tenant = self._holds.pk.startswith(accounts_prefix(tenant))
        found = self._holds.open_holds.scan(filter_condition=is_of_tenant & is_soon, last_evaluated_key=key)
        page: dict[str, Any] = next(found.page_iter)
        return page

    def _held(self, raw: dict[str, Any]) -> tuple[Account, Hold] | None:
        """The reconciler reports keys that belong to no account."""
        item = self._holds.from_raw_data(raw)
        account = account_of(item.pk)
        return None if account is None else (account, item.hold)
