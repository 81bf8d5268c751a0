"""One way to write a value down, so that the same content always has the same hash."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no white space. Amounts are integers; `by_value` is for other numbers."""
    return _ENCODER.encode(value)


def by_value(value: object) -> object:
    """The value with one spelling for each number, however deep: 1.0 and 1e2 are 1 and 100, without losing a digit."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {name: by_value(member) for name, member in value.items()}
        case list() | tuple():
            return [by_value(member) for member in value]
        case _:
            return value


def sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
