"""Canonical JSON: the same content always has the same text, and so the same hash."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no white space.

    Amounts are integers; apply `by_value` first if there are other numbers.
    """
    return _ENCODER.encode(value)


def by_value(value: object) -> object:
    """The value with one spelling per number at every depth: 1.0 and 1e2 become 1 and 100, without loss of digits."""
    match value:
        case str() | int() | None:
            return value
        case float() if value.is_integer():
            return int(value)
        case dict() | Mapping():
            return {name: by_value(member) for name, member in value.items()}
        case list() | tuple():
            return [by_value(member) for member in value]
        case _:
            return value


def sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
