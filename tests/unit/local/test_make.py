"""The Makefile, where it does more than to call something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.paths import ROOT


def test_help_lists_every_command_that_has_a_description() -> None:
    described = {
        line.partition(":")[0]
        for name in ("Makefile", "proof.mk")
        for line in (ROOT / name).read_text().splitlines()
        if ": " in line and " ## " in line and line[0].isalpha()
    }
    listed = {line.split()[1] for line in _make("help").splitlines()}
    assert listed == described
    assert {"run", "down", "simulate", "stress"} <= listed


def test_down_without_an_environment_installs_none_and_says_that_nothing_ran() -> None:
    assert _make("down", "VENV=no/such/environment") == "no laptop cloud was running\n"


def test_the_python_that_was_named_once_is_used_from_then_on(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / "another-python"
    python.symlink_to(sys.executable)
    _make("python", f"PYTHON={python}", directory=tmp_path)
    remembered = (tmp_path / ".tools" / "python").read_text().strip()
    assert Path(remembered).is_absolute()
    assert _version(remembered) == sys.version
    assert f"{remembered} -c" in _make("--dry-run", "python", directory=tmp_path)


def test_a_python_that_was_removed_is_named_and_another_can_be(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".tools").mkdir()
    (tmp_path / ".tools" / "python").write_text("/removed/python3.12\n")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        _make("python", directory=tmp_path)
    assert "there is no /removed/python3.12" in failed.value.stderr
    _make("python", f"PYTHON={sys.executable}", directory=tmp_path)


def test_what_a_command_has_compiled_is_kept_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "more.mk").write_text(f"kept:\n\t@{sys.executable} -c 'import sys; print(sys.dont_write_bytecode)'\n")
    assert _make("-f", "Makefile", "-f", "more.mk", "kept", directory=tmp_path) == "False\n"


def _version(python: str) -> str:
    command = [python, "-c", "import sys; print(sys.version)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _make(*arguments: str, directory: Path = ROOT) -> str:
    without = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    command = ["make", "-s", *arguments]
    return subprocess.run(command, cwd=directory, env=without, capture_output=True, text=True, check=True).stdout
