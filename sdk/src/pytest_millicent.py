"""The pytest plugin of `millicent.testing`. It imports nothing until a test asks for its fixture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from millicent.testing import InMemoryMillicent


@pytest.fixture
def millicent() -> "Iterator[InMemoryMillicent]":
    """An empty Millicent in memory: the real client, on a service of this test's own."""
    from millicent.testing import InMemoryMillicent  # noqa: PLC0415 - see above

    with InMemoryMillicent() as service:
        yield service
