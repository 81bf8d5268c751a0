"""Exact JSON: numbers become int or Decimal, never float. The parser never guesses, repairs or overwrites."""

import base64
import binascii
import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from shared.edge.errors import BodyTooLarge, DuplicateJsonKey, InvalidJson

MAX_BODY_BYTES: Final = 8 * 1024
MAX_DEPTH: Final = 32
MAX_INTEGER_CHARACTERS: Final = 400
"""Python parses longer integers slowly, and rejects those of thousands of digits."""

_STRING: Final = re.compile(r'"[^"\\]*(?:\\.?[^"\\]*)*(?:"|\Z)', re.DOTALL)
"""One that does not end reaches to the end of the text: it is looked at once, and not from each quote in it again."""
_BRACKET: Final = re.compile(r"[{}\[\]]")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def body_bytes(body: str | None, *, is_base64: bool, limit: int = MAX_BODY_BYTES) -> bytes:
    """The request body as bytes. Raises BodyTooLarge or InvalidJson."""
    if is_base64:
        return _limited(_decoded_base64(body or ""), limit)
    return _limited((body or "").encode("utf-8", "surrogatepass"), limit)


def read_object(body: bytes) -> dict[str, Any]:
    """Parses a JSON object with its numbers as int or Decimal. Raises InvalidJson or DuplicateJsonKey."""
    text = _decoded_utf8(body)
    if _depth(text) > MAX_DEPTH:
        raise InvalidJson(f"the body must have at most {MAX_DEPTH} levels of nesting")
    document = _parsed(text)
    if not isinstance(document, dict):
        raise InvalidJson("the body must be a JSON object")
    if _SURROGATE.search(text):
        _refuse_lone_surrogates(document)
    return document


def _limited(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise BodyTooLarge(f"the body must have at most {limit} bytes")
    return body


def _decoded_base64(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as malformed:
        raise InvalidJson("the body is marked as base64 but is not valid base64") from malformed


def _decoded_utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as malformed:
        raise InvalidJson("the body must be UTF-8") from malformed


def _parsed(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as malformed:
        where = f"line {malformed.lineno} column {malformed.colno}"
        raise InvalidJson(f"the body must be JSON: {malformed.msg} at {where}") from malformed


def _depth(text: str) -> int:
    # Counted before parsing, since the parser's own depth limit differs between Python versions.
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "{[" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise DuplicateJsonKey("each key of a JSON object must be unique")
    return members


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= MAX_INTEGER_CHARACTERS else _decimal(text)


def _decimal(text: str) -> Decimal:
    """An out-of-range number becomes infinite; the validation of its field rejects it."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("Infinity")


def _constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not a JSON value")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)


def _refuse_lone_surrogates(document: dict[str, Any]) -> None:
    try:
        json.dumps(document, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as lone:
        raise InvalidJson("a string contains half of a surrogate pair") from lone
