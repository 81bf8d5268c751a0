"""The table of the suites is measured, not written down."""

from types import SimpleNamespace
from typing import Any

from tests.suite_times import SuiteTimes, used_s


def report(nodeid: str, when: str, processor_s: float) -> Any:
    return SimpleNamespace(nodeid=nodeid, when=when, processor_s=processor_s)


def test_a_suite_has_the_tests_and_the_time_of_all_its_files_and_the_dearest_is_first() -> None:
    times = SuiteTimes()
    for nodeid, call_s in (
        ("tests/a/test_x.py::test", 1.2),
        ("tests/b/test_x.py::test[a/b]", 9),
        ("tests/a/test_y.py::t", 2),
    ):
        for when, seconds in (("setup", 0.5), ("call", call_s), ("teardown", 0.1)):
            times.pytest_runtest_logreport(report(nodeid, when, seconds))
    assert times.table() == [
        "| suite | tests | processor time |",
        "|---|---|---|",
        "| `tests/b` | 1 | 10 s |",
        "| `tests/a` | 2 | 4 s |",
        "| all | 3 | 14 s |",
    ]


def test_a_report_is_given_the_time_since_the_one_before() -> None:
    times = SuiteTimes()
    times.pytest_collection_finish()
    began_s = used_s()
    while used_s() < began_s + 0.05:
        pass
    making = times.pytest_runtest_makereport()
    next(making)
    made = report("tests/a/test_x.py::test", "call", 0)
    try:
        making.send(made)
    except StopIteration as done:
        made = done.value
    assert made.processor_s >= 0.05
