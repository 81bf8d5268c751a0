"""What cannot be written down must not be acknowledged: the emulator then says why, and ends at once."""

import errno
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

EXIT_NOT_SAVED: Final = 74
"""EX_IOERR."""
MIB: Final = 1 << 20


@contextmanager
def ends_where_nothing_is_saved(place: Path) -> Iterator[None]:
    """Whoever asked gets no answer then, as when the process is killed: what is on the disk is all that happened."""
    try:
        yield
    except (OSError, sqlite3.Error) as failure:
        _end(place, failure)


def is_full(failure: BaseException) -> bool:
    """Whether the disk, or the part of it that the user may have, is used up."""
    if isinstance(failure, sqlite3.Error):
        return getattr(failure, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(failure, OSError) and failure.errno in {errno.ENOSPC, errno.EDQUOT}


def cause(place: Path, failure: BaseException) -> str:
    """What happened and what to do about it."""
    if not is_full(failure):
        return f"{place} cannot be written: {failure}. Make it writable"
    free = shutil.disk_usage(place).free // MIB
    return f"the disk that holds {place} is full ({free} MiB free). Free some space"


def _end(place: Path, failure: BaseException) -> NoReturn:
    """The log may be on the same disk: that it cannot be written must not keep the process from ending."""
    told = f"the laptop cloud stopped, since it cannot save its state: {cause(place, failure)} and start it again"
    try:
        print(f"{told}; every change that it acknowledged is saved", file=sys.stderr, flush=True)
    finally:
        os._exit(EXIT_NOT_SAVED)
