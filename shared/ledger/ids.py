"""Ids: the names of tenants, actors, apps, meters, holds, grants and checks, and idempotency keys, all of one form.

The subjects of tokens, e-mail addresses, ARNs and base64 are ids as they are. The characters that are no part of an id
separate ids from each other: "#" in the keys of the tables, "~" in the keys that the ledger makes itself.
"""

import re
from typing import Final

CHARACTER: Final = r"[!$-\[\]-}]"
"""A class of a regular expression: printable ASCII without space, `"`, `#`, `\\` and `~`."""
LONGEST: Final = 128
PATTERN: Final = f"{CHARACTER}{{1,{LONGEST}}}"
REQUIREMENT: Final = f'1 to {LONGEST} printable ASCII characters other than space, # ~ " and \\'

_ID: Final = re.compile(PATTERN)


def is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
