"""The core stays small enough to be read."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LEDGER = Path(__file__).parents[3] / "shared" / "ledger"
FILES = sorted(LEDGER.glob("*.py"))
LONGEST_FUNCTION_LINES = 40


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_function_of_the_ledger_is_longer_than_forty_lines(path: Path) -> None:
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions(path)}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_ledger_imports_only_itself_and_the_standard_library(path: Path) -> None:
    foreign = {
        name
        for name in imported(path)
        if not name.startswith("shared.ledger") and name.split(".")[0] not in sys.stdlib_module_names
    }
    assert foreign == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_ledger_has_no_clock_no_randomness_and_no_environment(path: Path) -> None:
    assert imported(path) & {"time", "random", "secrets", "os", "logging"} == set()
