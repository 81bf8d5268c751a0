"""Keys of events. A key belongs to the event: neither its place, nor how the file is written, changes it."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from millicent.ids import is_id

LONGEST_KEY: Final = 120
"""Below the longest id, for what is put behind the key of a row."""
_DIGITS: Final = 24


def digest(content: Any) -> str:  # noqa: ANN401 - any JSON value
    """The same for the same content, in whichever order its members are written."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=_number)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]


def without_nothing(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Without zeros and blanks: a quantity of 0 and one that is not named are the same."""
    if isinstance(value, Mapping):
        kept = {name: without_nothing(member) for name, member in value.items()}
        return {name: member for name, member in kept.items() if member is not None} or None
    if isinstance(value, list):
        return [without_nothing(member) for member in value] or None
    return None if value in (0, "", None) or value is False else value


class Keys:
    """Makes the keys of one reading. Identical events without an id are counted: they have the same key but its end."""

    def __init__(self, run_id: str | None) -> None:
        self._run_id = run_id
        self._seen: Counter[str] = Counter()

    def name_of(self, content: Mapping[str, Any]) -> str:
        """A name for an event without an id: from what it is, and how many of the same the file had before."""
        name = digest(without_nothing(content))
        self._seen[name] += 1
        return f"{name}-{self._seen[name]}"

    def key(self, name: str) -> str:
        """The key of the event with this name, in this run."""
        return fitting(f"{self._run_id}-{name}" if self._run_id else name)


def fitting(key: str) -> str:
    """The key, or its hash if the service does not take it."""
    return key if len(key) <= LONGEST_KEY and is_id(key) else digest(key)


def _number(value: object) -> Any:  # noqa: ANN401 - what JSON writes
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else format(value.normalize(), "f")
    raise TypeError(f"{type(value)} is not in a file")
