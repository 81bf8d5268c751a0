"""Answers that the client hands on as they are, or has no model of."""

from typing import Any, Final

import msgspec


class Proof(msgspec.Struct, kw_only=True):
    """For the verifier of one file, `millicent.verify_proof`."""

    version: int
    digest: dict[str, Any]
    head: dict[str, Any]
    path: list[Any]
    records: list[Any]


_AMOUNTS: Final = {"type": "array", "items": {"$ref": "#/components/schemas/Millicents"}}
_SETTINGS: Final = {"type": "object", "description": "what a change of the settings has set"}
_LIMIT: Final = {"type": "object", "description": "the spending limit, or the parent account, that decided"}
MORE: Final[dict[str, dict[str, Any]]] = {
    "Entry": {
        "settings": _SETTINGS,
        "limit": _LIMIT,
        "low_balance": _AMOUNTS | {"description": "thresholds that available has fallen below"},
        "member": {"type": "string", "description": "the member of this account that acted"},
        "parent": {"type": "string", "description": "the parent account that paid too"},
    },
    "Receipt": {"settings": _SETTINGS},
    "Problem": {
        "type": {"type": "string", "description": "urn:millicent:problem: and the code"},
        "limit": _LIMIT,
    },
}
"""Members of answers that the client has no model of."""
