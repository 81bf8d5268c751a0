"""What the sums of an account and those of a tenant have in common: periods, pages, and how they are shown."""

import re
from datetime import date
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from shared.edge import cursors
from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.reported_usage import is_model_name
from shared.edge.validation import DAY, Time
from shared.ledger import ids
from shared.ledger.amounts import to_millicents
from shared.ledger.times import epoch_ms, rfc3339
from shared.ledger.usage import Sums
from shared.ports.usage import DayRange

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

_DAY: Final = re.compile(DAY)
_DAY_CHARACTERS: Final = len("2026-01-31")
_NAME_MARK: Final = "="


def period_of(first: str | None, last: str | None, now_ms: int) -> DayRange:
    """`from` and `to` as days, by default the 30 up to today in UTC. Raises ValidationFailed for more than a year."""
    to = _day_of(rfc3339(now_ms) if last is None else last, "query.to", is_end=last is not None)
    earliest = date.fromordinal(max(to.toordinal() - DEFAULT_DAYS + 1, 1))
    from_ = earliest if first is None else _day_of(first, "query.from")
    if not 0 <= (to - from_).days < MAX_DAYS:
        raise ValidationFailed([FieldError("query.from", f"must be a day of the {MAX_DAYS} up to `to`")])
    return DayRange(from_.isoformat(), to.isoformat())


def name_cursor(name: str | None) -> str | None:
    """The cursor after a name, which may be empty."""
    return None if name is None else cursors.cursor((_NAME_MARK + name).encode())


def name_after(after: str | None, grouping: str) -> str | None:
    """The name in a cursor. Raises ValidationFailed for a cursor that is not from an earlier page."""
    if after is None:
        return None
    text = cursors.text_in(after)
    mark, name = text[:1], text[1:]
    if mark != _NAME_MARK or not _is_name(name, grouping) or name_cursor(name) != after:
        raise ValidationFailed([cursors.NO_CURSOR])
    return name


def public_sums(sums: Sums) -> dict[str, Any]:
    return {
        "charged": to_millicents(sums.charged),
        "refunded": to_millicents(sums.refunded),
        "net": to_millicents(sums.charged - sums.refunded),
        "count": sums.count,
    }


def _is_name(name: str, grouping: str) -> bool:
    return not name or (is_model_name(name) if grouping == "model" else ids.is_id(name))


def _day_of(given: str, path: str, *, is_end: bool = False) -> date:
    """The day in UTC. A time that ends a period belongs to the day that it ends. Raises ValidationFailed."""
    try:
        if _DAY.fullmatch(given):
            return date.fromisoformat(given)
        at_ms = epoch_ms(msgspec.convert(given, Time))
        return date.fromisoformat(rfc3339(at_ms - is_end)[:_DAY_CHARACTERS])
    except (ValueError, OverflowError) as neither:
        raise ValidationFailed([FieldError(path, f"must be {_A_DAY_OR_TIME}")]) from neither
