"""The wheel of the client, in an environment that has nothing else of ours: what its users get."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

import pytest

from local.environments import install_into_new
from tests.package.artefacts import ROOT

SDK: Final = ROOT / "sdk"
EXAMPLE: Final = ROOT / "docs" / "examples" / "test_assistant.py"
RUN: Final = ("-q", "-p", "no:cacheprovider")


def build(source: Path, directory: Path, *targets: str) -> Path:
    """What `python -m build` makes of the source, without an environment of its own. Returns the newest."""
    chosen = [option for target in targets for option in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", *chosen, "-d", str(directory)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return max(directory.iterdir(), key=lambda file: file.stat().st_mtime_ns)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(SDK, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with `millicent[testing]` in it."""
    return install_into_new(tmp_path_factory.mktemp("clients") / "environment", f"{wheel}[testing]")


def run(python: Path, directory: Path, *arguments: str) -> str:
    """Without anything of the checkout on its path."""
    done = subprocess.run(
        [str(python), "-I", *arguments], cwd=directory, capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_users_tests_run_on_the_installed_wheel(python: Path, tmp_path: Path) -> None:
    (tmp_path / EXAMPLE.name).write_text(EXAMPLE.read_text())
    # The user's project has packages of these names too, and they are the user's.
    for name in ("shared", "functions"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MINE = True\n")
    (tmp_path / "test_names.py").write_text(
        "import functions, shared\n\n\ndef test_my_packages_are_mine(millicent):\n"
        "    millicent.fund('user:alice', 1)\n    assert shared.MINE and functions.MINE\n"
    )
    told = run(python, tmp_path, "-c", f"import sys, pytest; sys.path[:0] = ['.']; sys.exit(pytest.main({list(RUN)}))")
    assert "4 passed" in told


def test_the_environment_has_nothing_that_the_service_needs_of_aws(python: Path, tmp_path: Path) -> None:
    names = "from importlib.metadata import distributions as all; print(*(each.name for each in all()), sep='\\n')"
    listed = run(python, tmp_path, "-c", names)
    installed = {name.lower().replace("_", "-") for name in listed.splitlines()}
    assert "aws-lambda-powertools" in installed
    assert not installed & {"boto3", "botocore", "pynamodb", "moto"}


def test_pytest_without_the_fixture_imports_nothing_of_ours(python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n\ndef test_nothing_is_imported():\n    assert 'millicent' not in sys.modules\n"
    )
    run(python, tmp_path, "-m", "pytest", *RUN)


def test_a_wheel_made_of_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build(SDK, tmp_path / "sdist", "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    source = next(tmp_path.glob("millicent-*"))
    again = build(source, tmp_path / "again", "wheel")
    assert contents(again) == contents(wheel)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}
