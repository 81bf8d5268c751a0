"""Processes with budgets, killed at random: a short run. `make lease-kills KILLS=60` is a longer one."""

from tests.leases import kills


def test_processes_that_are_killed_lose_nothing_that_is_in_their_journal() -> None:
    report = kills.run(kills=4, seed=1)
    assert report.wrong == []
    assert report.spends > 100
