import base64
import binascii
from typing import Any

import msgspec

from shared.edge_errors import FieldError, ValidationFailed
from shared.http import status_of
from shared.ledger.entries import Entry, public_entry
from shared.ledger.operations import Kind
from shared.ledger.ports import EntryFilter, Page
from shared.ledger.times import epoch_ms
from shared.problems import refusal_of
from shared.usecases.record_operation import effect_of
from shared.validation import DEFAULT_PAGE, Identifier, Limit, Time

_CURSOR_DIGITS_MAX = 12


class EntriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    limit: Limit = Limit(DEFAULT_PAGE)
    after: str | None = None
    kind: Kind | None = None
    from_: Time | None = None
    to: Time | None = None

    @property
    def wanted(self) -> EntryFilter:
        """Raises ValidationFailed for a cursor that no page gave."""
        return EntryFilter(
            limit=int(self.limit),
            before_seq=before_seq(self.after),
            kind=self.kind,
            from_ms=None if self.from_ is None else epoch_ms(self.from_),
            to_ms=None if self.to is None else epoch_ms(self.to),
        )


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Limit = Limit(DEFAULT_PAGE)
    after: str | None = None


class OperationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: Identifier


def before_seq(cursor: str | None) -> int | None:
    """The place in the listing that a cursor stands for. Raises ValidationFailed for one that no page gave."""
    if cursor is None:
        return None
    digits = _decoded(cursor)
    if not (
        digits.isascii() and digits.isdigit() and len(digits) <= _CURSOR_DIGITS_MAX and cursor_of(int(digits)) == cursor
    ):
        raise ValidationFailed([FieldError("query.after", "must be the `next` of an earlier page")])
    return int(digits)


def cursor_of(seq: int | None) -> str | None:
    return None if seq is None else base64.urlsafe_b64encode(str(seq).encode()).decode().rstrip("=")


def listing(page: Page[Entry]) -> dict[str, Any]:
    return {"items": [public_entry(entry) for entry in page.items], "next": cursor_of(page.next_before_seq)}


def recorded_outcome(entry: Entry) -> dict[str, Any]:
    """What the operation was first answered: its status, and the problem if it was refused."""
    outcome = effect_of(entry) | {"status": status_of(entry)}
    if not entry.is_refused:
        return outcome
    problem = refusal_of(entry)
    return outcome | {"status": problem["status"], "problem": problem}


def _decoded(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
