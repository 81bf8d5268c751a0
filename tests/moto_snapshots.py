"""What stands in moto, put back as a copy: to make it anew by its API takes longer than most tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from threading import Condition
from typing import Any
from unittest.mock import patch

from moto.core.base_backend import BackendDict
from moto.dynamodb.models.table import Table


class Standing:
    """What `make` makes in an empty moto. It is made the first time, and copied from then on."""

    def __init__(self, make: Callable[[], None]) -> None:
        self._make = make
        self._backends: dict[tuple[BackendDict[Any], str, str], Any] = {}
        self._states: list[dict[str, Any]] = []

    def put(self) -> None:
        """Raises AssertionError where something stands in moto already."""
        assert not BackendDict._instances, "moto is not empty"  # type: ignore[misc]
        if not self._states:
            self._make()
            self._keep()
            return
        backends = [services[account][region] for services, account, region in self._backends]
        states = _copied(self._states, dict(zip(map(id, self._backends.values()), backends, strict=True)))
        for backend, state in zip(backends, states, strict=True):
            vars(backend).update(state)

    def _keep(self) -> None:
        self._backends = {
            (services, account, region): backend
            for services in BackendDict._instances  # type: ignore[misc]
            for account, region, backend in services.iter_backends()
        }
        backends = self._backends.values()
        self._states = _copied([vars(each) for each in backends], {id(each): each for each in backends})


def _copied(states: list[dict[str, Any]], backends: dict[int, Any]) -> list[dict[str, Any]]:
    """Where a state has one of the backends, the copy has the one that stands for it."""
    with _copied_whole():
        return deepcopy(states, dict(backends))


@contextmanager
def _copied_whole() -> Iterator[None]:
    """A queue's lock is free in the copy. A table is copied with its items, which a transaction spares."""
    with (
        patch.object(Condition, "__deepcopy__", lambda _, __: Condition(), create=True),
        patch.object(Table, "__deepcopy__", None, create=True),
    ):
        yield
