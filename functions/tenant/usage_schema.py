import calendar
import re
from datetime import date
from typing import Any, Final

import msgspec

from shared.edge import cursors
from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.usage_listing import (
    DayOrTime,
    name_after,
    name_cursor,
    period_of,
    public_sums,
)
from shared.edge.validation import MAX_PAGE, Cursor, PageLimit
from shared.ledger import ids
from shared.ledger.times import rfc3339
from shared.ports.usage import DayRange
from shared.usecases.list_tenant_usage import Rank, TenantGrouping, TenantUsage, TenantUsageAsked, is_day_or_month

_RANK: Final = re.compile(r"(-?[0-9]{1,20}) (.+)")


class TenantUsageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    group_by: TenantGrouping = "meter"
    from_: DayOrTime | None = None
    to: DayOrTime | None = None
    limit: PageLimit = PageLimit(MAX_PAGE)
    after: Cursor | None = None

    def asked(self, now_ms: int) -> TenantUsageAsked:
        """Raises ValidationFailed."""
        after = _rank_after(self.after) if self.group_by == "actor" else name_after(self.after, self.group_by)
        return TenantUsageAsked(self.group_by, self._period(now_ms), after, int(self.limit))

    def _period(self, now_ms: int) -> DayRange:
        if self.group_by != "actor":
            return period_of(self.from_, self.to, now_ms)
        if self.from_ is None and self.to is None:
            return _month_of(now_ms)
        period = period_of(self.to if self.from_ is None else self.from_, self.to, now_ms)
        if not is_day_or_month(period):
            needed = "must make one day or one calendar month of `from` and `to`: actors are ranked by these"
            raise ValidationFailed([FieldError("query.to", needed)])
        return period


def tenant_usage_listing(asked: TenantUsageAsked, usage: TenantUsage) -> dict[str, Any]:
    return {
        "group_by": asked.grouping,
        "from": asked.period.first,
        "to": asked.period.last,
        "items": [{asked.grouping: name or None, **public_sums(sums)} for name, sums in usage.items],
        "next": _cursor(usage.next_after),
        "through_members": public_sums(usage.through_members),
        "counted_at": None if usage.counted_at_ms is None else rfc3339(usage.counted_at_ms),
    }


def _month_of(now_ms: int) -> DayRange:
    today = date.fromisoformat(rfc3339(now_ms)[: len("2026-01-31")])
    last = calendar.monthrange(today.year, today.month)[1]
    return DayRange(today.replace(day=1).isoformat(), today.replace(day=last).isoformat())


def _cursor(after: str | Rank | None) -> str | None:
    return cursors.cursor(f"{after.net} {after.actor}".encode()) if isinstance(after, Rank) else name_cursor(after)


def _rank_after(cursor: str | None) -> Rank | None:
    """Raises ValidationFailed for a cursor that is not from an earlier page."""
    if cursor is None:
        return None
    found = _RANK.fullmatch(cursors.text_in(cursor))
    if found is None or not ids.is_id(found[2]) or _cursor(Rank(int(found[1]), found[2])) != cursor:
        raise ValidationFailed([cursors.NO_CURSOR])
    return Rank(int(found[1]), found[2])
