from collections.abc import Iterator

import pytest

from local.cloud import down
from local.ownership import owner
from millicent import Millicent
from tests.e2e.laptop import Laptop


@pytest.fixture(scope="session")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    state_dir = tmp_path_factory.mktemp("laptop")
    try:
        yield Laptop(state_dir)
    finally:
        down(state_dir)


@pytest.fixture(autouse=True)
def _running(laptop: Laptop) -> None:
    """Even when a test that stops it failed half-way."""
    if owner(laptop.state_dir) is None:
        laptop.start()


@pytest.fixture
def client(laptop: Laptop) -> Iterator[Millicent]:
    with laptop.client() as connected:
        yield connected
