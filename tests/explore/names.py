"""Names: equal values get the same number, so that what was seen before is known again by comparing numbers."""

from collections.abc import Generator, Mapping
from dataclasses import fields, is_dataclass
from types import GeneratorType
from typing import Any, Final, TypeAlias

Name: TypeAlias = Any
"""A number in a tuple of its own; a value that is plain is its own name."""

_PLAIN: Final = frozenset({type(None), bool, int, str, float})
_VIEWS: Final = frozenset({"dict_values", "dict_keys"})


class Names:
    """Every part of a value counts, those too that do not take part in its own comparison."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._frozen: dict[int, tuple[Any, Name]] = {}

    def of(self, value: Any) -> Name:
        kind = type(value)
        if kind in _PLAIN:
            return value
        known = self._frozen.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        name = (self.number(self._shape(value)),)
        if is_dataclass(value) and kind.__dataclass_params__.frozen:
            # Kept together with the value, or another could come to have its id.
            self._frozen[id(value)] = value, name
        return name

    def number(self, shape: Any) -> int:
        """Of something that can be hashed: the same for the same."""
        return self._numbers.setdefault(shape, len(self._numbers))

    def of_steps(self, steps: Generator[Any, Any, Any]) -> Name:
        """Where a generator is: of it and of each that it waits for, the place in the code and every variable."""
        frames = []
        under_way: Any = steps
        while isinstance(under_way, GeneratorType):
            frame: Any = under_way.gi_frame
            frames.append((id(under_way.gi_code), frame.f_lasti, self.of(frame.f_locals)))
            under_way = under_way.gi_yieldfrom
        return (self.number(("steps", *frames)),)

    def _shape(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, Mapping):
            return "mapping", *((self.of(key), self.of(each)) for key, each in value.items())
        if isinstance(value, tuple | list) or kind.__name__ in _VIEWS:
            return kind, *map(self.of, value)
        if isinstance(value, set | frozenset):
            return kind, frozenset(map(self.of, value))
        if is_dataclass(value):
            # What is not among the arguments is only remembered, as an entry remembers its text.
            return kind, *(self.of(getattr(value, each.name)) for each in fields(value) if each.init)
        if isinstance(value, BaseException):
            return kind, *map(self.of, value.args)
        return kind, self.of(vars(value))
