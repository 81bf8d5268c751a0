"""A copy of the service as the wheel has it, made of the checkout as it is now."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import millicent as client_package
from millicent.testing import InMemoryMillicent

ROOT = Path(__file__).resolve().parents[2]


def build_hook() -> Any:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "sdk" / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def service_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From now on `millicent` has the package that the wheel has: `millicent._service`."""
    directory = tmp_path_factory.mktemp("millicent")
    build_hook().copy_service(ROOT, directory / "_service")
    client_package.__path__.append(str(directory))
    return directory / "_service"


@pytest.fixture(scope="session")
def copied(service_copy: Path) -> Callable[[str], ModuleType]:
    """A module of the copy, by its name in the repository."""
    return lambda name: importlib.import_module(f"millicent._service.{name}")


@pytest.fixture
def millicent(socket_disabled: None) -> Iterator[InMemoryMillicent]:
    """As pytest_millicent gives it. No test reaches a network."""
    with InMemoryMillicent() as service:
        yield service
