"""Makes a run of the simulator a third faster; to be imported before the ledger is.

A run makes a hundred million values and reads and writes ten million records. What that costs is nothing to a service
that handles one operation at a time; a process that imports this does without some of it:

* The ledger's values are frozen dataclasses, which take a call for each of their fields. Here they are structs with the
  same fields, methods and equality.
* The standard library's JSON encoder is made anew for every text. Here a faster one writes, and a faster parser reads.
* What is made of the same again soon (an entry that is published, then audited; the hash of a request that is tried
  again) is remembered, where that is cheaper by the very object than by what it equals.
* Of sixteen entries one goes all the way: it is read back from its text, and its event shows all that events show. The
  others are not read again while their text is what it was, and of their events only what is audited is made.

A test compares a history made this way with one made the usual way.
"""

import dataclasses
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from hashlib import sha1, sha256
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, Final, get_origin

import msgspec
from msgspec import structs

_DATACLASS: Final = dataclasses.dataclass
_MADE_ANEW: Final = frozenset({"__annotations__", "__dict__", "__weakref__"})
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_REMEMBERED: Final = 16_384
_WHOLE_EVERY: Final = 16
"""Of so many entries one goes all the way."""


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


def _swift_times(module: ModuleType) -> dict[str, Any]:
    usual = module.rfc3339
    begin_of = _remembering(lambda second: usual(second * 1000).removesuffix("000Z"))

    def rfc3339(at_ms: int) -> str:
        """Most of what happens, happens within the same few seconds."""
        second, rest_ms = divmod(at_ms, 1000)
        return f"{begin_of(second)}{rest_ms:03d}Z"

    return {"rfc3339": rfc3339}


def _swift_operations(module: ModuleType) -> dict[str, Any]:
    """A client that tries again sends the very terms that it sent before."""
    operation = module.Operation
    parameters_of, hash_with = _remembering_each(module.parameters_of), operation.hash_with
    known: dict[tuple[int, str | None, str | None], tuple[object, str]] = {}

    def request_hash(asked: Any, _parameters: object = None) -> str:
        if asked.metadata is not None:
            return str(hash_with(asked, parameters_of(asked.terms)))
        content = id(asked.terms), asked.app, asked.meter
        if (found := known.get(content)) is None:
            found = known[content] = asked.terms, hash_with(asked, parameters_of(asked.terms))
        return found[1]

    operation.request_hash = property(request_hash)
    operation.hash_with = request_hash
    return {"parameters_of": parameters_of}


def _swift_entries(module: ModuleType) -> dict[str, Any]:
    record_text, read = _record_text(module), _remembering(module.entry_from_record)
    written: dict[str, Any] = {}

    def sealed(entry: Any) -> Any:
        """A new entry in a call: what it remembers of itself and its hash."""
        text = record_text(entry)
        digest = sha256(text.encode()).hexdigest()
        structs.force_setattr(entry, "hash", digest)
        on_it = vars(entry)
        on_it["_record"] = text
        if entry.seq % _WHOLE_EVERY:
            on_it["_hash_of"] = digest
            if len(written) == _REMEMBERED:
                written.clear()
            written[text] = entry
        return entry

    def entry_from_record(record: str, digest: str) -> Any:
        """The very entry that was written with this text and hash, most of the time."""
        entry = written.get(record)
        return entry if entry is not None and entry.hash == digest else read(record, digest)

    return {
        "object": SimpleNamespace(__setattr__=structs.force_setattr),
        "json": SimpleNamespace(loads=msgspec.json.Decoder().decode),
        "record_of": lambda entry: entry._record or entry.record,
        "hash_of": _remembering_on_it("_hash_of", module.hash_of),
        "_record_text": record_text,
        "sealed": sealed,
        "to_millicents": _remembering(module.to_millicents),
        "entry_from_record": entry_from_record,
    }


