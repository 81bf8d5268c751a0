"""docs/guarantees.md names what holds each guarantee. A name that is no test or figure any more holds nothing."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.simulation.verdict import FIGURES

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "guarantees.md").read_text()
GUARANTEES: Final = dict(re.findall(r"^## (\d\. .+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@cache
def known_tests() -> frozenset[str]:
    """The names of all tests that there are."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def named(section: str) -> set[str]:
    return set(re.findall(r"`(test_\w+)`", section))


def figures(section: str) -> set[str]:
    (line,) = re.findall(r"^Figures: (.+)$", section, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", line))


def test_every_guarantee_is_on_the_page() -> None:
    assert [name[0] for name in GUARANTEES] == list("1234567")


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_what_is_said_to_hold_a_guarantee_exists(guarantee: str) -> None:
    section = GUARANTEES[guarantee]
    assert named(section) - known_tests() == set()
    assert figures(section) - set(FIGURES) == set()
    assert named(section)


def test_every_figure_of_the_simulator_holds_a_guarantee() -> None:
    assert set().union(*map(figures, GUARANTEES.values())) == set(FIGURES)
