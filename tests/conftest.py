"""Fixtures and arrangements of more than one suite."""

from pathlib import Path
from typing import Final

import pytest

from tests.database import aws_credentials, database, new_ledger

__all__ = ["aws_credentials", "database", "new_ledger"]

SUITES: Final = Path(__file__).parent
SHARED_SETUP: Final = {
    "e2e": "laptop cloud",
    "package": "build",
    "concurrency": "DynamoDB Local",
    "contract": "DynamoDB Local",
    "faults": "DynamoDB Local",
}
"""Suites whose tests share something that takes long to set up: they run in the same process."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        suite = item.path.relative_to(SUITES).parts[0]
        if suite in SHARED_SETUP:
            item.add_marker(pytest.mark.xdist_group(SHARED_SETUP[suite]))
        if suite == "unit":
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))
