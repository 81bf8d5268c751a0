from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import Final

import pytest

from tests.integration.conftest import modules, stack
from tests.integration.world import World

__all__ = ["modules"]

_VECTORS_A_WORLD: Final = 10
"""moto copies all tables for each transaction: with all vectors in one world, most of the time would go there."""


@pytest.fixture(scope="module")
def worlds(modules: dict[str, ModuleType]) -> Iterator[Callable[[], World]]:
    """Each vector has an account of its own, so several can share a world; now and then a new one is begun."""
    with ExitStack() as present:
        used = 0
        world: World | None = None

        def next_world() -> World:
            nonlocal used, world
            if world is None or used % _VECTORS_A_WORLD == 0:
                present.close()
                world = present.enter_context(stack(modules))
            used += 1
            return world

        yield next_world


@pytest.fixture
def shared_world(worlds: Callable[[], World]) -> World:
    return worlds()
