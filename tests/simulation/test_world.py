"""Small worlds: the ledger comes through, the same seed gives the same history, and the twin does not come through."""

import json

import pytest

from tests.simulation import naive
from tests.simulation.__main__ import main
from tests.simulation.matrix import cells
from tests.simulation.runs import Result, Settings, plans
from tests.simulation.verdict import FIGURES
from tests.simulation.world import Outcome, Plan, World

PLAN = Plan("7", 3000, 0.1)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return World(PLAN).run()


def test_the_ledger_comes_through_a_fault_at_every_tenth_call(outcome: Outcome) -> None:
    assert not outcome.verdict.examples
    assert outcome.verdict.is_clean


def test_most_of_the_matrix_fires_even_in_a_small_world(outcome: Outcome) -> None:
    assert sum(1 for cell in cells() if outcome.fired[cell]) > 100


def test_the_same_seed_gives_the_same_history(outcome: Outcome) -> None:
    assert World(PLAN).run().history_hash == outcome.history_hash


def test_another_seed_gives_another_history(outcome: Outcome) -> None:
    assert World(Plan("8", 3000, 0.1)).run().history_hash != outcome.history_hash


def test_without_faults_nothing_is_struck_but_what_clients_and_clocks_do() -> None:
    calm = World(Plan("7", 1000, 0)).run()
    assert calm.verdict.is_clean
    places = {place for (place, _), count in calm.fired.items() if count}
    assert places <= {"applied again", "partial again", "refused again", "key reused", "clock", "outbox", "audit"}


def test_the_story_of_an_operation_has_its_calls_and_what_its_client_was_told() -> None:
    story = World(Plan("7", 100, 0, watched="k5")).run().story
    assert [line.split(maxsplit=3)[3].split(":")[0].split()[0] for line in story][:3] == ["Read", "Commit", "told"]


def test_the_naive_twin_charges_twice_and_loses_audit_rows() -> None:
    figures = naive.run(Plan("7", 3000, 0.1)).figures
    assert figures["double"] > 0
    assert figures["audit_missing"] > 0


def test_the_naive_twin_is_right_while_nothing_goes_wrong() -> None:
    assert naive.run(Plan("7", 1000, 0)).is_clean


def test_a_run_whose_twin_comes_through_is_not_believed() -> None:
    assert not Result(Settings(1000, 1, 0.02)).is_harness_sound


def test_a_run_that_left_a_cell_out_is_not_believed() -> None:
    result = Result(Settings(100_000, 1, 0.02), operations=100_000)
    result.twin.figures.update(double=1, audit_missing=1)
    assert not result.is_harness_sound
    result.fired.update(cells())
    assert result.is_harness_sound


def test_the_worlds_of_a_run_share_its_operations_and_no_chance() -> None:
    shared = plans(Settings(1_000_001, 3, 0.02))
    assert sum(plan.operations for plan in shared) == 1_000_001
    assert len({plan.seed for plan in shared}) == len(shared) == 102


def test_the_command_ends_with_the_figures_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--operations", "600", "--seed", "5"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(summary) == ["operations", "faults", *FIGURES, "seconds"]
    assert (summary["operations"], summary["faults"] > 0) == (600, True)
