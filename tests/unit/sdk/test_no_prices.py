"""The client has no prices of its own: only the service prices."""

import tomllib
from pathlib import Path

import pytest

import millicent

PACKAGE = Path(millicent.__file__).parent
PROJECT = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())["project"]
LIBRARY = "genai-prices"


def test_the_client_does_not_depend_on_the_price_library_and_the_service_in_memory_does() -> None:
    assert [each for each in PROJECT["dependencies"] if each.startswith(LIBRARY)] == []
    assert [each for each in PROJECT["optional-dependencies"]["testing"] if each.startswith(LIBRARY)] != []


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_module_of_the_client_imports_the_price_library(file: Path) -> None:
    assert LIBRARY.replace("-", "_") not in file.read_text()
