"""One unpacked copy of an archive for all workers, in the place of one copy each."""

import hashlib
import shutil
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from local.emulated.failing import cause

_GUARD: Final = threading.Lock()
SHARED: Final = "unpacked"


class SharedZipFile(zipfile.ZipFile):
    """Unpacks to a directory beside all workers' own, and makes the directory that was asked for a link to it.

    The emulator makes a directory of its own for every worker, writes the archive into it, and unpacks that beside it.
    A worker does not write into what was unpacked: on AWS it could not. The archive itself is removed, since every
    worker would keep a copy of that as well. `extractall` raises RuntimeError where the disk does not take it.
    """

    def namelist(self) -> list[str]:
        """The names that may lead outside: the emulator resolves each on the disk, for every worker anew."""
        return [name for name in super().namelist() if name.startswith("/") or ".." in name]

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:  # noqa: ANN401 - zipfile's own
        target, archive = Path(str(path)), Path(str(self.filename))
        shared = target.parent.parent / SHARED
        try:
            with _GUARD:
                unpacked = self._unpacked(archive, shared, members, pwd)
        except OSError as failure:
            raise RuntimeError(f"cannot unpack a function or its layer: {cause(shared.parent, failure)}") from failure
        target.rmdir()
        target.symlink_to(unpacked, target_is_directory=True)
        archive.unlink()

    def _unpacked(self, archive: Path, shared: Path, members: Any, pwd: Any) -> Path:  # noqa: ANN401
        """A name for what is in it, so that no worker ever has the code of another version."""
        whole = shared / hashlib.sha256(archive.read_bytes()).hexdigest()
        if not whole.is_dir():
            partial = whole.with_suffix(".partial")
            try:
                super().extractall(partial, super().namelist() if members is None else members, pwd)
                partial.rename(whole)
            except BaseException:
                # What did not fit must not take up what is left.
                shutil.rmtree(partial, ignore_errors=True)
                raise
        return whole


def archives_unpacked_once() -> SimpleNamespace:
    """What the emulator's workers use of the module `zipfile`, with the class above."""
    return SimpleNamespace(
        ZipFile=SharedZipFile,
        BadZipFile=zipfile.BadZipFile,
        # The emulator asks for it by a name that Python does not have, so that a full disk became an AttributeError.
        LargeFileError=zipfile.LargeZipFile,
    )
