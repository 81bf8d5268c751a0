"""Fixtures and arrangements of more than one suite."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.calendar import moved_ahead
from tests.database import aws_credentials, database, new_ledger
from tests.suite_times import SuiteTimes

__all__ = ["aws_credentials", "database", "new_ledger"]

# A busy machine is no fault: no example has to be made or run in time.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

SUITES: Final = Path(__file__).parent
SHARED_SETUP: Final = {
    "e2e": "laptop cloud",
    "browser": "laptop cloud of the console",
    "package": "build",
    "cloudformation": "stack",
    "concurrency": "DynamoDB Local",
    "contract": "DynamoDB Local",
    "faults": "DynamoDB Local",
    "roles": "scenes",
    "unit/ledger/test_kinds.py": "simulated world",
}
"""Suites and modules whose tests share something that takes long to set up: they run in the same process."""


class OneSetupEach(LoadScopeScheduling):  # type: ignore[misc]
    """Every test on its own wherever there is room, but for those that share a set-up."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0].partition("/")[2]
        return SHARED_SETUP.get(module) or SHARED_SETUP.get(module.partition("/")[0], nodeid)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Forgets what is done. xdist goes through all that a process was given, each time one of its tests ends."""
        scope = self._split_scope(self.registered_collections[node][item_index])
        super().mark_test_complete(node, item_index, duration)
        if all(self.assigned_work[node][scope].values()):
            del self.assigned_work[node][scope]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--days-ahead", type=int, default=0, metavar="DAYS", help="run as if it were so many days later")
    parser.addoption("--suites", action="store_true", help="tell what each suite costs, in tests and processor time")


def pytest_configure(config: pytest.Config) -> None:
    """Before any module of a test is imported."""
    present = ExitStack()
    present.enter_context(moved_ahead(config.getoption("--days-ahead")))
    config.add_cleanup(present.close)
    if config.getoption("--suites"):
        config.pluginmanager.register(SuiteTimes())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneSetupEach:
    return OneSetupEach(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(SUITES / "unit"):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))
