"""The client of these tests: over HTTP in memory, with a clock that stands still."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from millicent import Clock, Millicent
from tests.unit.sdk.fake_service import TOKEN, URL, FakeClock, FakeService


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor a laptop cloud above the working directory tells the client anything."""
    for variable in ("URL", "TOKEN", "TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"MILLICENT_{variable}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def clock(fake_clock: FakeClock) -> Clock:
    return Clock(now_s=fake_clock.now_s, sleep=fake_clock.sleep, uniform=fake_clock.uniform)


@pytest.fixture
def client(service: FakeService, clock: Clock) -> Iterator[Millicent]:
    with Millicent(URL, TOKEN, transport=service.transport, clock=clock) as client:
        yield client
