"""`@dataclass(frozen=True, slots=True)`, made in a tenth of the time.

For every class the standard decorator writes its methods as source and compiles it. That is half a millisecond a class,
and a fifth of the cold start of a function that charges. Here the standard decorator only collects the fields and makes
the slots. The methods are shared by all classes, but for `__init__`: it is compiled when the first instance is made, so
that making one costs no more than usual, and a class that nobody uses costs nothing.

`dataclasses.fields`, `replace`, `asdict` and type checkers see what they always see.
"""

import dataclasses
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False) -> Callable[[type], type]:
        """As the standard decorator. Both `frozen` and `slots` are for the reader and have to be True."""
        if not (frozen and slots):
            raise TypeError("only for frozen dataclasses with slots: use dataclasses.dataclass")
        return lambda cls: _made(cls, kw_only=kw_only)


__all__ = ["dataclass"]

_MISSING: Final = dataclasses.MISSING


def _made(cls: type, *, kw_only: bool) -> type:
    for name, method in _METHODS.items():
        if cls.__dict__.get(name) is None:  # a class with an __eq__ of its own has None for its __hash__
            setattr(cls, name, method)
    # Without a docstring the standard decorator writes one with the signature, which takes long.
    cls.__doc__ = cls.__doc__ or cls.__name__
    made: type = dataclasses.dataclass(cls, init=False, repr=False, eq=False, kw_only=kw_only, slots=True)
    if "__init__" not in made.__dict__:
        made.__init__ = _compiling_init(made)  # type: ignore[misc] # of the class, as the standard decorator does
    return made


class _Compared(dict[type, Callable[[object], Any]]):
    """By class: what is compared and hashed of an instance, the values of its fields."""

    def __missing__(self, cls: Any) -> Callable[[object], Any]:  # noqa: ANN401 - any dataclass
        names = [field.name for field in dataclasses.fields(cls) if field.compare]
        one_or_none = len(names) <= 1  # for one name attrgetter gives the value itself
        self[cls] = (lambda each: tuple(getattr(each, name) for name in names)) if one_or_none else attrgetter(*names)
        return self[cls]


_COMPARED: Final = _Compared()


def _eq(self: object, other: object) -> Any:  # noqa: ANN401 - True, False or NotImplemented
    if self is other:
        return True
    if type(other) is not type(self):
        return NotImplemented
    values = _COMPARED[type(self)]
    return values(self) == values(other)


def _hash(self: object) -> int:
    return hash(_COMPARED[type(self)](self))


def _repr(self: Any) -> str:  # noqa: ANN401 - any dataclass
    values = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(values)})"


def _setattr(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[object]:  # noqa: ANN401 - any dataclass
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _setstate(self: Any, state: Iterable[object]) -> None:  # noqa: ANN401 - any dataclass
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


def _compiling_init(cls: Any) -> Callable[..., None]:  # noqa: ANN401 - any dataclass
    """An `__init__` for the first instance: it compiles the class's own, which takes its place."""

    def __init__(self: object, *arguments: object, **named: object) -> None:  # noqa: N807 - as it is called
        cls.__init__ = _compiled_init(cls)
        cls.__init__(self, *arguments, **named)

    return __init__


def _compiled_init(cls: Any) -> Callable[..., None]:  # noqa: ANN401 - any dataclass
    fields = dataclasses.fields(cls)
    given = [field for field in fields if field.init]
    positional = [_parameter(field) for field in given if not field.kw_only]
    named = [_parameter(field) for field in given if field.kw_only]
    parameters = ", ".join(["self", *positional, *(["*", *named] if named else [])])
    lines = [f"_set_{field.name}(self, {_value(field)})" for field in fields]
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    names: dict[str, Any] = {"_MISSING": _MISSING}
    for field in fields:
        names[f"_set_{field.name}"] = getattr(cls, field.name).__set__
        names[f"_default_{field.name}"] = field.default
        names[f"_make_{field.name}"] = field.default_factory
    exec(f"def __init__({parameters}):\n " + "\n ".join(lines or ["pass"]), names)  # noqa: S102 - names of fields alone
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _parameter(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not _MISSING:
        return f"{field.name}=_MISSING"
    return field.name if field.default is _MISSING else f"{field.name}=_default_{field.name}"


def _value(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not _MISSING:
        made = f"_make_{field.name}()"
        return f"{made} if {field.name} is _MISSING else {field.name}" if field.init else made
    return field.name if field.init else f"_default_{field.name}"


_METHODS: Final = {
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}
