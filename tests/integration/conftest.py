import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
from moto.events.models import EventsBackend

from functions.console.files import Site
from local.console import write_site
from tests.event_contracts import faults_of
from tests.integration.world import ENVIRONMENT, World, create_resources, handlers
from tests.moto_calls import mocked_aws
from tests.moto_snapshots import Standing
from tests.roles.enforcement import Enforcement, template_roles

PAGE = b'<script type="importmap">{{importmap}}</script><script type="module" src="{{src/main.js}}"></script>'
RESOURCES = Standing(create_resources)


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModuleType]]:
    """The handlers, imported once, as in one Lambda environment each.

    The console is a small one, which nobody has to fetch libraries for.
    """
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        found = handlers()
        write_site({"index.html": PAGE, "src/main.js": b"export {};"}, site := tmp_path_factory.mktemp("site"))
        environment.setattr(found["console"], "site", Site(site))
        yield found


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
    with mocked_aws(), roles.installed(), described_events():
        RESOURCES.put()
        yield World(modules, roles)


@contextmanager
def described_events() -> Iterator[None]:
    """Fails in the end if an event came to the bus that its schema does not describe."""
    put_events = EventsBackend.put_events
    faults: list[str] = []

    def checked(backend: EventsBackend, entries: list[dict[str, Any]]) -> Any:
        faults.extend(fault for entry in entries for fault in faults_of(envelope_of(entry)))
        return put_events(backend, entries)

    with patch.object(EventsBackend, "put_events", checked):
        yield
    assert faults == []


def envelope_of(entry: dict[str, Any]) -> dict[str, Any]:
    """What a target is given of an entry of PutEvents."""
    detail = json.loads(entry["Detail"])
    return {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": detail}
