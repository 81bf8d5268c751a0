"""`make bench` is made of parts that each report."""

import ast

import pytest

from bench.parts import PARTS
from local.paths import ROOT


@pytest.mark.parametrize("module", [module for module, _ in PARTS.values()])
def test_every_part_has_a_report(module: str) -> None:
    # Read, not imported: a part sets the environment of the functions that it runs.
    tree = ast.parse((ROOT / "bench" / f"{module}.py").read_text())
    assert "report" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
