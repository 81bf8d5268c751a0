"""Small bounds of the exploration, and mistakes that it must find."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from tests.explore.__main__ import main
from tests.explore.plants import PLANTS
from tests.explore.requests import Caller
from tests.explore.scenarios import SCENARIOS, Scenario, named
from tests.explore.search import Search, State
from tests.mutants.catalogue import Mutant

SEQ, KEY, LOST, PARENT = PLANTS
SMALL = (
    "one key, two requests",
    "two charges, credits for one",
    "a hold captured and released",
    "a batch and a charge",
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_nothing_breaks_within_a_call_or_two_of_each_request(scenario: Scenario) -> None:
    requests = sum(len(caller.attempts) for caller in scenario.callers)
    found = Search(scenario, 2 if requests <= 4 else 1).explore()

    assert (found.problems, found.broken) == ([], 0)
    assert found.histories > 1000


@pytest.mark.parametrize("name", SMALL)
def test_the_count_is_that_of_a_walk_through_every_history(name: str) -> None:
    search = Search(named(name), 1)

    assert search.explore().histories == walked(search, search.begin)


def walked(search: Search, state: State) -> int:
    """One history after the other, without knowing again what was seen before."""
    steps = list(search.steps_from(state))
    return sum(step.callers * walked(search, step.state) for step in steps) if steps else 1


@pytest.mark.parametrize("name", [*SMALL, "a capture as the hold is over"])
def test_places_in_the_code_tell_requests_apart_as_their_outcomes_do(name: str) -> None:
    by_place, by_replies = Search(named(name), 2), Search(named(name), 2, by_replies=True)
    found, expected = by_place.explore(), by_replies.explore()

    assert (found.histories, found.tables) == (expected.histories, expected.tables)
    assert found.states < expected.states


def test_callers_that_are_alike_are_counted_as_if_each_had_begun() -> None:
    scenario = named("three charges, credits for one")
    others = Scenario(scenario.name, scenario.calls, scenario.first, tuple(unlike(each) for each in scenario.callers))
    found, expected = Search(scenario, 2).explore(), Search(others, 2).explore()

    assert found.histories == expected.histories
    assert found.states < expected.states


def unlike(caller: Caller) -> Caller:
    return replace(caller, alike=None)


def test_every_outcome_of_a_call_is_tried() -> None:
    search = Search(named("two charges, credits for one"), 3)
    tried = Counter(step.what for state in reached(search) for step in search.steps_from(state))

    assert tried.keys() == {
        "answered",
        "answered, and its time is over",
        "in conflict with another transaction",
        "in conflict with another transaction, and its time is over",
        "throttled",
        "throttled, and its time is over",
        "lost on the way there",
        "lost on the way there, and its time is over",
        "no answer, and the write is under way",
        "no answer, and the write is under way, and its time is over",
        "the process is killed before the call",
        "the process is killed, and the write is under way",
        "the write lands",
    }


def reached(search: Search) -> set[State]:
    seen, waiting = {search.begin}, [search.begin]
    while waiting:
        fresh = {step.state for step in search.steps_from(waiting.pop())} - seen
        seen |= fresh
        waiting += fresh
    return seen


def test_holds_that_are_over_are_looked_for_in_an_index_that_trails() -> None:
    search = Search(named("an extension as the hold is over, with an index that trails"), 3)

    assert "answered by an index that trails" in {
        step.what for state in reached(search) for step in search.steps_from(state)
    }


@pytest.mark.parametrize(
    ("plant", "scenario", "steps"),
    [
        (SEQ, "two charges, credits for one", ("a reads", "b reads", "a writes", "b writes")),
        (LOST, "one key, two requests", ("a reads", "a writes", "a writes")),
        (KEY, "one key, two requests", ("a reads", "a writes", "b reads", "b writes")),
        (PARENT, "a member and its parent", ("member reads",) * 3 + ("parent reads", "parent writes", "member writes")),
    ],
    ids=lambda each: each.name if isinstance(each, Mutant) else None,
)
def test_a_planted_mistake_is_found_with_the_shortest_history(
    plant: Mutant, scenario: str, steps: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "tests.explore", "--calls", "2", "--plant", plant.name, "--scenario", scenario]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert ended.returncode == 1, ended.stderr
    story = ended.stdout.partition("The shortest history that shows it: ")[2].splitlines()
    assert [tuple(line.split()[1:3]) for line in story[1:-2]] == [tuple(step.split()) for step in steps]
    assert json.loads(story[-1])["violations"] > 0


def test_an_answer_that_contradicts_the_record_when_it_is_given_is_found() -> None:
    mutant, scenario = "refuse a late replay as invalid", "a grant that may be too late"
    command = [sys.executable, "-m", "tests.explore", "--calls", "2", "--plant", mutant, "--scenario", scenario]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert "was told invalid_operation, and on the record under key-of-grants is applied 60" in ended.stdout


def test_the_last_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--calls", "2", "--scenario", "two charges, credits for one"])

    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    assert summary.keys() == {"histories", "violations", "seconds"}
    assert (summary["histories"] > 1_000_000, summary["violations"]) == (True, 0)


def test_a_scenario_that_there_is_not_is_named_as_such() -> None:
    with pytest.raises(SystemExit, match="no scenario has 'four requests' in its name"):
        main(["--scenario", "four requests"])
