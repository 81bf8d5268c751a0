"""What was read, for a while."""

from collections.abc import Callable
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """Caches each value for `keep_ms`."""

    def __init__(self, monotonic_ms: Callable[[], int], keep_ms: int) -> None:
        self._monotonic_ms = monotonic_ms
        self._keep_ms = keep_ms
        self._kept: dict[_Key, tuple[int, _Value]] = {}

    def get(
        self, key: _Key, read: Callable[[], _Value], is_enough: Callable[[_Value], bool] = lambda _: True
    ) -> _Value:
        """The cached value if it is enough, or what is read now."""
        at_ms = self._monotonic_ms()
        kept = self._kept.get(key)
        if kept is not None and at_ms - kept[0] < self._keep_ms and is_enough(kept[1]):
            return kept[1]
        self._kept = {key: each for key, each in self._kept.items() if at_ms - each[0] < self._keep_ms}
        value = read()
        self._kept[key] = (at_ms, value)
        return value

    def forget(self) -> None:
        self._kept = {}

    def __len__(self) -> int:
        return len(self._kept)
