"""Small worlds of budgets under faults: the guarantees hold, and the oracle sees where one does not."""

import json
from pathlib import Path

import pytest

from millicent.leases.journal import Journal
from millicent.leases.patience import Patience
from tests.leases import runs
from tests.leases.__main__ import main
from tests.leases.oracle import FIGURES, judge
from tests.leases.services import PlainService
from tests.leases.world import SLICE, Life, Plan, World

PLAN = Plan("7", 1000, 0.1)


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("seed", ["1", "2"])
def test_budgets_come_through_faults_on_the_service_itself(seed: str) -> None:
    outcome = runs.run_world(Plan(seed, 400, 0.1), "service")
    assert outcome.verdict.said == []
    assert outcome.verdict.accepted > 50


@pytest.mark.parametrize("number", range(6))
def test_budgets_come_through_faults_on_a_plain_ledger(number: int) -> None:
    outcome = runs.run_world(Plan(f"plain/{number}", 1000, 0.1), "plain")
    assert outcome.verdict.said == []


def test_the_same_seed_gives_the_same_history() -> None:
    first, second = (runs.run_world(PLAN, "plain") for _ in range(2))
    assert first.history_hash == second.history_hash
    assert first.history_hash != runs.run_world(Plan("8", 1000, 0.1), "plain").history_hash


def test_the_command_says_its_figures_and_ends_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--spends", "1000", "--seed", "3", "--ledger", "plain"]) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line.keys() >= {"spends", "accepted", "recorded", "late", "seed", "seconds", *FIGURES}
    assert not any(line[figure] for figure in FIGURES)


def test_a_fault_that_never_happened_breaks_the_harness() -> None:
    result = runs.Result(spends=runs.HARNESS_FROM_SPENDS, accepted=1)
    result.happened.update(["killed"])
    assert "paused" in result.missed
    assert "killed" not in result.missed
    assert not result.is_clean


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One in which a process has spent 5 microcents, which are on the record."""
    made = World(PLAN, PlainService(), tmp_path)
    made.funded = 100
    made.service.fund(100)
    record(made, "1.0.1.1", 5)
    made.lives.append(Life("1.0.1", "each", has_journal=True, accepted={"1.0.1.1": 5}, total=5, count=1))
    return made


def record(world: World, key: str, microcents: int, **line: object) -> None:
    service = world.service
    assert isinstance(service, PlainService)
    service.ledger.charge({"key": key, "cost": f"{microcents / 1000}", "if_insufficient": "overdraw", **line})


def test_the_oracle_finds_nothing_in_a_world_that_is_right(world: World) -> None:
    assert judge(world).said == []


def test_the_oracle_sees_a_spend_on_the_record_twice(world: World) -> None:
    record(world, "1.0.1.1.late", 5, metadata={"lease": "h1"})
    assert set(judge(world).figures) == {"twice"}


def test_the_oracle_sees_an_accepted_spend_that_is_not_on_the_record(world: World) -> None:
    world.lives[0].accepted["1.0.1.2"] = 7
    world.lives[0].total += 7
    assert set(judge(world).figures) == {"lost"}


def test_a_crash_without_a_journal_may_lose_a_slice_and_no_more(world: World) -> None:
    life = world.lives[0]
    life.has_journal, life.end = False, "killed"
    life.total += SLICE
    assert judge(world).said == []
    life.total += 1
    assert set(judge(world).figures) == {"lost"}


def test_the_oracle_sees_what_nobody_accepted_and_other_amounts(world: World) -> None:
    record(world, "1.0.1.9", 1)
    record(world, "2.2.2.1", 1)
    world.lives[0].accepted["1.0.1.1"] = 6
    assert set(judge(world).figures) == {"unknown", "other_amount"}


def test_the_oracle_sees_an_overdraft_that_late_settlement_does_not_explain(world: World) -> None:
    record(world, "other-1", 99)
    assert set(judge(world).figures) == {"overspent"}


def test_late_settlement_explains_an_overdraft_if_it_names_its_lease(world: World) -> None:
    world.lives[0].accepted["1.0.1.2"] = 99
    record(world, "1.0.1.2.late", 99, metadata={"lease": "h1"})
    world.lives[0].total += 99
    assert judge(world).said == []
    record(world, "1.0.1.3.late", 0)
    assert set(judge(world).figures) == {"unmarked", "unknown"}


def test_the_oracle_sees_sums_that_are_too_large(world: World) -> None:
    world.lives[0].record = "sum"
    record(world, "1.0.1.2", 5, metadata={"count": 1})
    service = world.service
    assert isinstance(service, PlainService)
    service.ledger.charges["1.0.1.1"]["metadata"] = {"count": 1}
    assert set(judge(world).figures) == {"twice"}


def test_the_oracle_sees_credits_that_did_not_return(world: World) -> None:
    world.service.client.hold("user:alice", "0.010", ttl_s=600)
    assert set(judge(world).figures) == {"held"}


def test_a_budget_that_gives_up_at_a_slow_ledger_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patience, "__init__", lambda self, *_: setattr(self, "left_s", 5.0))
    monkeypatch.setattr(Patience, "waited", lambda self, asked_s, *_: setattr(self, "left_s", self.left_s - asked_s))
    figures = [runs.run_world(Plan(f"slow/{number}", 1000), "plain").verdict.figures for number in range(6)]
    assert any("abandoned" in each for each in figures)


def test_a_journal_that_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "put_line", lambda *_: None)
    figures = [runs.run_world(Plan(f"forgets/{number}", 1000), "plain").verdict.figures for number in range(3)]
    assert any("lost" in each for each in figures)
