"""Files that other processes read while they are written."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replaces the file in one step; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Created with mode 0600.
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
