"""The sources and settings of a build."""

import hashlib
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local import console
from local.paths import ROOT

FILES: Final = (
    "template.yaml",
    "build.mk",
    "local/closure.py",
    "local/console.py",
    "local/console_pack.py",
    "local/packages.py",
    "requirements.txt",
)
TREES: Final = ("functions", "shared")
PACKAGED: Final = frozenset({".py", ".json"})


def runtime() -> str:
    """The functions run on the interpreter that builds them."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}"


def architecture() -> str:
    """The architecture, by Lambda's name."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def fingerprint() -> str:
    """Changes if a build of this checkout would differ."""
    return _digest(f"{runtime()} {architecture()}").hexdigest()[:20]


def of_the_build() -> str:
    """Hexadecimal digits that change if the packages or the template would: the parameter `Build` of the template.

    The runtime and the architecture are parameters of their own.
    """
    return _digest("").hexdigest()[:16]


def _sources() -> Iterator[Path]:
    yield from (ROOT / name for name in FILES)
    for tree in TREES:
        yield from sorted(path for path in (ROOT / tree).rglob("*") if path.suffix in PACKAGED)
    yield from console.sources()


def _digest(begins_with: str) -> "hashlib._Hash":
    digest = hashlib.sha256(begins_with.encode())
    for file in _sources():
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes())
    return digest


if __name__ == "__main__":
    print(of_the_build())
