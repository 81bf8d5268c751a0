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
PATTERN: Final = rf"{MARK}([!'()*.0-9A-Z_a-z-]|~[2-7][0-9A-F]){{1,3000}}"
"""The second spelling. The characters other than "~" are those that encodeURIComponent of JavaScript leaves alone."""
IdInPath: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"\A({ids.PATTERN}|{PATTERN})\Z", description=ids.REQUIREMENT)
]

_SPELLED: Final = re.compile(PATTERN)
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
