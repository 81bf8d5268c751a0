"""One supervisor per state directory.

The lock is the kernel's, which frees it when the holder ends, so it is never stale.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from local.processes import ProcessFailedError

FILE_NAME: Final = "supervisor"
PATIENCE_S: Final = 0.4
"""Retry: a process that only asks for the owner holds the lock for an instant, too."""


@contextmanager
def owned(state_dir: Path) -> Iterator[None]:
    """Raises ProcessFailedError if another supervisor runs on this state directory."""
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = _lock(state_dir, _sign)
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout:
        raise ProcessFailedError(f"a laptop cloud already runs on {state_dir}: stop it with `make down`") from None
    try:
        yield
        (state_dir / FILE_NAME).write_bytes(b"")
    finally:
        lock.release()


def owner(state_dir: Path) -> int | None:
    """The process id of the running supervisor; None if there is none, whatever the file contains."""
    file = state_dir / FILE_NAME
    if not file.exists():
        return None
    try:
        with _lock(state_dir).acquire(blocking=False):
            return None
    except Timeout:
        written = file.read_text()
    return int(written) if written else None


def _lock(state_dir: Path, on_acquired: Callable[[int], None] | None = None) -> FileLock:
    # The file stays, and the kernel's lock on it: deleting it would let two processes lock different files.
    return FileLock(state_dir / FILE_NAME, preserve_lock_file=True, on_acquired=on_acquired)


def _sign(descriptor: int) -> None:
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
