"""Makes packages of functions: what each handler imports, in the repository's own layout.

    PYTHONHASHSEED=0 PYTHONNODEBUGRANGES=1 python3.13 -m local.packages DIRECTORY=functions.cost.handler ...

Run by the Python that the functions run on, it compiles them: bytecode without docstrings is half the size, and a cold
start compiles nothing. With `--as-source=python3.13` before the packages, any Python makes them for that one, as
source.
It needs only the standard library.

A module that several functions import is parsed and compiled once.
"""

import py_compile
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from local.closure import ROOT, closure

RUNTIME: Final = f"python{sys.version_info[0]}.{sys.version_info[1]}"
STAYS_SOURCE: Final = Path("functions/__init__.py")
"""It compares the running Python with the one in BUILT_FOR, so every Python must be able to read it."""
BUILT_FOR: Final = Path("functions/built-for")
IN_LAMBDA: Final = Path("/var/task")
"""Tracebacks, and the bytes of a package, do not depend on the directory of the build."""


class Compiler:
    """Compiles each file once, into `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    @cache  # noqa: B019 - there is one, and it lives as long as the process
    def compiled(self, file: Path) -> Path:
        """Raises py_compile.PyCompileError."""
        made = self._scratch / file.with_suffix(".pyc")
        py_compile.compile(
            str(ROOT / file),
            str(made),
            str(IN_LAMBDA / file),
            doraise=True,
            optimize=2,
            # Not invalidated by dates: SAM's zip dates every file 1980.
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return made


def write_package(handler: str, directory: Path, compiler: Compiler | None, runtime: str = RUNTIME) -> None:
    """`compiler` is None to write the source. Raises ImportError for a handler that cannot be followed."""
    for file in closure(handler):
        is_compiled = compiler and file.suffix == ".py" and file != STAYS_SOURCE
        made = compiler.compiled(file) if compiler and is_compiled else ROOT / file
        target = directory / (file.with_suffix(".pyc") if is_compiled else file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, target)
    (directory / BUILT_FOR).write_text(f"{runtime}\n")


def main(arguments: list[str]) -> None:
    as_source = [each.partition("=")[2] for each in arguments if each.startswith("--as-source=")]
    with tempfile.TemporaryDirectory() as scratch:
        compiler = None if as_source else Compiler(Path(scratch))
        for package in arguments[len(as_source) :]:
            directory, _, handler = package.rpartition("=")
            write_package(handler, Path(directory), compiler, *as_source)


if __name__ == "__main__":
    main(sys.argv[1:])
