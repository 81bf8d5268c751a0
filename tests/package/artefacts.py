"""What `sam build` made of the checkout, for the interpreter that runs the tests."""

import io
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.runtime.settings import VARIABLES

ROOT: Final = Path(__file__).resolve().parents[2]
SAM: Final = ROOT / ".tools" / "sam" / "bin" / "sam"
RUNTIME: Final = f"python{sys.version_info[0]}.{sys.version_info[1]}"
FUNCTIONS: Final = tuple(map(str.capitalize, VARIABLES))
"""All there are: a new one is tried like the others."""


@dataclass(frozen=True)
class Artefacts:
    directory: Path

    @property
    def layer(self) -> Path:
        return self.directory / "ThirdPartyLayer" / "python"

    def function(self, name: str) -> Path:
        return self.directory / f"{name}Function"

    def files(self, name: str) -> set[str]:
        """Paths inside of a function's zip, as on any system."""
        top = self.function(name)
        return {path.relative_to(top).as_posix() for path in walk(top)}


def build(directory: Path) -> Artefacts:
    """Runs the real thing; what it says is shown when it fails."""
    places = ["--build-dir", str(directory), "--base-dir", str(ROOT)]
    done = subprocess.run(
        [str(SAM), "build", *places, "--parameter-overrides", f"PythonRuntime={RUNTIME}"],
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return Artefacts(directory)


def make(target: str, directory: Path) -> None:
    """Builds one package the way `sam build` has it built."""
    command = ["make", "--silent", target, f"ARTIFACTS_DIR={directory}"]
    subprocess.run(command, cwd=ROOT, env=_environment(), check=True, capture_output=True)


def zipped(directory: Path) -> bytes:
    """Zips as SAM does: every file deflated on its own, all of them of the same date."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(walk(directory)):
            entry = zipfile.ZipInfo(path.relative_to(directory).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def walk(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_file())


def _environment() -> dict[str, str]:
    """As a user would have it who builds for this machine: on Linux by the wheels that Lambda gets."""
    own = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{own}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
        "LAMBDA_RUNTIME": RUNTIME,
        "LAMBDA_ARCHITECTURE": _architecture(),
    }


def _architecture() -> str:
    names = {"x86_64": "x86_64", "aarch64": "arm64"}
    on_glibc = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
    return names.get(platform.machine(), "native") if on_glibc else "native"
