"""How the tests are handed to the processes that run them."""

from unittest.mock import Mock

from tests.conftest import SHARED_SETUP, SUITES, OneSetupEach

ALONE = [f"tests/unit/test_a.py::test_{number}" for number in range(5)]
TOGETHER = ["tests/e2e/test_b.py::test_1", "tests/e2e/test_c.py::test_2"]


def test_what_is_to_share_a_set_up_exists() -> None:
    assert [each for each in SHARED_SETUP if not (SUITES / each).exists()] == []


def test_the_tests_of_one_module_can_share_a_set_up_too() -> None:
    of_kinds = [f"tests/unit/ledger/test_kinds.py::test_{number}[a/b]" for number in range(2)]
    _, process = scheduled([*ALONE, *of_kinds])
    assert process.send_runtest_some.call_args_list[0].args[0] == [5, 6]


def scheduled(tests: list[str]) -> tuple[OneSetupEach, Mock]:
    """For one process, which has been given the first of them."""
    option = Mock(tx=["popen"], loadscopereorder=True)
    option.tx = ["popen"]
    config = Mock(option=option)
    config.getvalue.return_value = ["popen"]
    scheduler, process = OneSetupEach(config), Mock(shutting_down=False)
    scheduler.add_node(process)
    scheduler.add_node_collection(process, tests)
    scheduler.schedule()
    return scheduler, process


def given(process: Mock) -> list[int]:
    return [each for call in process.send_runtest_some.call_args_list for each in call.args[0]]


def test_what_shares_a_set_up_is_given_to_one_process_at_once() -> None:
    _, process = scheduled([*ALONE, *TOGETHER])
    assert process.send_runtest_some.call_args_list[0].args[0] == [5, 6]


def test_every_test_is_given_out_once_and_what_has_ended_is_forgotten() -> None:
    tests = [*ALONE, *TOGETHER]
    scheduler, process = scheduled(tests)
    ended: list[int] = []
    while len(ended) < len(tests):
        ended.append(given(process)[len(ended)])
        scheduler.mark_test_complete(process, ended[-1])
    assert sorted(ended) == list(range(len(tests)))
    assert scheduler.assigned_work == {process: {}}
    assert scheduler.tests_finished


def test_what_a_process_had_begun_when_it_died_is_named_and_the_rest_is_given_to_another() -> None:
    scheduler, process = scheduled([*ALONE, *TOGETHER])
    scheduler.mark_test_complete(process, 5)
    assert scheduler.remove_node(process) == TOGETHER[1]
    assert TOGETHER[1] in {test for unit in scheduler.workqueue.values() for test in unit}
