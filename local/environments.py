"""Makes a virtual environment match its lock; does nothing if it already matches.

Standard library only, since it runs before anything is installed. pip installs uv, and uv the rest.

    python3 local/environments.py .venv requirements/dev.txt --editable sdk
    python3 local/environments.py .venv requirements/run.txt --editable sdk --unless requirements/dev.txt
    python3 local/environments.py --packages DIRECTORY requirements.txt OPTIONS OF UV
"""

import argparse
import ast
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STAMP = "installed-from"
ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".tools"
THIS_PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
BASE_PYTHON = str(getattr(sys, "_base_executable", sys.executable))
"""Also where this runs in an environment: that has no pip."""

PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "client-cert": ("SSL_CLIENT_CERT", " "),
    "proxy": ("ALL_PROXY", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
}
"""The name of a pip option in `pip config`, the uv variable with the same meaning, and the separator of its values."""

PIP_TRUE = {"1", "on", "true", "y", "yes"}

UV_AS_PIP = {
    # As pip does: any index may serve any package. The hash in the lock protects against a substituted package.
    "UV_INDEX_STRATEGY": "unsafe-best-match",
    # As pip does since 24.2: use the certificates that this system trusts.
    "UV_SYSTEM_CERTS": "true",
}


@dataclass(frozen=True)
class Environment:
    """A virtual environment, its lock, and our own package to install in it.

    `unless` is a lock with all of this one and more: an environment that has that already is left alone.
    """

    directory: Path
    lock: Path
    editable: Path | None = None
    unless: Path | None = None

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    @property
    def _stamp(self) -> Path:
        return self.directory / STAMP

    def fingerprint(self) -> str:
        """Changes with the interpreter (uv needs none), the location, the lock and our package's metadata."""
        python = "" if self.is_uv else sys.version_info[:2]
        digest = hashlib.sha256(f"{python} {self.directory.resolve()}".encode())
        for file in self._sources():
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def is_current(self) -> bool:
        return self._stamp.is_file() and self._stamp.read_text() == self._mark()

    def as_it_is_used(self) -> "Environment":
        """With the larger lock, if somebody has installed that: nothing is taken from them."""
        is_larger = self.unless and self._stamp.is_file() and self._stamp.read_text().endswith(f" {self.unless.name}")
        return Environment(self.directory, self.unless, self.editable) if self.unless and is_larger else self

    def made_with(self) -> str:
        """The interpreter that is in it, such as python3.12."""
        found = sorted(path.name for path in (self.directory / "bin").glob("python3.*"))
        return found[0] if found else "no Python that still exists"

    def is_of_a_python_that_will_do(self) -> bool:
        return self.python.exists() and (self.is_uv or (self.directory / "bin" / THIS_PYTHON).exists())

    @property
    def is_uv(self) -> bool:
        return self.directory.resolve() == UV.directory.resolve()

    def mark_current(self) -> None:
        self._stamp.write_text(self._mark())

    def _mark(self) -> str:
        return f"{self.fingerprint()} {self.lock.name}"

    def _sources(self) -> list[Path]:
        metadata = self.editable / "pyproject.toml" if self.editable else None
        return [file for file in (self.lock, metadata) if file and file.is_file()]


UV = Environment(TOOLS / "uv", ROOT / "requirements" / "uv.txt")


def ensure(environment: Environment) -> None:
    """Raises subprocess.CalledProcessError if pip or uv fails; the next call then tries again."""
    with alone(TOOLS / f"{environment.directory.name}.guard"):
        environment = environment.as_it_is_used()
        if environment.is_current():
            return
        print(f"installing {environment.lock} into {environment.directory}", file=sys.stderr, flush=True)
        _create(environment)
        _install(environment)
        environment.mark_current()


