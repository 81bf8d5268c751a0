"""The emulator's other state (the stack, functions, roles, buckets): written down once it has changed.

One file a service, as the emulator itself does it when it stops; each is replaced in one step.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from local.emulated.failing import ends_where_nothing_is_saved
from local.emulated.seams import require

State = Callable[[], dict[str, Any] | None]
"""None where the service has nothing to save."""

INTERVAL_S: Final = 1.0
REST: Final = 10
"""So many times as long as saving took, it is not done again."""
TRIES: Final = 20
LAST: Final = "cloudformation"
"""A stack that is not saved is deployed again. What it consists of is therefore saved before it."""


class SavedState:
    def __init__(self, app: ModuleType, persistence: ModuleType, place: Path) -> None:
        """Raises SeamMovedError."""
        require(app, "_build_persistence_save_dict", "save_all")
        require(persistence, "_json_default", "_state_format_version")
        self._app = app
        self._persistence = persistence
        self._place = place
        self._lock = threading.RLock()
        self._written: dict[str, bytes] = {}
        self._is_changed = threading.Event()

    def install(self) -> None:
        app: Any = self._app
        app.save_all = self.save_all

    def note_change(self) -> None:
        """Something may have changed: it is saved soon."""
        self._is_changed.set()

    def save_all(self, services: Mapping[str, State] | None = None) -> None:
        """By default all that the emulator has in use."""
        found: Mapping[str, State] = self._app._build_persistence_save_dict() if services is None else services
        for name in sorted(found, key=lambda each: each == LAST):
            self.save(name, found[name])

    def save(self, service: str, state: State) -> None:
        """Returns when it is on the disk, unless it is there already."""
        with self._lock, ends_where_nothing_is_saved(self._place):
            taken = _taken(state)
            if taken is None:
                return
            document = {"__ministack_format__": self._persistence._state_format_version(service), "payload": taken}
            content = json.dumps(document, default=self._persistence._json_default).encode()
            fingerprint = hashlib.sha256(content).digest()
            if self._written.get(service) != fingerprint:
                _replace(self._place / f"{service}.json", content)
                self._written[service] = fingerprint

    def keep_saving(self, also: Callable[[], None]) -> None:
        """In a thread of its own, as long as the emulator runs; `also` is done every time."""
        threading.Thread(target=self._save_for_ever, args=(also,), name="saved state", daemon=True).start()

    def _save_for_ever(self, also: Callable[[], None]) -> None:
        rest_s = INTERVAL_S
        while True:
            time.sleep(rest_s)
            also()
            began_s = time.monotonic()
            if self._is_changed.is_set():
                self._is_changed.clear()
                self.save_all()
            rest_s = max(INTERVAL_S, REST * (time.monotonic() - began_s))


def _taken(state: State) -> dict[str, Any] | None:
    """Requests go on meanwhile, and a collection that changes while it is copied is copied again."""
    for _ in range(TRIES - 1):
        try:
            return state()
        except RuntimeError:
            time.sleep(0)
    return state()


def _replace(file: Path, content: bytes) -> None:
    scratch = file.with_suffix(".json.tmp")
    try:
        scratch.write_bytes(content)
        scratch.replace(file)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
