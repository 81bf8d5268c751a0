"""What the record of an account says: its entries, sums, audit rows and proofs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import httpx
import msgspec

from millicent.calls import MAX_PAGE, Calls
from millicent.ids import in_path
from millicent.models import AuditPage, AuditTrail, Entry, EntryPage, Operation, UsagePage, Verified
from millicent.transport import Call, Params
from millicent.wire import Grouping, account_path, optional_instant

MAX_LINES: Final = 1000
_CSV: Final = "text/csv"


class RecordCalls(Calls):
    """The calls that read the record of one account."""

    def entries(  # noqa: PLR0913 - one option for each parameter of the API
        self,
        actor: str,
        *,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        app: str | None = None,
        meter: str | None = None,
        model: str | None = None,
        page_size: int = MAX_PAGE,
    ) -> Iterator[Entry]:
        """The account's entries, newest first; pages are fetched as they are read. `until` is exclusive."""
        filters = _filters(kind, since, until, app=app, meter=meter, model=model)
        for page in self._pages(f"{account_path(actor)}/entries", {**filters, "limit": page_size}, EntryPage):
            yield from page.items

    def statement(  # noqa: PLR0913 - one option for each parameter of the API
        self,
        actor: str,
        *,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        app: str | None = None,
        meter: str | None = None,
        model: str | None = None,
        page_size: int = MAX_LINES,
    ) -> Iterator[str]:
        """The account's entries as CSV, newest first: a heading, then the lines of each page. `until` is exclusive."""
        path = f"{account_path(actor)}/entries"
        filters = _filters(kind, since, until, app=app, meter=meter, model=model)
        after: str | None = None
        while True:
            params: Params = {**filters, "limit": page_size, "after": after}
            response = self._transport.send(Call("GET", path, params=params, accept=_CSV))
            yield response.text if after is None else response.text.partition("\r\n")[2]
            after = _next_page(response)
            if after is None:
                return

    def usage(
        self,
        actor: str,
        *,
        group_by: Grouping = "meter",
        first: date | None = None,
        last: date | None = None,
        page_size: int = MAX_PAGE,
    ) -> UsagePage:
        """The account's spending by meter, app, model, member or day, with all pages combined.

        From the day `first` to `last`, both inclusive, in UTC; default: the last 30 days. At most 366 days.
        """
        path = f"{account_path(actor)}/usage"
        pages = list(self._usage_pages(path, group_by, first, last, UsagePage, page_size=page_size))
        return msgspec.structs.replace(
            pages[-1],
            items=tuple(item for page in pages for item in page.items),
            counted_through=min(page.counted_through for page in pages),
        )

    def audit(self, actor: str, *, max_rows: int | None = None) -> AuditTrail:
        """The account's newest rows in the audit table (default: all), and whether sequence and chain are intact."""
        rows: list[Entry] = []
        pages: list[AuditPage] = []
        for page in self._audit_pages(actor, max_rows):
            pages.append(page)
            rows.extend(page.items)
            if max_rows is not None and len(rows) >= max_rows:
                break
        verified, through = _verdict(pages)
        return AuditTrail(items=tuple(rows[:max_rows]), verified=verified, verified_through=through)

    def operation(self, key: str, actor: str) -> Operation:
        """The entry under `key`, refusals included. Raises NotFound if there is none."""
        path = f"/v1/operations/{in_path(key)}"
        return self._answer(Call("GET", path, params={"actor": actor}), Operation)

    def proof(self, actor: str, *, digest: str = "latest", records: int | None = None) -> Mapping[str, Any]:
        """The proof that the account's history is in a digest: `latest`, a number or a date. See verify_proof.

        With the newest `records` entries (at most 100) up to the head. Raises NotFound if there is no such proof.
        """
        params: Params = {"digest": digest, "records": records}
        return self._answer(Call("GET", f"{account_path(actor)}/proof", params=params), dict[str, Any])

    def _audit_pages(self, actor: str, max_rows: int | None) -> Iterator[AuditPage]:
        limit = min(max_rows or MAX_PAGE, MAX_PAGE)
        return self._pages(f"{account_path(actor)}/audit", {"limit": limit}, AuditPage)


def _filters(kind: str | None, since: datetime | None, until: datetime | None, **named: str | None) -> Params:
    """The filters for entries; `named` are those by app, meter and model."""
    return {"kind": kind, "from": optional_instant(since), "to": optional_instant(until), **named}


def _next_page(response: httpx.Response) -> str | None:
    """`after` of the page that the answer's Link header names."""
    link = response.links.get("next")
    return None if link is None else httpx.URL(link["url"]).params["after"]


def _verdict(pages: Sequence[AuditPage]) -> tuple[Verified, int | None]:
    """The verdict over all pages, newest first: the worst verdict, and the seq below the oldest gap."""
    if not all(page.verified for page in pages):
        return False, None
    pending = [page for page in pages if page.verified == "pending"]
    return ("pending", pending[-1].verified_through) if pending else (True, pages[0].verified_through)
