"""`--suites`: what each suite of a run costs, in tests and in processor time."""

from collections import Counter
from collections.abc import Generator
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

import pytest


def used_s() -> float:
    """Processor time of this process and of all that it started and that have ended."""
    return sum(each.ru_utime + each.ru_stime for each in (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)))


class SuiteTimes:
    """Each process measures its own tests. The one that reports adds them up, whichever process ran them."""

    def __init__(self) -> None:
        self._tests: Counter[str] = Counter()
        self._used_s: Counter[str] = Counter()
        self._measured_s = used_s()

    def pytest_collection_finish(self) -> None:
        self._measured_s = used_s()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, Any]:
        report = yield
        before_s, self._measured_s = self._measured_s, used_s()
        report.processor_s = self._measured_s - before_s
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        suite = "/".join(report.nodeid.split("/")[:2])
        self._tests[suite] += report.when == "setup"
        self._used_s[suite] += getattr(report, "processor_s", 0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("suites")
        terminalreporter.write_line("\n".join(self.table()))

    def table(self) -> list[str]:
        """The dearest first, as a table of Markdown."""
        rows = [
            f"| `{suite}` | {self._tests[suite]:,} | {round(seconds)} s |"
            for suite, seconds in self._used_s.most_common()
        ]
        total = f"| all | {self._tests.total():,} | {round(self._used_s.total())} s |"
        return ["| suite | tests | processor time |", "|---|---|---|", *rows, total]
