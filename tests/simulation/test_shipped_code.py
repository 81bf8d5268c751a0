"""The simulator runs the code that ships: neither importing it nor running a world replaces anything of that."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(file for file in HERE.glob("*.py") if not file.name.startswith("test_"))

_COMPARED = """
import sys, types
import shared.ledger.protocol, shared.ledger.reducer, shared.ledger.records, shared.ledger.views, shared.ledger.events
import shared.usecases.publish_entries, shared.usecases.keep_audit, shared.usecases.count_usage

def taken():
    seen = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "shared":
            for attribute, value in vars(module).items():
                seen[f"{name}.{attribute}"] = id(value)
                if isinstance(value, type) and value.__module__ == name:
                    seen.update({f"{name}.{attribute}.{each}": id(was) for each, was in vars(value).items()})
                if isinstance(value, types.FunctionType) and value.__module__ == name:
                    seen[f"{name}.{attribute} code"] = id(value.__code__)
    return seen

before = taken()
from tests.simulation.world import Plan, World
if PLANTED:
    import shared.ledger.records
    shared.ledger.records.hash_of = lambda entry: "0" * 64
World(Plan("7", 300, 0.1)).run()
after = taken()
unlike = sorted(name for name, was in before.items() if after.get(name) != was and "__" not in name.rsplit(".", 1)[1])
print(*unlike, sep="\\n", end="")
"""


def _replaced(*, planted: bool = False) -> str:
    code = f"PLANTED = {planted}\n{_COMPARED}"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE.parents[1]
    )
    return ended.stdout


def test_a_run_of_the_simulator_replaces_no_attribute_of_the_shipped_modules_and_classes() -> None:
    assert _replaced() == ""


def test_a_function_that_is_replaced_is_noticed() -> None:
    assert "shared.ledger.records.hash_of" in _replaced(planted=True)


def _imported_from_shared(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shared")
        for alias in node.names
    }


def _suspicious(tree: ast.Module) -> Iterator[str]:
    """Attributes of what ships that are assigned, and objects of it that are built past their constructors."""
    shipped = _imported_from_shared(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                    yield from ([ast.unparse(target)] if target.value.id in shipped else [])
        elif isinstance(node, ast.Call):
            spelled = ast.unparse(node)
            builds = "__new__" in spelled or "__setattr__" in spelled or spelled.startswith("setattr(")
            named = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            yield from ([spelled] if builds and named & shipped else [])


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_the_simulator_builds_what_ships_by_its_constructors_and_assigns_nothing_of_it(file: Path) -> None:
    assert list(_suspicious(ast.parse(file.read_text()))) == []


@pytest.mark.parametrize(
    "line",
    [
        "Reply.outcome = None",
        "fast = partial(tuple.__new__, Reply)",
        "setattr(Reply, 'outcome', None)",
        "object.__setattr__(Reply, 'outcome', None)",
    ],
)
def test_a_line_that_would_is_found(line: str) -> None:
    assert list(_suspicious(ast.parse(f"from shared.ledger.protocol import Reply\n{line}\n")))
