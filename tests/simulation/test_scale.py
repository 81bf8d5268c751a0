"""The model of `make scale`: virtual time, so these figures depend on the seed and not on the machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.scale import SCENARIOS, main
from bench.scale_leases import LeasedScenario
from bench.scale_model import HOT, LoopScenario, Result, Scenario, run
from millicent.leases.terms import Record


def of(name: str, offered_per_s: int, seconds: int) -> Result:
    (scenario,) = [each for each in SCENARIOS if (each.name, each.offered_per_s) == (name, offered_per_s)]
    assert isinstance(scenario, Scenario | LeasedScenario)
    return run(replace(scenario, seconds=seconds), seed=1)


def test_an_account_carries_60_single_charges_a_second() -> None:
    result = of("one account, single", 60, 20)
    assert (result.failed, result.adds_up) == (0, True)
    assert result.transactions_per_charge <= 3


def test_an_overloaded_account_sheds_and_does_not_collapse() -> None:
    result = of("one account, single", 200, 3)
    assert result.shed > 0
    assert result.goodput_per_s >= 60
    assert result.adds_up


def test_a_charge_of_a_member_is_in_the_balance_of_the_team_once() -> None:
    result = of("a team of 1,000, single", 60, 2)
    assert (result.failed, result.adds_up) == (0, True)


def test_charges_of_a_batch_are_counted_each_by_itself() -> None:
    result = run(Scenario("batches", 50, 4, lambda _: HOT, batch=10), seed=1)
    assert result.transactions_per_charge < 0.2
    assert result.adds_up


@pytest.mark.parametrize(("record", "transactions"), [("each", 0.03), ("sum", 0.01)])
def test_leased_spends_do_not_wait_and_each_is_in_the_balance_once(record: Record, transactions: float) -> None:
    result = run(LeasedScenario("leased", 400, 5, record, flush_every_s=1), seed=1)
    assert (result.p99_ms, result.shed, result.adds_up) == (0, 0, True)
    assert result.transactions_per_charge < transactions


def test_leased_spends_of_members_are_in_the_balance_of_the_team_once() -> None:
    scenario = LeasedScenario("leased", 100, 20, "sum", flush_every_s=5, members=20)
    result = run(scenario, seed=1)
    assert result.adds_up
    assert result.transactions_per_charge < 0.1


def test_a_crowd_in_a_loop_is_shed_and_does_most_of_what_one_does_alone() -> None:
    one, crowd = (run(LoopScenario("loop", callers, 10), seed=1) for callers in (1, 32))
    assert crowd.shed > one.shed == 0
    assert crowd.goodput_per_s >= 0.7 * one.goodput_per_s
    assert crowd.answer_p99_ms < 1500
    assert crowd.adds_up


@pytest.mark.long
def test_the_page_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr("sys.argv", ["scale"])
        assert main() == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines() if not line.startswith("{")]
    assert "\n".join(printed) in (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
