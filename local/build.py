"""Builds the template's artefacts, once per state of the sources."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local import sources
from local.environments import Environment, ensure
from local.paths import REQUIREMENTS, ROOT, TOOLS
from local.processes import ProcessFailedError

BUILDS: Final = ROOT / ".aws-sam" / "builds"
KEPT: Final = 4
"""Older builds are removed: each holds a copy of the layer. A checkout has two, with the one for containers."""


def built(*, for_containers: bool = False) -> Path:
    """The directory of a build of the present sources. Raises ProcessFailedError if the build fails.

    The packages are for this machine or, for Lambda's containers, for Amazon Linux.
    """
    target = BUILDS / (sources.fingerprint() + ("-containers" if for_containers else ""))
    architecture = sources.architecture() if for_containers else "native"
    with _alone():
        if not (target / "template.yaml").is_file():
            _build(target, architecture)
        os.utime(target)
        _remove_old()
    return target


def sam(*arguments: str, environment: dict[str, str] | None = None) -> None:
    """Runs SAM; its output is shown if it fails. Raises ProcessFailedError."""
    ensure(Environment(TOOLS / "sam", REQUIREMENTS / "sam.txt"))
    done = subprocess.run(
        [str(TOOLS / "sam" / "bin" / "sam"), *arguments],
        check=False,
        cwd=ROOT,
        env={**_path(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise ProcessFailedError(f"sam {arguments[0]} failed with status {done.returncode}")


def _build(target: Path, architecture: str) -> None:
    print("building the functions", file=sys.stderr, flush=True)
    scratch = target.with_suffix(".partial")
    shutil.rmtree(scratch, ignore_errors=True)
    sam(
        "build",
        "--language-extensions",
        *("--template-file", str(ROOT / "template.yaml")),
        *("--build-dir", str(scratch)),
        *("--base-dir", str(ROOT)),
        *("--parameter-overrides", f"PythonRuntime={sources.runtime()}", f"Architecture={sources.architecture()}"),
        environment={"LAMBDA_RUNTIME": sources.runtime(), "LAMBDA_ARCHITECTURE": architecture},
    )
    scratch.rename(target)


def _path() -> dict[str, str]:
    """SAM finds the runtime's interpreter by name: this PATH has ours first, as a real binary."""
    passed_on = {name: os.environ[name] for name in os.environ if not name.startswith("AWS_")}
    own = str(Path(sys.executable).parent)
    return {**passed_on, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"}


@contextmanager
def _alone() -> Iterator[None]:
    BUILDS.mkdir(parents=True, exist_ok=True)
    with (BUILDS / "guard").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _remove_old() -> None:
    builds = sorted((path for path in BUILDS.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in builds[:-KEPT]:
        shutil.rmtree(path)
