"""Makes a virtual environment match its lock; does nothing when it already does.

Standard library only: this is what runs before anything is installed.

    python3 local/environments.py .venv requirements/dev.txt --editable sdk
"""

import argparse
import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STAMP = "installed-from"
TOOLS = Path(__file__).resolve().parents[1] / ".tools"


@dataclass(frozen=True)
class Environment:
    """One virtual environment, the lock it is installed from, and our own package to install beside it."""

    directory: Path
    lock: Path
    editable: Path | None = None

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    @property
    def _stamp(self) -> Path:
        return self.directory / STAMP

    def fingerprint(self) -> str:
        """Changes with the interpreter, the place, the lock and our package's metadata."""
        digest = hashlib.sha256(f"{sys.version_info[:2]} {self.directory.resolve()}".encode())
        for file in self._sources():
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def is_current(self) -> bool:
        return self._stamp.is_file() and self._stamp.read_text() == self.fingerprint()

    def made_with_this_python(self) -> bool:
        minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return (self.directory / "bin" / minor).exists() and self.python.exists()

    def mark_current(self) -> None:
        self._stamp.write_text(self.fingerprint())

    def _sources(self) -> list[Path]:
        metadata = self.editable / "pyproject.toml" if self.editable else None
        return [file for file in (self.lock, metadata) if file and file.is_file()]


def ensure(environment: Environment) -> None:
    """Raises subprocess.CalledProcessError when pip fails; the next call then tries again."""
    with _alone(environment):
        if environment.is_current():
            return
        print(f"installing {environment.lock} into {environment.directory}", flush=True)
        _create(environment)
        _install(environment)
        environment.mark_current()


@contextmanager
def _alone(environment: Environment) -> Iterator[None]:
    """Two makes at once must not install into one environment."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / f"{environment.directory.name}.guard").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _create(environment: Environment) -> None:
    if environment.made_with_this_python():
        return
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(f"{sys.executable} lacks the venv module: install your system's python3-venv package")
    if environment.directory.exists():
        shutil.rmtree(environment.directory)
    subprocess.run([sys.executable, "-m", "venv", str(environment.directory)], check=True)


def _install(environment: Environment) -> None:
    # A lock is complete: nothing is left to resolve, and without resolving an old pip cannot trip over extras.
    _pip(environment, "--no-deps", "--require-hashes", "-r", str(environment.lock))
    if environment.editable and (environment.editable / "pyproject.toml").is_file():
        _pip(environment, "--no-deps", "--no-build-isolation", "--editable", str(environment.editable))


def _pip(environment: Environment, *arguments: str) -> None:
    pip = [str(environment.python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", "-qq", *arguments], check=True)


def _parsed(arguments: list[str]) -> Environment:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--editable", type=Path)
    return Environment(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    try:
        ensure(_parsed(sys.argv[1:]))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"could not install: {' '.join(failure.cmd)} ended with {failure.returncode}")
