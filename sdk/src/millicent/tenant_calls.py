"""The whole tenant: its accounts, its spending, its feed, what to look at, and its digests."""

import sys
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from millicent.calls import MAX_PAGE, Calls
from millicent.ids import in_path
from millicent.models import (
    AccountPage,
    ActivityItem,
    ActivityPage,
    Alerts,
    Health,
    ListedAccount,
    TenantUsagePage,
)
from millicent.recent import Recent
from millicent.transport import Call, Params
from millicent.wire import Status, TenantGrouping


class TenantCalls(Calls):
    """The calls that are about no single account."""

    def accounts(
        self,
        prefix: str = "",
        *,
        status: Status | None = None,
        low: bool | None = None,
        page_size: int = MAX_PAGE,
    ) -> Iterator[ListedAccount]:
        """The tenant's accounts whose names begin with `prefix`, by name; pages are fetched as they are read.

        `low`: those below their highest threshold, or the others. For services and operators, else Forbidden.
        """
        wanted = None if low is None else "true" if low else "false"
        params: Params = {"prefix": prefix or None, "status": status, "low": wanted, "limit": page_size}
        for page in self._pages("/v1/accounts", params, AccountPage):
            yield from page.items

    def tenant_usage(
        self,
        *,
        group_by: TenantGrouping = "meter",
        first: date | None = None,
        last: date | None = None,
        max_items: int | None = None,
    ) -> TenantUsagePage:
        """The spending of all accounts of the tenant by meter, app, model, day or actor, with all pages combined.

        From the day `first` to `last`, both inclusive, in UTC; default: the last 30 days. At most 366 days. Actors are
        ranked, those that spent most first, for one day or one calendar month; default: the present month. `max_items`
        ends the listing; `next` of what is returned says whether there are more.
        """
        most = sys.maxsize if max_items is None else max_items
        pages = list(self._usage_pages("/v1/usage", group_by, first, last, TenantUsagePage, max_items=most))
        return msgspec.structs.replace(pages[-1], items=tuple(item for page in pages for item in page.items))

    def activity(
        self,
        *,
        kind: str | None = None,
        outcome: str | None = None,
        actor: str | None = None,
        page_size: int = MAX_PAGE,
    ) -> Iterator[ActivityItem]:
        """Entries and checks of the whole tenant, newest first, each once; pages are fetched as they are read.

        A kind is that of an entry or check, an outcome applied, partial, refused or allowed. For what comes from now
        on, see millicent.following. Raises Forbidden for an end user.
        """
        listed = Recent()
        params: Params = {"kind": kind, "outcome": outcome, "actor": actor, "limit": page_size}
        for page in self._pages("/v1/activity", params, ActivityPage):
            yield from (item for item in page.items if listed.is_new(item.id))

    def activity_page(
        self, *, after: str | None = None, newer_than: str | None = None, limit: int = MAX_PAGE, **filters: str | None
    ) -> ActivityPage:
        """One page of `activity`: after the `next` of an earlier one, or of what came since the `newer` of one."""
        params: Params = {**filters, "limit": limit, "after": after, "newer_than": newer_than}
        return self._answer(Call("GET", "/v1/activity", params=params), ActivityPage)

    def alerts(self) -> Alerts:
        """Accounts that fell low, refusals of a day, holds that expire soon; failure queues with credits/admin.

        Raises Forbidden for an end user.
        """
        return self._answer(Call("GET", "/v1/alerts"), Alerts)

    def digest(self, wanted: str = "latest") -> Mapping[str, Any]:
        """A signed digest over all accounts: `latest`, or a number. Its text, signature, public_key and key_id.

        Raises NotFound if there is no digest of that number. millicent.kept compares digests that were kept.
        """
        return self._answer(Call("GET", f"/v1/digests/{in_path(wanted)}"), dict[str, Any])

    def health(self) -> Health:
        """Needs no token."""
        return self._answer(Call("GET", "/v1/health"), Health)
