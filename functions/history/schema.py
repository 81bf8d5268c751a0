import re
from datetime import date
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from shared.edge import cursors, path_ids
from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.http import status_of
from shared.edge.problems import refusal_of
from shared.edge.reported_usage import is_model_name
from shared.edge.usage_request import ModelName
from shared.edge.validation import (
    DAY,
    DEFAULT_PAGE,
    MAX_LINES,
    MAX_PAGE,
    Cursor,
    Identifier,
    LineLimit,
    PageLimit,
    Time,
    identifier,
)
from shared.ledger import ids
from shared.ledger.amounts import to_millicents
from shared.ledger.entries import Entry
from shared.ledger.operations import Kind
from shared.ledger.times import epoch_ms, rfc3339
from shared.ledger.usage import Grouping, Sums
from shared.ledger.views import effect_of, public_entry
from shared.ports.ledger import EntryFilter, Page
from shared.ports.usage import DayRange
from shared.usecases.list_audit import AuditPage
from shared.usecases.list_usage import UsageAsked, UsageSoFar

DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 366

_A_DAY_OR_TIME: Final = 'a day, such as "2026-01-31", or an RFC 3339 time with an offset, which selects its day in UTC'
DayOrTime: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        description=_A_DAY_OR_TIME,
        extra_json_schema={"anyOf": [{"format": "date"}, {"format": "date-time"}]},
    ),
]

_KEY_OF_THE_LEDGER: Final = re.compile(path_ids.LEDGER_KEY)
RecordedKey: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"\A({path_ids.PLAIN_PATTERN}|{path_ids.PATTERN}|{path_ids.LEDGER_KEY_PATTERN})\Z",
        description="an idempotency key, or a key that the ledger made for itself, such as ~expire-h2",
    ),
]

_DAY: Final = re.compile(DAY)
_DAY_CHARACTERS: Final = len("2026-01-31")
_CURSOR_DIGITS_MAX: Final = 12
_NAME_MARK: Final = "="
_NO_CURSOR: Final = FieldError("query.after", "must be the `next` of an earlier page")


class EntriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    limit: PageLimit = PageLimit(DEFAULT_PAGE)
    after: Cursor | None = None
    kind: Kind | None = None
    from_: Time | None = None
    to: Time | None = None
    app: Identifier | None = None
    meter: Identifier | None = None
    model: ModelName | None = None

    @property
    def wanted(self) -> EntryFilter:
        """Raises ValidationFailed for a cursor that is not from an earlier page."""
        return EntryFilter(
            limit=int(self.limit),
            before_seq=before_seq(self.after),
            kind=self.kind,
            from_ms=None if self.from_ is None else epoch_ms(self.from_),
            to_ms=None if self.to is None else epoch_ms(self.to),
            app=self.app,
            meter=self.meter,
            model=self.model,
        )


class StatementQuery(EntriesQuery, frozen=True, forbid_unknown_fields=True):
    limit: LineLimit = LineLimit(MAX_LINES)  # type: ignore[assignment]  # as the other, of more


class UsageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    group_by: Grouping = "meter"
    from_: DayOrTime | None = None
    to: DayOrTime | None = None
    limit: PageLimit = PageLimit(MAX_PAGE)
    after: Cursor | None = None

    def period(self, now_ms: int) -> DayRange:
        """Default: the 30 days up to today, in UTC. Raises ValidationFailed for more than a year."""
        last = _day_of(rfc3339(now_ms) if self.to is None else self.to, "query.to", is_end=self.to is not None)
        earliest = date.fromordinal(max(last.toordinal() - DEFAULT_DAYS + 1, 1))
        first = earliest if self.from_ is None else _day_of(self.from_, "query.from")
        if not 0 <= (last - first).days < MAX_DAYS:
            raise ValidationFailed([FieldError("query.from", f"must be a day of the {MAX_DAYS} up to `to`")])
        return DayRange(first.isoformat(), last.isoformat())

    @property
    def after_name(self) -> str | None:
        """The last name of the page before. Raises ValidationFailed for a cursor that is not from an earlier page."""
        if self.after is None:
            return None
        mark, name = _decoded(self.after)[:1], _decoded(self.after)[1:]
        if mark != _NAME_MARK or not self._is_name(name) or name_cursor(name) != self.after:
            raise ValidationFailed([_NO_CURSOR])
        return name

    def _is_name(self, name: str) -> bool:
        return not name or (is_model_name(name) if self.group_by == "model" else ids.is_id(name))


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: PageLimit = PageLimit(DEFAULT_PAGE)
    after: Cursor | None = None


class OperationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: Identifier


def recorded_key(key: str) -> str:
    """A caller's key, or one of the ledger itself, such as "~expire-h2". Raises ValidationFailed."""
    if _KEY_OF_THE_LEDGER.fullmatch(key):
        return key
    return identifier(key, "path.key")


def before_seq(cursor: str | None) -> int | None:
    """The seq in a cursor. Raises ValidationFailed for a cursor that is not from an earlier page."""
    if cursor is None:
        return None
    digits = _decoded(cursor)
    if not (
        digits.isascii() and digits.isdigit() and len(digits) <= _CURSOR_DIGITS_MAX and cursor_of(int(digits)) == cursor
    ):
        raise ValidationFailed([_NO_CURSOR])
    return int(digits)


def _day_of(given: str, path: str, *, is_end: bool = False) -> date:
    """The day in UTC. A time that ends a period belongs to the day that it ends. Raises ValidationFailed."""
    try:
        if _DAY.fullmatch(given):
            return date.fromisoformat(given)
        at_ms = epoch_ms(msgspec.convert(given, Time))
        return date.fromisoformat(rfc3339(at_ms - is_end)[:_DAY_CHARACTERS])
    except (ValueError, OverflowError) as neither:
        raise ValidationFailed([FieldError(path, f"must be {_A_DAY_OR_TIME}")]) from neither


def cursor_of(seq: int | None) -> str | None:
    return None if seq is None else cursors.cursor(str(seq).encode())


def name_cursor(name: str | None) -> str | None:
    """The cursor after a name, which may be empty."""
    return None if name is None else cursors.cursor((_NAME_MARK + name).encode())


def listing(page: Page[Entry]) -> dict[str, Any]:
    return {"items": [public_entry(entry) for entry in page.items], "next": cursor_of(page.next_before_seq)}


def audit_listing(audit: AuditPage) -> dict[str, Any]:
    return listing(audit.page) | {"verified": audit.verified, "verified_through": audit.verified_through}


def usage_listing(asked: UsageAsked, usage: UsageSoFar) -> dict[str, Any]:
    return {
        "group_by": asked.grouping,
        "from": asked.period.first,
        "to": asked.period.last,
        "items": [{asked.grouping: name or None, **_public_sums(sums)} for name, sums in usage.page.items],
        "next": name_cursor(usage.page.next_after),
        "counted_through": usage.counted_through,
    }


def _public_sums(sums: Sums) -> dict[str, Any]:
    return {
        "charged": to_millicents(sums.charged),
        "refunded": to_millicents(sums.refunded),
        "net": to_millicents(sums.charged - sums.refunded),
        "count": sums.count,
    }


def recorded_outcome(entry: Entry) -> dict[str, Any]:
    """The first answer to the operation: its status, and the problem if it was refused."""
    outcome = effect_of(entry) | {"status": status_of(entry)}
    if not entry.is_refused:
        return outcome
    problem = refusal_of(entry)
    return outcome | {"status": problem["status"], "problem": problem}


def _decoded(text: str) -> str:
    try:
        return (cursors.place_in(text) or b"").decode("ascii")
    except UnicodeDecodeError:
        return ""
