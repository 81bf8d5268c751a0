"""Checks the sources of the console: `python -m local.console_checks`, a part of `make check`.

* the types: JSDoc by `tsc --checkJs`, those of the API as generated from the OpenAPI document, so that a field that
  changed breaks the check
* the tests of console/tests, by node's own runner
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from local.console import SOURCES, WIDGETS, site_files
from local.console_pack import PACK
from local.npm import Lock, installed, node
from local.paths import ROOT
from local.processes import ProcessFailedError

DOCUMENT: Final = ROOT / "functions" / "docs" / "openapi.json"
TYPES: Final = SOURCES / "types" / "api.d.ts"


def tools() -> Path:
    """The directory node_modules of what checks. Raises ProcessFailedError."""
    return installed(Lock("console-tools", SOURCES, with_tools=True))


def generate_types(modules: Path) -> None:
    """Raises ProcessFailedError."""
    TYPES.parent.mkdir(exist_ok=True)
    run([modules / "openapi-typescript" / "bin" / "cli.js", DOCUMENT, "--output", TYPES])


def check_types(modules: Path) -> None:
    """Raises ProcessFailedError, after tsc has said what is wrong."""
    run([modules / "typescript" / "bin" / "tsc", "--project", SOURCES / "tsconfig.json"])


def check_packs() -> None:
    """That what pages load is JavaScript at all. Raises ProcessFailedError."""
    files = site_files()
    with tempfile.TemporaryDirectory() as scratch:
        pack = Path(scratch) / "pack.mjs"
        for name in (PACK, WIDGETS):
            pack.write_bytes(files[name])
            run(["--check", pack])


def run_tests() -> None:
    """Raises ProcessFailedError."""
    run(["--test", "--test-reporter=dot", *sorted((SOURCES / "tests").glob("*.test.js"))])


def run(arguments: list[str | Path]) -> None:
    done = subprocess.run([node(), *arguments], cwd=SOURCES, check=False, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout, done.stderr, sep="", file=sys.stderr)
        raise ProcessFailedError(f"{Path(arguments[0]).name} found faults in console/")


def main() -> None:
    modules = tools()
    generate_types(modules)
    check_types(modules)
    check_packs()
    run_tests()


if __name__ == "__main__":
    try:
        main()
    except ProcessFailedError as failure:
        sys.exit(str(failure))
