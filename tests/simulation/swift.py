"""Makes a run of the simulator a quarter faster; to be imported before the ledger is.

A run makes a hundred million values and reads and writes ten million records. What that costs is nothing to a service
that handles one operation at a time; a process that imports this does without some of it:

* The ledger's values are frozen, which takes a call for each of their fields. Here they are the same values, equal and
  hashed alike, that merely could be changed; that nothing does is for all other tests to show.
* The standard library's JSON encoder is made anew for every text. Here it is made once; and a faster parser reads.
* Values that are made of the same text again soon (an entry that is published, then audited) are remembered.

A test compares a history made this way with one made the usual way.
"""

import dataclasses
import json.encoder
import sys
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha1
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import msgspec

_FREEZING: Final = dataclasses.dataclass
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_REMEMBERED: Final = 16_384
_MAKE_ENCODER: Final = vars(json.encoder)["c_make_encoder"]


class _Encoder:
    """json.JSONEncoder with the options of shared/ledger/canonical.py."""

    def __init__(self) -> None:
        spell = json.encoder.encode_basestring
        self._encode: Any = _MAKE_ENCODER(None, None, spell, None, ":", ",", True, False, False)

    def encode(self, value: object) -> str:
        return "null" if value is None else "".join(self._encode(value, 0))


def _thawing(cls: Any = None, /, *, frozen: bool = False, **options: Any) -> Any:
    return _FREEZING(cls, unsafe_hash=frozen, **options)


def _make_swift() -> None:
    """Without effect where the ledger is imported already, and on whatever is imported afterwards."""
    if "shared.ledger.accounts" in sys.modules:
        return
    dataclasses.dataclass = _thawing
    try:
        for module, swifter in _MODULES.items():
            vars(import_module(module)).update(swifter(sys.modules[module]))
    finally:
        dataclasses.dataclass = _FREEZING


def _as_it_is(_module: ModuleType) -> dict[str, Any]:
    return {}


def _swift_canonical(_module: ModuleType) -> dict[str, Any]:
    return {"_ENCODER": _Encoder()} if _MAKE_ENCODER is not None else {}


def _swift_entries(module: ModuleType) -> dict[str, Any]:
    return {
        "json": SimpleNamespace(loads=msgspec.json.Decoder().decode),
        "to_millicents": _remembering(module.to_millicents),
        "entry_from_record": _remembering(module.entry_from_record),
    }


def _swift_events(module: ModuleType) -> dict[str, Any]:
    namespace = module._NAMESPACE.bytes

    def event_id(account: Any, subject: str) -> str:
        """As str(uuid5(…)): a SHA-1 with the version and the variant put in."""
        name = f"{account.tenant}/{account.actor}/{subject}".encode()
        text = sha1(namespace + name, usedforsecurity=False).hexdigest()
        return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANTS[text[16]]}{text[17:20]}-{text[20:32]}"

    return {"_event_id": _remembering(event_id)}


_remembering: Final = lru_cache(_REMEMBERED)
_MODULES: Final[dict[str, Callable[[ModuleType], dict[str, Any]]]] = {
    "shared.ledger.canonical": _swift_canonical,
    "shared.ledger.entries": _swift_entries,
    "shared.ledger.events": _swift_events,
    "shared.ledger.protocol": _as_it_is,
    "shared.ledger.verification": _as_it_is,
    "shared.usecases.publish_entries": _as_it_is,
    "shared.usecases.keep_audit": _as_it_is,
}
"""In the order of their imports: what is imported later finds what is swifter in them already."""

_make_swift()
