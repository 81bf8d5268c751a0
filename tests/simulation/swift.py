"""Makes a run of the simulator a third faster; to be imported before the ledger is.

A run makes a hundred million values and reads and writes ten million records. What that costs is nothing to a service
that handles one operation at a time; a process that imports this does without some of it:

* The ledger's values are frozen dataclasses, which take a call for each of their fields. Here they are structs with the
  same fields, methods and equality.
* The standard library's JSON encoder is made anew for every text. Here a faster one writes, and a faster parser reads.
* What is made of the same again soon (an entry that is published, then audited; the hash of a request that is tried
  again) is remembered.

A test compares a history made this way with one made the usual way.
"""

import dataclasses
import sys
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha1
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, Final, get_origin

import msgspec
from msgspec import structs

_DATACLASS: Final = dataclasses.dataclass
_MADE_ANEW: Final = frozenset({"__annotations__", "__dict__", "__weakref__"})
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_REMEMBERED: Final = 16_384


class _Encoder:
    """json.JSONEncoder with the options of shared/ledger/canonical.py."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder(order="sorted").encode

    def encode(self, value: object) -> str:
        return self._encode(value).decode()


def _struct(cls: Any = None, /, **options: bool) -> Any:
    """As dataclasses.dataclass; what can be changed, or is a kind of something, stays what it is."""
    if cls is None:
        return lambda decorated: _struct(decorated, **options)
    if not options.get("frozen") or cls.__bases__ != (object,):
        return _DATACLASS(cls, **options)
    names = {name: value for name, value in vars(cls).items() if name not in _MADE_ANEW}
    made_of = [(name, names.pop(name, msgspec.NODEFAULT)) for name in _names_of_fields(cls)]
    remembered = {name: default.default for name, default in made_of if not getattr(default, "init", True)}
    return msgspec.defstruct(
        cls.__name__,
        [(name, Any, _default(default)) for name, default in made_of if name not in remembered],
        frozen=True,
        # What a value remembers of itself is none of its fields, and needs a place.
        dict=bool(remembered),
        gc=bool(remembered),
        module=cls.__module__,
        namespace=names | remembered,
    )


def _names_of_fields(cls: Any) -> list[str]:
    annotations = vars(cls).get("__annotations__", {})
    return [name for name, annotation in annotations.items() if get_origin(annotation) is not ClassVar]


def _default(default: Any) -> Any:
    if not isinstance(default, dataclasses.Field):
        return default
    if default.default_factory is not dataclasses.MISSING:
        return msgspec.field(default_factory=default.default_factory)
    return msgspec.NODEFAULT if default.default is dataclasses.MISSING else default.default


def _make_swift() -> None:
    """Without effect where the ledger is imported already, and on whatever is imported afterwards."""
    if "shared.ledger.accounts" in sys.modules:
        return
    dataclasses.dataclass = _struct
    try:
        for module, swifter in _MODULES.items():
            vars(import_module(module)).update(swifter(sys.modules[module]))
    finally:
        dataclasses.dataclass = _DATACLASS
    for name in [name for name in sys.modules if name.startswith("shared.")]:
        _treat_as_structs(vars(sys.modules[name]))


def _treat_as_structs(names: dict[str, Any]) -> None:
    for usual, swift in ((dataclasses.replace, structs.replace), (dataclasses.fields, structs.fields)):
        if names.get(usual.__name__) is usual:
            names[usual.__name__] = swift


def _as_it_is(_module: ModuleType) -> dict[str, Any]:
    return {}


def _swift_canonical(_module: ModuleType) -> dict[str, Any]:
    return {"_ENCODER": _Encoder()}


def _swift_operations(module: ModuleType) -> dict[str, Any]:
    operation = module.Operation
    parameters_of, hash_with = _remembering_most(module.parameters_of), operation.hash_with
    request_hash = _remembering_most(lambda asked: hash_with(asked, parameters_of(asked.terms)))
    operation.request_hash = property(request_hash)
    operation.hash_with = lambda asked, _parameters: request_hash(asked)
    return {"parameters_of": parameters_of}


def _swift_entries(module: ModuleType) -> dict[str, Any]:
    return {
        "object": SimpleNamespace(__setattr__=structs.force_setattr),
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


def _remembering_most(of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """As _remembering, but for what has a mapping in it."""
    remembering = _remembering(of)

    def remembered(value: Any) -> Any:
        try:
            return remembering(value)
        except TypeError:
            return of(value)

    return remembered


_MODULES: Final[dict[str, Callable[[ModuleType], dict[str, Any]]]] = {
    "shared.ledger.canonical": _swift_canonical,
    "shared.ledger.operations": _swift_operations,
    "shared.ledger.entries": _swift_entries,
    "shared.ledger.events": _swift_events,
    "shared.ledger.protocol": _as_it_is,
    "shared.ledger.verification": _as_it_is,
    "shared.usecases.publish_entries": _as_it_is,
    "shared.usecases.keep_audit": _as_it_is,
}
"""In the order of their imports: what is imported later finds what is swifter in them already."""

_make_swift()
