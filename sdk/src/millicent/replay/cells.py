"""The values of cells: numbers, amounts, times and ids, each in one spelling, however a file writes them.

Every function raises BadCell with what the value must be.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from millicent.ids import REQUIREMENT, is_id

MOST_UNITS: Final = 10**12

_WHOLE: Final = re.compile(r"([0-9]{1,12})(\.0*)?")
_THOUSANDS: Final = re.compile(r"[1-9][0-9]{0,2}\.000")
"""One, as a program writes it, or a thousand, as a spreadsheet of another language does."""
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]*)?")
_AMOUNT: Final = re.compile(r"[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,3})?|[0-9]+\.")
_SPREADSHEETS: Final = re.compile(r"[0-9]+\.0+|[0-9.]+[eE]\+?[0-9]+")
_SLASHES: Final = re.compile(r"[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}(\D.*)?", re.DOTALL)
_YEAR_FIRST: Final = re.compile(r"([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})(.*)", re.DOTALL)
_ZONE: Final = re.compile(r"\s*(UTC|GMT)$|\s+(?=[+-][0-9]{2}:?[0-9]{2}$)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Units of a number of time by its digits: no time of this century fits two of them.
_EPOCH_DIGITS: Final = {9: 1, 10: 1, 12: 10**3, 13: 10**3, 15: 10**6, 16: 10**6, 18: 10**9, 19: 10**9}
_TRUE: Final = frozenset({"true", "yes", "1"})
_FALSE: Final = frozenset({"false", "no", "0", "none", "null"})


class BadCell(ValueError):
    """The value is not what it must be; the text says what that is."""


def count(value: Any) -> int:  # noqa: ANN401 - whatever a file has
    """A whole number of units; 59200.0 is 59200. 59.200 and 59.000 are refused: the point may separate thousands."""
    told = "" if isinstance(value, bool) else str(value)
    whole = _WHOLE.fullmatch(told)
    if whole is None or _THOUSANDS.fullmatch(told):
        raise BadCell(f"a whole number of tokens below {MOST_UNITS}, in digits alone")
    return int(whole[1])


def dollars(value: Any) -> str:  # noqa: ANN401 - whatever a file has
    """A decimal in its shortest spelling, without an exponent."""
    told = "" if isinstance(value, bool) else str(value)
    if not _AMOUNT.fullmatch(told):
        raise BadCell("dollars, 0 or more, such as 0.0125")
    amount = Decimal(told)
    return "0" if amount == 0 else format(amount.normalize(), "f")


def flag(value: Any) -> bool:  # noqa: ANN401 - whatever a file has
    """True and False, as programs and spreadsheets write them."""
    told = plain(value).casefold()
    if told in _TRUE:
        return True
    if told in _FALSE:
        return False
    raise BadCell("true or false")


def identifier(value: Any) -> str:  # noqa: ANN401 - whatever a file has
    """An id of a payer, unchanged. What a spreadsheet has made of a number is refused: it may be another id."""
    told = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if isinstance(value, str) and _SPREADSHEETS.fullmatch(value):
        raise BadCell("the id itself: this looks like a number that a spreadsheet has rewritten")
    if not is_id(told):
        raise BadCell(REQUIREMENT)
    return told


def text(value: Any) -> str:  # noqa: ANN401 - whatever a file has
    """A name."""
    if not isinstance(value, str) or not value.strip():
        raise BadCell("text")
    return value.strip()


def instant(value: Any) -> datetime:  # noqa: ANN401 - whatever a file has
    """A time in UTC; one without an offset is UTC. Takes ISO 8601, and seconds to nanoseconds since 1970."""
    told = "" if isinstance(value, bool) else str(value).strip()
    if _NUMBER.fullmatch(told):
        return _since_1970(told)
    if _SLASHES.fullmatch(told):
        raise BadCell("a time such as 2026-01-31T12:00:00Z: with slashes, day and month are ambiguous")
    try:
        at = datetime.fromisoformat(_ZONE.sub(_zone, _YEAR_FIRST.sub(_with_dashes, told)))
    except ValueError as malformed:
        raise BadCell("a time such as 2026-01-31T12:00:00Z") from malformed
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def plain(value: Any) -> str:  # noqa: ANN401 - whatever a file has
    """Any value in one spelling: 59200.0 is 59200, TRUE is true."""
    if isinstance(value, bool):
        return "true" if value else "false"
    told = str(value).strip()
    if _NUMBER.fullmatch(told):
        return format(Decimal(told).normalize(), "f")
    return told.casefold() if told.casefold() in {"true", "false"} else told


def is_nothing(value: Any) -> bool:  # noqa: ANN401 - whatever a file has
    """Blank, zero, false, or a word for none of these."""
    if value is None or value is False or value in ([], {}):
        return True
    told = str(value).strip().casefold()
    if told in {"", "none", "null", "nan", "false", "no", "n/a", "default", "standard", "auto", "[]", "{}"}:
        return True
    try:
        return Decimal(told) == 0
    except InvalidOperation:
        return False


def _since_1970(told: str) -> datetime:
    number = Decimal(told)
    per_second = _EPOCH_DIGITS.get(len(str(int(number))))
    if per_second is None:
        raise BadCell("a time such as 2026-01-31T12:00:00Z, or seconds or milliseconds since 1970")
    return _EPOCH + timedelta(microseconds=int(number * 10**6 / per_second))


def _with_dashes(parts: "re.Match[str]") -> str:
    year, month, day, rest = parts.groups()
    return f"{year}-{month:0>2}-{day:0>2}{rest}"


def _zone(found: "re.Match[str]") -> str:
    return "+00:00" if found[1] else ""
