"""What the tests of the console hold it to is what the service does."""

import json

from tests.console_rules import GOLDEN, rules


def test_the_rules_that_the_console_is_held_to_are_those_of_the_service() -> None:
    assert json.loads(GOLDEN.read_text()) == rules(), "run python -m tests.console_rules"


def test_some_cases_of_each_rule_are_of_either_kind() -> None:
    """A rule that is always true would hold the console to nothing."""
    assert {case["version"] for case in rules()["versions_in_effect"]} == {None, 1, 2, 3}
    assert {len(case["above"]) for case in rules()["thresholds_above"]} == {0, 1, 2}
