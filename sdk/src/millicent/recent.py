"""The names that were met last, to tell what is met again."""

from typing import Final

_REMEMBERED: Final = 10_000


class Recent:
    """Remembers the newest names, as many as can be repeated nearby."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._names: dict[str, None] = {}
        self._remembered = remembered

    def is_new(self, name: str) -> bool:
        if name in self._names:
            return False
        self._names[name] = None
        if len(self._names) > self._remembered:
            del self._names[next(iter(self._names))]
        return True