def _swift_events(module: ModuleType) -> dict[str, Any]:
    namespace = module._NAMESPACE.bytes

    def event_id(account: Any, subject: str) -> str:
        """As str(uuid5(…)): a SHA-1 with the version and the variant put in."""
        name = f"{account.tenant}/{account.actor}/{subject}".encode()
        text = sha1(namespace + name, usedforsecurity=False).hexdigest()
        return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANTS[text[16]]}{text[17:20]}-{text[20:32]}"

    public_entry: Callable[[Any], dict[str, Any]] = module.public_entry

    def shown(entry: Any) -> dict[str, Any]:
        """What nobody here looks at is left out most of the time."""
        if entry.seq % _WHOLE_EVERY and not entry.alerts:
            return {"at": module.rfc3339(entry.at_ms), "hash": entry.hash}
        return public_entry(entry)

    return {
        "_event_id": event_id,
        "entry_event_id": _remembering_on_it("_event_id", module.entry_event_id),
        "public_entry": shown,
    }


def _swift_audit(_module: ModuleType) -> dict[str, Any]:
    """A mapping is a dict here, which takes no call of an abstract class to find out."""
    read = msgspec.json.Decoder(float_hook=Decimal).decode
    return {"Mapping": dict, "json": SimpleNamespace(loads=lambda text, parse_float: read(text))}  # noqa: ARG005


def _record_text(usual: ModuleType) -> Callable[[Any], str]:
    """As the text that the module spells out, in one piece and without a call for what is null or a number."""
    spell, values, schema = usual.encode_basestring, _Encoder().encode, usual.SCHEMA_VERSION
    plainly = usual._record_text

    def member(name: str, value: object) -> str:
        return "" if value is None else f'"{name}":{values(value)},'

    def record_text(entry: Any) -> str:
        account, before, after = entry.account, entry.before, entry.after
        try:
            return (
                f'{{"actor":{spell(account.actor)},"after":{{"available":{after.available},"funded":{after.funded},'
                f'"held":{after.held},"spent":{after.spent}}},{member("alerts", entry.alerts or None)}'
                f'"amount":{entry.amount},"app":{"null" if entry.app is None else spell(entry.app)},'
                f'"at_ms":{entry.at_ms},"before":{{"available":{before.available},"funded":{before.funded},'
                f'"held":{before.held},"spent":{before.spent}}},"by":{spell(entry.by)},'
                f'"correlation_id":{spell(entry.correlation_id)},'
                f'"drawn":{values(entry.drawn) if entry.drawn else "[]"},'
                f'{member("hold", entry.hold)}"key":{spell(entry.key)},"kind":{spell(entry.kind)},'
                f"{member('limit', entry.limit)}{member('member', entry.member)}"
                f'"metadata":{"null" if entry.metadata is None else values(entry.metadata)},'
                f'"meter":{"null" if entry.meter is None else spell(entry.meter)},{member("origin", entry.origin)}'
                f'"outcome":{spell(entry.outcome)},"parameters":{values(entry.parameters)},'
                f'{member("parent", entry.parent)}"prev_hash":{spell(entry.prev_hash)},'
                f'"reason":{"null" if entry.reason is None else spell(entry.reason)},'
                f'"request_hash":{spell(entry.request_hash)},"schema":{schema},"seq":{entry.seq},'
                f'"shortfall":{entry.shortfall},"tenant":{spell(account.tenant)}}}'
            )
        except TypeError:
            return str(plainly(entry))

    return record_text


_remembering: Final = lru_cache(_REMEMBERED)


def _remembering_each(of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """For ever, by which object it is; so that no other takes its id, that is kept too."""
    known: dict[int, tuple[object, Any]] = {}

    def remembered(value: Any) -> Any:
        if (found := known.get(id(value))) is None:
            found = known[id(value)] = value, of(value)
        return found[1]

    return remembered


def _remembering_on_it(name: str, of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """On an entry itself, which has a place for that."""

    def remembered(entry: Any) -> Any:
        on_it = vars(entry)
        if (found := on_it.get(name)) is None:
            found = on_it[name] = of(entry)
        return found

    return remembered


_MODULES: Final[dict[str, Callable[[ModuleType], dict[str, Any]]]] = {
    "shared.ledger.canonical": _swift_canonical,
    "shared.ledger.times": _swift_times,
    "shared.ledger.operations": _swift_operations,
    "shared.ledger.entries": _swift_entries,
    "shared.ledger.events": _swift_events,
    "shared.ledger.protocol": _as_it_is,
    "shared.ledger.verification": _as_it_is,
    "shared.usecases.publish_entries": _as_it_is,
    "shared.usecases.keep_audit": _swift_audit,
}
"""In the order of their imports: what is imported later finds what is swifter in them already."""

_make_swift()
