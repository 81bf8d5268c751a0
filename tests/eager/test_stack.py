"""The whole stack against the eager model: as it is, and with no-op entries wherever something is due."""

from unittest.mock import Mock, PropertyMock

import pytest

from tests.eager.__main__ import Settings, main, run_all, summary
from tests.eager.asks import MAKERS, Ask, Opening, Sequence
from tests.eager.calendar import HOUR_MS
from tests.eager.model import NEVER_MS, Account
from tests.eager.runs import run, shortest, told

SEQUENCES = 150


def test_the_stack_does_what_the_eager_model_does_with_and_without_no_op_entries() -> None:
    settings = Settings(SEQUENCES, 40, 1, frozenset())
    counted = run_all(settings)
    said = summary(settings, counted, 0)
    assert not any(counted.differences.values()), (
        counted.whats,
        counted.shortest and list(told(counted.shortest[0], with_no_ops=counted.shortest[1], without=frozenset())),
    )
    assert said["differences"] == 0
    assert counted.apart == 0
    assert counted.no_op_entries > SEQUENCES
    assert counted.kinds.keys() >= {*MAKERS} - SETTINGS


SETTINGS = {"grants", "overdraft", "freeze", "thresholds", "limits", "allowance", "zone", "join", "glance"}
"""Asks that are not kinds of operations by themselves."""


def _a_promotion_that_a_hold_had_taken() -> Sequence:
    grant = {"amount": 100, "category": "promotional", "priority": 1, "lasts_ms": 3 * HOUR_MS}
    asks = (
        Ask("grant", "bob", 0, grant),
        Ask("grant", "bob", 0, {**grant, "category": "purchased", "priority": 10, "lasts_ms": None}),
        Ask("charge", "bob", 0, {"cost": 0, "mode": "refuse", "app": None}),
        Ask("hold", "bob", 0, {"amount": 100, "minimum": None, "lifetime": 60_000, "app": None}),
        Ask("charge", "bob", HOUR_MS, {"cost": 80, "mode": "refuse", "app": None}, (3 * HOUR_MS,)),
    )
    return Sequence(Opening(0, "UTC", {"bob": 0, "team": 0}, is_family=False), asks)


@pytest.mark.parametrize("with_no_ops", [False, True])
def test_the_promotion_that_a_hold_had_taken_pays_after_it(with_no_ops: bool) -> None:
    outcome = run(_a_promotion_that_a_hold_had_taken(), with_no_ops=with_no_ops, verifies=True)
    assert outcome.difference is None
    assert outcome.no_op_entries == (1 if with_no_ops else 0)


def let_no_grant_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model makes a mistake."""
    monkeypatch.setattr(Account, "expire_grants", Mock())
    monkeypatch.setattr(Account, "next_due_ms", PropertyMock(return_value=NEVER_MS))


def test_a_difference_is_found_made_short_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    let_no_grant_expire(monkeypatch)
    sequence = _a_promotion_that_a_hold_had_taken()
    short = shortest(sequence, with_no_ops=False, without=frozenset())
    assert [ask.kind for ask in short.asks] == ["grant", "charge"]
    story = list(told(short, with_no_ops=False, without=frozenset()))
    assert story[-3] == "DIFFERENT  bob as it is later: balance"


def test_the_command_fails_where_there_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    let_no_grant_expire(monkeypatch)
    assert main(["--sequences", "4", "--processes", "1", "--without", "parents,allowance"]) == 1
    assert '"differences": 0' not in capsys.readouterr().out.splitlines()[-1].split("with_no_op")[0]
    assert main(["--sequences", "1", "--operations", "1", "--processes", "1"]) == 0