def said_by(environment: Environment, code: str) -> str:
    """What its Python prints for `code`. Installs it first; raises as `ensure` does."""
    ensure(environment)
    return subprocess.run([environment.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def alone(guard: Path) -> Iterator[None]:
    """Waits until no other process is within this of the same file: two concurrent makes must not install at once."""
    guard.parent.mkdir(parents=True, exist_ok=True)
    with guard.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install_packages(lock: Path, target: Path, options: Sequence[str] = ()) -> None:
    """The packages of the lock alone, into a plain directory. Raises subprocess.CalledProcessError."""
    ensure(UV)
    _uv("pip", "install", "--no-deps", "--require-hashes", *options, "--target", str(target), "-r", str(lock))


def install_into_new(directory: Path, *packages: str) -> Path:
    """The interpreter of a new environment with these packages. Raises subprocess.CalledProcessError."""
    ensure(UV)
    _uv("venv", "--no-project", "--python", BASE_PYTHON, str(directory))
    python = directory / "bin" / "python"
    _uv("pip", "install", "--python", str(python), *packages)
    return python


def _create(environment: Environment) -> None:
    if environment.is_of_a_python_that_will_do():
        return
    if environment.directory.exists():
        print(
            f"{environment.directory} is of {environment.made_with()}: it is made anew with {THIS_PYTHON}", flush=True
        )
        shutil.rmtree(environment.directory)
    if not environment.is_uv:
        ensure(UV)
        _uv("venv", "--no-project", "--python", BASE_PYTHON, str(environment.directory))
        return
    # A pip of its own takes several times as long to install as uv itself.
    if not (has_pip := _has_pip(BASE_PYTHON)) and importlib.util.find_spec("ensurepip") is None:
        sys.exit(f"{BASE_PYTHON} lacks pip and the venv module: install your system's python3-venv package")
    without = ["--without-pip"] if has_pip else []
    subprocess.run([BASE_PYTHON, "-m", "venv", *without, str(environment.directory)], check=True)


def _has_pip(python: str) -> bool:
    return subprocess.run([python, "-c", "import pip"], check=False, stderr=subprocess.DEVNULL).returncode == 0


def _install(environment: Environment) -> None:
    if environment.is_uv:
        into = ["--python", str(environment.python), "install", "-qq", "--no-deps", "--only-binary=:all:"]
        _pip(*into, "--require-hashes", "-r", str(environment.lock))
        return
    ensure(UV)
    python = ["--python", str(environment.python)]
    _uv("pip", "sync", *python, "--require-hashes", str(environment.lock))
    if environment.editable and (environment.editable / "pyproject.toml").is_file():
        ours = ["--no-deps", "--no-build-isolation", "--editable", str(environment.editable)]
        _uv("pip", "install", *python, *ours)


def _pip(*arguments: str) -> str:
    """The pip that is there: of the Python that was named, or else of uv's environment."""
    python = str(UV.python) if (UV.directory / "bin" / "pip").exists() else BASE_PYTHON
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    return subprocess.run([*pip, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def _uv(*arguments: str) -> None:
    options = pip_options(_pip("config", "list"))
    alone = ["--no-index"] if options.get("no-index", "").lower() in PIP_TRUE and arguments[0] == "pip" else []
    command = [str(UV.directory / "bin" / "uv"), "--quiet", *arguments, *alone]
    subprocess.run(command, check=True, env=uv_variables(options) | os.environ)


def pip_options(listed: str) -> dict[str, str]:
    """The options in the output of `pip config list`: from pip's files and environment."""
    options: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):  # a later one wins, as with pip
        lines = [line.removeprefix(section) for line in listed.splitlines() if line.startswith(section)]
        options |= {name: str(ast.literal_eval(value)) for name, _, value in (line.partition("=") for line in lines)}
    return options


def uv_variables(options: dict[str, str]) -> dict[str, str]:
    """The variables that make uv fetch from the same places as pip, since uv does not read pip's settings."""
    given = [(*PIP_TO_UV[name], value) for name, value in options.items() if name in PIP_TO_UV]
    return UV_AS_PIP | {variable: separator.join(value.split()) for variable, separator, value in given}


def _parsed(arguments: list[str]) -> Environment:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--editable", type=Path)
    parser.add_argument("--unless", type=Path)
    return Environment(**vars(parser.parse_args(arguments)))


def _packages(target: str, lock: str, *options: str) -> None:
    install_packages(Path(lock), Path(target), options)


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["--packages"]:
            _packages(*sys.argv[2:])
        else:
            ensure(_parsed(sys.argv[1:]))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"could not install: {' '.join(failure.cmd)} ended with {failure.returncode}")
