import re
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from shared.edge import cursors, path_ids
from shared.edge.errors import ValidationFailed
from shared.edge.http import status_of
from shared.edge.problems import refusal_of
from shared.edge.usage_listing import (
    DayOrTime,
    name_after,
    name_cursor,
    period_of,
    public_sums,
)
from shared.edge.usage_request import ModelName
from shared.edge.validation import (
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
from shared.ledger.entries import Entry
from shared.ledger.operations import Kind
from shared.ledger.times import epoch_ms
from shared.ledger.usage import Grouping
from shared.ledger.views import effect_of, public_entry
from shared.ports.ledger import EntryFilter, Page
from shared.ports.usage import DayRange
from shared.usecases.list_audit import AuditPage
from shared.usecases.list_usage import UsageAsked, UsageSoFar

_KEY_OF_THE_LEDGER: Final = re.compile(path_ids.LEDGER_KEY)
RecordedKey: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"\A({path_ids.PLAIN_PATTERN}|{path_ids.PATTERN}|{path_ids.LEDGER_KEY_PATTERN})\Z",
        description="an idempotency key, or a key that the ledger made for itself, such as ~expire-h2",
    ),
]

_CURSOR_DIGITS_MAX: Final = 12


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
        return period_of(self.from_, self.to, now_ms)

    @property
    def after_name(self) -> str | None:
        """The last name of the page before. Raises ValidationFailed for a cursor that is not from an earlier page."""
        return name_after(self.after, self.group_by)


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
    digits = cursors.text_in(cursor)
    if not (
        digits.isascii() and digits.isdigit() and len(digits) <= _CURSOR_DIGITS_MAX and cursor_of(int(digits)) == cursor
    ):
        raise ValidationFailed([cursors.NO_CURSOR])
    return int(digits)


def cursor_of(seq: int | None) -> str | None:
    return None if seq is None else cursors.cursor(str(seq).encode())


def listing(page: Page[Entry]) -> dict[str, Any]:
    return {"items": [public_entry(entry) for entry in page.items], "next": cursor_of(page.next_before_seq)}


def audit_listing(audit: AuditPage) -> dict[str, Any]:
    return listing(audit.page) | {"verified": audit.verified, "verified_through": audit.verified_through}


def usage_listing(asked: UsageAsked, usage: UsageSoFar) -> dict[str, Any]:
    return {
        "group_by": asked.grouping,
        "from": asked.period.first,
        "to": asked.period.last,
        "items": [{asked.grouping: name or None, **public_sums(sums)} for name, sums in usage.page.items],
        "next": name_cursor(usage.page.next_after),
        "counted_through": usage.counted_through,
    }


def recorded_outcome(entry: Entry) -> dict[str, Any]:
    """The first answer to the operation: its status, and the problem if it was refused."""
    outcome = effect_of(entry) | {"status": status_of(entry)}
    if not entry.is_refused:
        return outcome
    problem = refusal_of(entry)
    return outcome | {"status": problem["status"], "problem": problem}
