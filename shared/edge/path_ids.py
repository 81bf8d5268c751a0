r"""Ids in the paths of requests.

A path has an id percent-encoded. Gateways decode a path before they route it, so an encoded "/" or "?" would end the
id there, and "." and ".." would be steps in the path. For such ids a path has a second spelling, which consists of
characters that nothing on the way decodes: "~~", then the id with "~" in the place of the "%".

    auth0|5f7c    auth0%7C5f7c
    a/b           ~~a~2Fb

No id contains "~", and a key of the ledger itself never starts with "~~" (the name of an actor follows its first "~").
"""

import re
from typing import Annotated, Final, TypeAlias
from urllib.parse import quote, unquote

import msgspec

from shared.ledger import ids

MARK: Final = "~~"
_SPELLED_CHARACTER: Final = r"([!'()*.0-9A-Z_a-z-]|~(2[14-9A-F]|[346][0-9A-F]|5[0-9ABD-F]|7[0-9A-D]))"
"""A character of an id: as encodeURIComponent of JavaScript leaves it, or as "~" and its code."""
PATTERN: Final = f"{MARK}{_SPELLED_CHARACTER}{{1,{ids.LONGEST}}}"
"""An id in the second spelling."""
_PLAIN_CHARACTER: Final = r"[!$&-.0->@-\[\]-}]"
PLAIN_PATTERN: Final = rf"(?!\.\.?$){_PLAIN_CHARACTER}{{1,{ids.LONGEST}}}"
"""An id in the first spelling: of the characters of ids all but "/", "?" and "%", which gateways change."""
LEDGER_KEY: Final = f"~{ids.CHARACTER}({ids.CHARACTER}|~){{0,999}}"
"""A key that the ledger made for itself."""
LEDGER_KEY_PATTERN: Final = (
    rf"~{_PLAIN_CHARACTER}({_PLAIN_CHARACTER}|~){{0,999}}"
    rf"|{MARK}~7E{_SPELLED_CHARACTER}({_SPELLED_CHARACTER}|~7E){{0,999}}"
)
"""A key that the ledger made for itself, in either spelling."""
IdInPath: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"\A({PLAIN_PATTERN}|{PATTERN})\Z", description=ids.REQUIREMENT)
]

_SPELLED: Final = re.compile(f"{MARK}({_SPELLED_CHARACTER}|~7E)+")
_NOT_IN_A_PATH: Final = re.compile(r"[/?%]|\A\.\.?\Z")
"""What gateways and clients change in a path, even if it is percent-encoded."""


def in_path(text: str) -> str:
    """The id, or the key of the ledger itself, as a segment of a path."""
    encoded = quote(text, safe="")
    if _NOT_IN_A_PATH.search(text) is None:
        return encoded
    return MARK + encoded.replace("~", "%7E").replace("%", "~")


def from_path(segment: str) -> str:
    """The inverse of `in_path`, for a segment that was decoded on the way, or was not."""
    decoded = unquote(segment)
    if _SPELLED.fullmatch(decoded) is None:
        return decoded
    return unquote(decoded.removeprefix(MARK).replace("~", "%"))
