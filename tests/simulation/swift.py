"""Makes a run of the simulator a quarter faster; to be imported before the ledger is.

A run makes a hundred million values and reads and writes ten million records. What that costs is nothing to a service
that handles one operation at a time; a process that imports this does without some of it:

* The ledger's values are frozen, which takes a call for each of their fields. Here they are the same values, equal and
  hashed alike, that merely could be changed; that nothing does is for all other tests to show.
* The standard library's JSON encoder is made anew for every text. Here it is made once; and a faster parser reads.
* The text of an instant and the id of an event are remembered, since both are needed again soon.

A test compares a history made this way with one made the usual way.
"""

import dataclasses
import json.encoder
import sys
from functools import lru_cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final

import msgspec

_FREEZING: Final = dataclasses.dataclass
_REMEMBERED: Final = 16_384
_MAKE_ENCODER: Final = vars(json.encoder)["c_make_encoder"]
_MODULES: Final = (
    "shared.usecases.publish_entries",
    "shared.usecases.keep_audit",
    "shared.ledger.protocol",
    "shared.ledger.verification",
)


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
        for module in _MODULES:
            import_module(module)
    finally:
        dataclasses.dataclass = _FREEZING
    if _MAKE_ENCODER is not None:
        vars(sys.modules["shared.ledger.canonical"])["_ENCODER"] = _Encoder()
    entries, events = vars(sys.modules["shared.ledger.entries"]), vars(sys.modules["shared.ledger.events"])
    entries["json"] = SimpleNamespace(loads=msgspec.json.Decoder().decode)
    entries["rfc3339"] = lru_cache(_REMEMBERED)(entries["rfc3339"])
    events["_event_id"] = lru_cache(_REMEMBERED)(events["_event_id"])


_make_swift()
