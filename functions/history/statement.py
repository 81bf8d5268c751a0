"""A page of entries as CSV (RFC 4180), for spreadsheets. Existing columns never change; new ones are appended."""

import csv
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from io import StringIO
from typing import Final
from urllib.parse import urlencode

from functions.history.schema import cursor_of
from shared.edge.path_ids import in_path
from shared.edge.routes import Response
from shared.ledger.accounts import Account
from shared.ledger.amounts import to_millicents
from shared.ledger.entries import Entry
from shared.ledger.times import rfc3339
from shared.ports.ledger import Page

MEDIA_TYPE: Final = "text/csv"
COLUMNS: Final = (
    "at",
    "seq",
    "kind",
    "key",
    "app",
    "meter",
    "amount",
    "available_before",
    "available_after",
    "held_before",
    "held_after",
    "outcome",
    "reason",
    "by",
    "member",
    "hash",
    "occurred_at",
    "model",
)

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_READS_ALIKE: Final = re.compile(r"[^A-Za-z0-9_.:@-]")
_NO_PART_OF_A_FILE_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")


def wants_csv(accept: str | None) -> bool:
    """Whether an Accept header names CSV; otherwise the answer is JSON."""
    return MEDIA_TYPE in {part.partition(";")[0].strip().lower() for part in (accept or "").split(",")}


def statement(account: Account, page: Page[Entry], query: Mapping[str, str]) -> Response:
    """`query` is that of the request; the next page's query differs only in `after`."""
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(account)}"', "Vary": "Accept"}
    after = cursor_of(page.next_before_seq)
    if after is not None:
        path = f"/v1/accounts/{in_path(account.actor)}/entries"
        headers["Link"] = f'<{path}?{urlencode({**query, "after": after})}>; rel="next"'
    return Response(200, f"{MEDIA_TYPE}; charset=utf-8", statement_text(page), headers)


def statement_text(page: Page[Entry]) -> str:
    written = StringIO()
    lines = csv.writer(written)
    lines.writerow(COLUMNS)
    lines.writerows(list(_cells(entry)) for entry in page.items)
    return written.getvalue()


def _cells(entry: Entry) -> Iterator[object]:
    app, meter, model = entry.spent_through
    yield rfc3339(entry.at_ms)
    yield entry.seq
    yield entry.kind
    yield _inert(entry.key)
    yield _inert(app)
    yield _inert(meter)
    for amount in _amounts(entry):
        yield f"{Decimal(to_millicents(amount)):f}"
    yield entry.outcome
    yield _inert(entry.reason or entry.parameters.get("note"))
    yield _inert(entry.by)
    yield _inert(entry.member)
    yield entry.hash
    yield rfc3339(entry.occurred_at_ms)
    yield _inert(model)


def _amounts(entry: Entry) -> tuple[int, ...]:
    before, after = entry.before, entry.after
    return entry.amount, before.available, after.available, before.held, after.held


def _inert(text: str | None) -> str:
    """Text that a spreadsheet must not compute: an apostrophe before the start of a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA_STARTS) else text or ""


def _file_name(account: Account) -> str:
    """An id that has more than words, ".", ":" and "@" in it is told from others that would read alike by a hash."""
    words = _NO_PART_OF_A_FILE_NAME.sub("-", account.actor)
    if _READS_ALIKE.search(account.actor) is None:
        return f"statement-{words}.csv"
    return f"statement-{words}-{sha256(account.actor.encode()).hexdigest()[:8]}.csv"
