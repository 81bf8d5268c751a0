"""How each call is sent and its answer read; what all parts of the client are made of."""

import sys
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final, TypeVar

import httpx
import msgspec

from millicent.errors import UnexpectedAnswer
from millicent.keys import new_key
from millicent.models import (
    AccountPage,
    ActivityPage,
    AdjustmentPage,
    AuditPage,
    CurrencyPage,
    EntryPage,
    RatePage,
    Receipt,
    TenantUsagePage,
    UsagePage,
)
from millicent.transport import Call, Params, Transport, is_replayed
from millicent.wire import optional_day

MAX_PAGE: Final = 100
"""The most items of a page."""

_Answer = TypeVar("_Answer")
_Page = TypeVar("_Page", AccountPage, EntryPage, RatePage, AdjustmentPage, CurrencyPage, AuditPage, ActivityPage)

_UsagePage = TypeVar("_UsagePage", UsagePage, TenantUsagePage)


class Calls:
    """Sends calls over a transport, which the client gives it."""

    _transport: Transport

    def _pages(self, path: str, params: Params, page_type: type[_Page]) -> Iterator[_Page]:
        """Each page of a listing; the next one is fetched when it is asked for."""
        after: str | None = None
        while True:
            page = self._answer(Call("GET", path, params={**params, "after": after}), page_type)
            yield page
            after = page.next
            if after is None:
                return

    def _usage_pages(  # noqa: PLR0913 - those of a listing of usage
        self,
        path: str,
        group_by: str,
        first: date | None,
        last: date | None,
        page_type: type[_UsagePage],
        *,
        max_items: int = sys.maxsize,
        page_size: int = MAX_PAGE,
    ) -> Iterator[_UsagePage]:
        """Each page of sums, until all pages together have `max_items`."""
        params: Params = {"group_by": group_by, "from": optional_day(first), "to": optional_day(last)}
        left, after = max_items, None
        while True:
            size = min(left, page_size)
            page = self._answer(Call("GET", path, params={**params, "limit": size, "after": after}), page_type)
            yield page
            left, after = left - len(page.items), page.next
            if after is None or left <= 0:
                return
            # The period stays that of the first page, even if a new day begins in between.
            params = {**params, "from": page.first.isoformat(), "to": page.last.isoformat()}

    def _mutate(self, path: str, body: Mapping[str, object] | None, key: str | None, method: str = "POST") -> Receipt:
        call = Call(method, path, body, key=key or new_key())
        response = self._transport.send(call)
        return msgspec.structs.replace(_decoded(call, response, Receipt), replayed=is_replayed(response))

    def _answer(self, call: Call, kind: type[_Answer]) -> _Answer:
        return _decoded(call, self._transport.send(call), kind)


def _decoded(call: Call, response: httpx.Response, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as malformed:
        raise UnexpectedAnswer(f"{call.path} did not answer like Millicent: {malformed}", call.key) from malformed
