"""Builds the template's artefacts, once per state of the sources.

python -m local.build     what `make run` deploys

For the laptop this makes what `sam build` makes (tests/package compares them) without it: SAM is large, and starts
`make` for every function. For Lambda's containers SAM itself builds.

It needs only the standard library, so that it can run while the environments are installed.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from local import console, sources
from local.environments import Environment, alone, ensure
from local.paths import REQUIREMENTS, ROOT, TOOLS
from local.processes import ProcessFailedError

BUILDS: Final = ROOT / ".aws-sam" / "builds"
LAYERS: Final = ROOT / ".aws-sam" / "layers"
LAYER: Final = "ThirdPartyLayer"
LAYER_SOURCES: Final = ("requirements.txt", "build.mk")
KEPT: Final = 4
"""Older builds are removed. A checkout has two, with the one for containers."""
FUNCTION_URI: Final = re.compile(r"\bCodeUri: functions/(\w+)/")
LAYER_URI: Final = "ContentUri: requirements/"
FUNCTION: Final = re.compile(r"^  (\w+)Function:$", re.MULTILINE)
EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
QUICKLY: Final = 1
"""Deflated no better than that: the zip goes to this machine."""


def built(*, for_containers: bool = False) -> Path:
    """The directory of a build of the present sources. Raises ProcessFailedError if the build fails.

    The packages are for this machine or, for Lambda's containers, for Amazon Linux. Those for this machine are zipped
    as well, each beside its directory.
    """
    target = BUILDS / (sources.fingerprint() + ("-containers" if for_containers else ""))
    with alone(BUILDS / "guard"):
        if not (target / "template.yaml").is_file():
            print("building the functions", file=sys.stderr, flush=True)
            scratch = target.with_suffix(".partial")
            shutil.rmtree(scratch, ignore_errors=True)
            (_build_for_containers if for_containers else _build)(scratch)
            scratch.rename(target)
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


def _build(target: Path) -> None:
    template = (ROOT / "template.yaml").read_text()
    names = {name.lower(): f"{name}Function" for name in FUNCTION.findall(template)}
    handlers = {names[package]: f"functions.{package}.handler" for package in FUNCTION_URI.findall(template)}
    target.mkdir(parents=True)
    console.built()
    packages = [f"{target / name}={handler}" for name, handler in handlers.items()]
    _run([sys.executable, "-m", "local.packages", *packages])
    for name in handlers:
        _zip(target / name)
    layer = _layer()
    for made in (LAYER, f"{LAYER}.zip"):
        (target / made).symlink_to(os.path.relpath(layer / made, target))
    built_template = FUNCTION_URI.sub(lambda found: f"CodeUri: {names[found[1]]}", template)
    (target / "template.yaml").write_text(built_template.replace(LAYER_URI, f"ContentUri: {LAYER}"))


def _layer() -> Path:
    """The directory with the layer and its zip, which outlive changes of our own sources."""
    content = b"".join((ROOT / name).read_bytes() for name in LAYER_SOURCES)
    place = f"{sources.runtime()} {sources.architecture()} {ROOT}"
    target = LAYERS / hashlib.sha256(place.encode() + content).hexdigest()[:20]
    if not target.is_dir():
        scratch = target.with_suffix(".partial")
        shutil.rmtree(scratch, ignore_errors=True)
        python = [f"PACKAGER={sys.executable}", f"COMPILER={sys.executable}"]
        settings = [
            f"LAMBDA_RUNTIME={sources.runtime()}",
            "LAMBDA_ARCHITECTURE=native",
            f"ARTIFACTS_DIR={scratch / LAYER}",
        ]
        _run(["make", "--silent", f"build-{LAYER}", *python, *settings])
        _zip(scratch / LAYER)
        scratch.rename(target)
    return target


def _zip(directory: Path) -> None:
    """The same bytes for the same files."""
    with zipfile.ZipFile(directory.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=QUICKLY) as archive:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(directory).as_posix(), date_time=EARLIEST)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, QUICKLY)


def _run(command: list[str]) -> None:
    reproducibly = {"PYTHONHASHSEED": "0", "PYTHONNODEBUGRANGES": "1"}
    # Of a `make` around this one, whose jobs are not ours to start.
    inherited = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    done = subprocess.run(command, check=False, cwd=ROOT, env=inherited | reproducibly, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ProcessFailedError(f"the build failed: {command[0]} ended with status {done.returncode}")


def _build_for_containers(target: Path) -> None:
    sam(
        "build",
        "--language-extensions",
        *("--template-file", str(ROOT / "template.yaml")),
        *("--build-dir", str(target)),
        *("--base-dir", str(ROOT)),
        *("--parameter-overrides", f"PythonRuntime={sources.runtime()}", f"Architecture={sources.architecture()}"),
        environment={"LAMBDA_RUNTIME": sources.runtime(), "LAMBDA_ARCHITECTURE": sources.architecture()},
    )


def _path() -> dict[str, str]:
    """SAM finds the runtime's interpreter by name: this PATH has ours first, as a real binary."""
    passed_on = {name: os.environ[name] for name in os.environ if not name.startswith("AWS_")}
    own = str(Path(sys.executable).parent)
    return {**passed_on, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"}


def _remove_old() -> None:
    for path in _by_age(BUILDS)[:-KEPT]:
        shutil.rmtree(path)
    used = {(build / LAYER).resolve().parent for build in _by_age(BUILDS)}
    for path in _by_age(LAYERS):
        if path not in used:
            shutil.rmtree(path)


def _by_age(directory: Path) -> list[Path]:
    found: Iterable[Path] = directory.iterdir() if directory.is_dir() else ()
    return sorted((path for path in found if path.is_dir()), key=lambda path: path.stat().st_mtime)


if __name__ == "__main__":
    try:
        built()
    except ProcessFailedError as failure:
        sys.exit(str(failure))
