from collections.abc import Iterator
from types import ModuleType

import pytest
from moto import mock_aws

from tests.integration.world import ENVIRONMENT, World, create_resources, handlers


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
    with mock_aws():
        create_resources()
        yield World(modules)
