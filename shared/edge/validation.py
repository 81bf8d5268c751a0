"""Strict validation of requests.

msgspec converts the exactly parsed JSON to the request's struct. If that fails, the error names every invalid field and
states its requirement.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias, TypeVar, get_args

import msgspec

from shared.edge.errors import FieldError, IdempotencyKeyRequired, ValidationFailed
from shared.ledger import ids
from shared.ledger.amounts import MAX_AMOUNT_MICROCENTS, parse_millicents
from shared.ledger.errors import InvalidAmount
from shared.ledger.money import MICROCENTS_PER_DOLLAR, microcents_of, money_text
from shared.ledger.times import epoch_ms

MAX_METADATA_DEPTH: Final = 8
MAX_PAGE: Final = 100
MAX_LINES: Final = 1000
DEFAULT_PAGE: Final = 20
MAX_PRIORITY: Final = 99
MAX_TTL_S: Final = 86_400
MAX_TIME: Final = datetime.fromisoformat("9999-12-31T23:59:59.999+00:00")

CURSOR: Final = "[A-Za-z0-9_-]{1,512}"
IDEMPOTENCY_KEY: Final = rf'\A({ids.PATTERN}|"{ids.PATTERN}")\Z'
"""The header's value: the key, bare or as a quoted string of RFC 8941."""
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_WITHIN: Final = re.compile(r" - at `\$(\[[0-9]+\])`\Z")
"""The index in a list at which msgspec found the fault."""
_MAX_INTEGER: Final = 2**63 - 1


class Microcents(int):
    """An amount, given in millicents."""


class PositiveMicrocents(Microcents):
    """An amount above 0."""


class Dollars(str):
    """A cost in dollars: its decimal text, of any precision."""

    __slots__ = ()


class MoneyText(str):
    """An amount of some currency: its decimal text, of any precision."""

    __slots__ = ()


class Metadata(dict[str, Any]):
    """A JSON object with the caller's own data."""


class PageLimit(int):
    """How many items a page holds."""


class LineLimit(int):
    """How many lines a page of a statement holds."""


Identifier: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\A{ids.PATTERN}\Z", description=ids.REQUIREMENT)]
Cursor: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\A{CURSOR}\Z", description="the `next` of an earlier page")]
Note: TypeAlias = Annotated[str, msgspec.Meta(max_length=256, description="a text of at most 256 characters")]
Priority: TypeAlias = Annotated[
    int, msgspec.Meta(ge=0, le=MAX_PRIORITY, description=f"a whole number from 0 to {MAX_PRIORITY}")
]
TtlSeconds: TypeAlias = Annotated[
    int, msgspec.Meta(ge=1, le=MAX_TTL_S, description=f"a whole number of seconds from 1 to {MAX_TTL_S}")
]
Flag: TypeAlias = Annotated[bool, msgspec.Meta(description="true or false")]
Time: TypeAlias = Annotated[
    datetime,
    msgspec.Meta(tz=True, description='an RFC 3339 time with an offset, such as "2026-01-31T12:00:00Z"'),
]

DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
"""A date as a pattern; whether the calendar has it is another question."""

_Request = TypeVar("_Request", bound=msgspec.Struct)


def schema_named(name: str) -> dict[str, str]:
    """For the annotation of a type that cannot say what its values are: the schema in the OpenAPI document that can."""
    return {"$ref": f"#/components/schemas/{name}"}


def convert(document: Mapping[str, Any], request_type: type[_Request], *, root: str = "$") -> _Request:
    """The document as a request. Raises ValidationFailed, which names every invalid field."""
    try:
        request = msgspec.convert(document, request_type, dec_hook=_read)
    except msgspec.ValidationError as invalid:
        errors = list(_errors(document, request_type, root))
        raise ValidationFailed(errors or [FieldError(root, str(invalid))]) from invalid
    if errors := list(_times_out_of_range(request, root)):
        raise ValidationFailed(errors)
    return request


def idempotency_key(header: str | None) -> str:
    """The key, bare or as a quoted string of RFC 8941. Raises IdempotencyKeyRequired or ValidationFailed."""
    key = (header or "").strip(" \t")
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key:
        raise IdempotencyKeyRequired("send an Idempotency-Key header; create the key before the first attempt")
    return identifier(key, "header.Idempotency-Key")


def given_ms(at: datetime | None) -> int | None:
    """A time of a request in epoch milliseconds; None if the field is not in the request."""
    return None if at is None else epoch_ms(at)


def identifier(value: str, path: str) -> str:
    """The value, if it is an id. Raises ValidationFailed."""
    if not ids.is_id(value):
        raise ValidationFailed([FieldError(path, f"must be {ids.REQUIREMENT}")])
    return value


