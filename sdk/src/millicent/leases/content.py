"""What a spend says of itself, checked before it counts.

What the service would refuse must not be spent. And it reads a batch as one text: what is no JSON, too deep or too
large in one line keeps the whole batch from the record.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from millicent.client import MAX_BATCH_BYTES
from millicent.leases.calls import Line, charge

_LONGEST_METADATA_BYTES: Final = 8192 - 256
"""As many as the service takes, less what is added to it."""
_DEEPEST_METADATA: Final = 8
_DEEPEST_CONTENT: Final = 30
"""The service takes 32 levels, of which a batch and its list of charges are two."""
_LONGEST_LINE_BYTES: Final = MAX_BATCH_BYTES - 1024
"""Less what is added to it: its key, its hold, and both once more if it is late."""
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def checked_metadata(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy. Raises ValueError, TypeError."""
    if len(_encode(metadata)) > _LONGEST_METADATA_BYTES:
        raise ValueError(f"metadata has at most {_LONGEST_METADATA_BYTES} bytes as JSON")
    if _is_deeper(_DEEPEST_METADATA, metadata):
        raise ValueError(f"metadata is a JSON object with at most {_DEEPEST_METADATA} levels of nesting")
    copied: Mapping[str, Any] = _copied(metadata)
    return copied


def checked_content(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy. `content` are members of a charge. Raises ValueError."""
    if _is_deeper(_DEEPEST_CONTENT, content):
        raise ValueError(f"{', '.join(content)}: at most {_DEEPEST_CONTENT - 1} levels of nesting")
    copied: Mapping[str, Any] = _copied(content)
    return copied


def check_size(actor: str, line: Line) -> None:
    """Raises ValueError, TypeError if the line cannot be sent."""
    if len(_encode(charge(actor, line, {}).wire)) > _LONGEST_LINE_BYTES:
        raise ValueError(f"a spend has at most {_LONGEST_LINE_BYTES} bytes as JSON, with its usage and metadata")


def _is_deeper(levels: int, value: object) -> bool:
    if not isinstance(value, Mapping | list | tuple):
        return False
    if levels == 0:
        return True
    inner = value.values() if isinstance(value, Mapping) else value
    return any(_is_deeper(levels - 1, each) for each in inner)


def _copied(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """What the caller changes later is not sent: a line that is sent again has to be the same."""
    if isinstance(value, Mapping):
        if len(set(map(str, value))) < len(value):
            raise ValueError('each name of a JSON object is unique, metadata\'s too: 1 and "1" are one name')
        return {name: _copied(each) for name, each in value.items()}
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"{value} is not a JSON value, and metadata consists of these")
    return [_copied(each) for each in value] if isinstance(value, list | tuple) else value
