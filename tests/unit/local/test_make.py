"""The Makefile, where it does more than to call something."""

import subprocess

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


def _make(*arguments: str) -> str:
    return subprocess.run(["make", "-s", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