def _read(wanted: type, value: object) -> object:
    """Reads the types that msgspec does not know. The text of a ValueError completes "must be …"."""
    return _READERS[wanted](value)


def _read_amount(value: object) -> Microcents:
    return Microcents(parse_millicents(value))


def _read_positive_amount(value: object) -> PositiveMicrocents:
    amount = PositiveMicrocents(parse_millicents(value))
    if not amount:
        raise InvalidAmount("more than 0")
    return amount


def _read_dollars(value: object) -> Dollars:
    text = money_text(value)
    if microcents_of(text) > MAX_AMOUNT_MICROCENTS:
        raise InvalidAmount(f"at most {MAX_AMOUNT_MICROCENTS // MICROCENTS_PER_DOLLAR} dollars")
    return Dollars(text)


def _read_money(value: object) -> MoneyText:
    return MoneyText(money_text(value))


def _read_limit(value: object) -> PageLimit:
    return PageLimit(_small_number(value, MAX_PAGE))


def _read_line_limit(value: object) -> LineLimit:
    return LineLimit(_small_number(value, MAX_LINES))


def _small_number(value: object, most: int) -> int:
    is_small_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(most))
    if not (is_small_number and 1 <= int(str(value)) <= most):
        raise ValueError(f"a whole number from 1 to {most}")
    return int(str(value))


def _read_metadata(value: object) -> Metadata:
    if not isinstance(value, dict):
        raise ValueError("a JSON object")  # noqa: TRY004 - msgspec names the path of a ValueError
    return Metadata(_in_order(value, 0))


def _plain(value: object, depth: int) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list) and depth >= MAX_METADATA_DEPTH:
        raise ValueError(f"a JSON object with at most {MAX_METADATA_DEPTH} levels of nesting")
    if isinstance(value, dict):
        return _in_order(value, depth)
    if isinstance(value, list):
        return [_plain(member, depth + 1) for member in value]
    return _plain_number(value) if isinstance(value, int | Decimal) else value


def _in_order(members: Mapping[str, object], depth: int) -> dict[str, object]:
    # As the record stores them, so that the first answer and every replay have the same text.
    return {name: _plain(members[name], depth + 1) for name in sorted(members)}


def _plain_number(value: int | Decimal) -> int | float:
    if isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise ValueError("JSON whose integers fit in 64 bits")
        return value
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("JSON whose numbers fit in a double")
    # 9007199254740993.0 is a whole number that no double can represent.
    is_rounded_integer = abs(value) <= _MAX_INTEGER and value == int(value) != number
    return int(value) if is_rounded_integer else number


_READERS: Final[Mapping[type, Callable[[object], object]]] = {
    Microcents: _read_amount,
    PositiveMicrocents: _read_positive_amount,
    Dollars: _read_dollars,
    MoneyText: _read_money,
    PageLimit: _read_limit,
    LineLimit: _read_line_limit,
    Metadata: _read_metadata,
}


def _errors(document: Mapping[str, Any], request_type: type[msgspec.Struct], root: str) -> Iterator[FieldError]:
    """All faults of the document, field by field."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(request_type)}
    for name in document:
        if name not in fields:
            yield FieldError(_path(root, name), "unknown field")
    for name, field in fields.items():
        if name in document:
            yield from _field_errors(document[name], field.type, _path(root, name))
        elif field.required:
            yield FieldError(_path(root, name), "is required")


def _field_errors(value: object, wanted: object, path: str) -> Iterator[FieldError]:
    try:
        msgspec.convert(value, wanted, dec_hook=_read)
    except msgspec.ValidationError as invalid:
        if isinstance(invalid.__cause__, ValueError):
            within = _WITHIN.search(str(invalid))
            yield FieldError(path + (within[1] if within else ""), f"must be {invalid.__cause__}")
        else:
            yield FieldError(path, f"must be {_description(wanted)}")


def _description(wanted: object) -> str:
    """The requirement in the type's annotation; a choice of words lists them."""
    for part in (wanted, *get_args(wanted)):
        for note in getattr(part, "__metadata__", ()):
            if isinstance(note, msgspec.Meta) and note.description:
                return note.description
    return f"one of {', '.join(_words(wanted))}"


def _words(wanted: object) -> Iterator[str]:
    for part in get_args(wanted):
        if isinstance(part, str):
            yield part
        else:
            yield from _words(part)


def _times_out_of_range(request: msgspec.Struct, root: str) -> Iterator[FieldError]:
    # With its offset a time can fall after the last year that UTC can express.
    for name, value in msgspec.structs.asdict(request).items():
        if isinstance(value, datetime) and value > MAX_TIME:
            yield FieldError(_path(root, name.rstrip("_")), "must be before the year 10000 in UTC")


def _path(root: str, name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return f"{root}.{name}"
    return f"{root}[{json.dumps(name[:64])}]"
