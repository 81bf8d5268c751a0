"""The copy of the service that the worlds of these tests run."""

from collections.abc import Iterator

import pytest

from tests.leases.services import service_copy


@pytest.fixture(scope="session")
def service() -> Iterator[None]:
    with service_copy():
        yield
