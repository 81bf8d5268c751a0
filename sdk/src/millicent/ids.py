"""Ids: the names of actors, apps, meters, holds and grants, and idempotency keys. The service has the same rules."""

import re
from typing import Final
from urllib.parse import quote

LONGEST: Final = 128
PATTERN: Final = rf"[!$-\[\]-}}]{{1,{LONGEST}}}"
CHARACTERS: Final = 'printable ASCII characters other than space, # ~ " and \\'
REQUIREMENT: Final = f"1 to {LONGEST} {CHARACTERS}"
"""Completes the sentence "an id is …"."""

_ID: Final = re.compile(PATTERN)
_MARK: Final = "~~"
_NOT_IN_A_PATH: Final = re.compile(r"[/?%]|\A\.\.?\Z")
"""What gateways and clients change in a path, even if it is percent-encoded."""


def is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def in_path(text: str) -> str:
    """The id, or the key of the ledger itself, as a segment of a path.

    Percent-encoded; with "~~" in front and "~" in the place of "%" where a gateway would change even that.
    """
    encoded = quote(text, safe="")
    if _NOT_IN_A_PATH.search(text) is None:
        return encoded
    return _MARK + encoded.replace("~", "%7E").replace("%", "~")
