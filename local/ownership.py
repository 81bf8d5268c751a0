"""One supervisor for one state directory: by a lock that the kernel frees however its holder ends, so never stale."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid
from pathlib import Path
from typing import IO, Final

from local.processes import ProcessFailedError

FILE_NAME: Final = "supervisor"
TRIES_AFTER_S: Final = (0, 0.1, 0.3)
"""Who only asks for the owner holds the lock for an instant, too."""


@contextmanager
def owned(state_dir: Path) -> Iterator[None]:
    """Raises ProcessFailedError when another supervisor runs on this state directory."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / FILE_NAME).open("a+") as handle:
        if not any(_acquired(handle, wait_s) for wait_s in TRIES_AFTER_S):
            raise ProcessFailedError(f"a laptop cloud already runs on {state_dir}: stop it with `make down`")
        handle.truncate(0)
        handle.write(str(getpid()))
        handle.flush()
        yield
        handle.truncate(0)


def owner(state_dir: Path) -> int | None:
    """The process id of the running supervisor; None when there is none, whatever the file says."""
    try:
        handle = (state_dir / FILE_NAME).open("r+")
    except FileNotFoundError:
        return None
    with handle:
        if _acquired(handle, 0):
            return None
        written = handle.read()
    return int(written) if written else None


def _acquired(handle: IO[str], after_s: float) -> bool:
    time.sleep(after_s)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
