from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from types import ModuleType

import pytest
from moto import mock_aws

from tests.integration.world import ENVIRONMENT, World, create_resources, handlers
from tests.roles.enforcement import Enforcement, template_roles


@pytest.fixture(scope="session")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The handlers, imported once, as in one Lambda environment each."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        yield handlers()


@pytest.fixture
def world(modules: dict[str, ModuleType], socket_disabled: None) -> Iterator[World]:
    """An empty stack. No test reaches a network."""
    with stack(modules) as world:
        yield world


@pytest.fixture(scope="module")
def shared_world(modules: dict[str, ModuleType]) -> Iterator[World]:
    """One stack for all the tests of a module that change nothing."""
    with stack(modules) as world:
        yield world


@pytest.fixture
def log(modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the functions log while the test runs."""
    lines = StringIO()
    for module in modules.values():
        for handler in module.runtime.observability.logger.handlers:
            monkeypatch.setattr(handler, "stream", lines)
    return lines


@contextmanager
def stack(modules: dict[str, ModuleType]) -> Iterator[World]:
    for name in ("check", "cost", "holds", "ingest"):
        modules[name].runtime.rates.forget()
    roles = Enforcement(template_roles(), ENVIRONMENT)
    with mock_aws(), roles.installed():
        create_resources()
        yield World(modules, roles)
