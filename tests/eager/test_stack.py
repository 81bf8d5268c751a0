"""The whole stack against the eager model: as it is, and with no-op entries wherever something is due."""

from typing import Any
from unittest.mock import Mock, PropertyMock

import pytest

from tests.eager.__main__ import Settings, main, run_all, summary
from tests.eager.asks import MAKERS, START_MS, Ask, Opening, Sequence
from tests.eager.calendar import DAY_MS, HOUR_MS
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


SETTINGS = {"leaks", "grants", "overdraft", "freeze", "thresholds", "limits", "allowance", "zone", "join", "glance"}
"""Asks that are not kinds of operations by themselves."""


def ask(kind: str, then: int = 0, looks: tuple[int, ...] = (), actor: str = "bob", **terms: Any) -> Ask:
    return Ask(kind, actor, then, terms, looks)


def grant(
    amount: int, category: str = "purchased", priority: int = 10, lasts_ms: int | str | None = None, then: int = 0
) -> Ask:
    return ask("grant", then, amount=amount, category=category, priority=priority, lasts_ms=lasts_ms)


def many_grants(count: int, priorities: int) -> Ask:
    terms = {"amount": 10, "category": "purchased", "priority": 10}
    return Ask("grants", "bob", 0, {**terms, "count": count, "apart_ms": HOUR_MS, "priorities": priorities})


def hold(amount: int, lifetime: int) -> Ask:
    return ask("hold", amount=amount, minimum=None, lifetime=lifetime, app=None)


def charge(cost: int, then: int = 0, looks: tuple[int, ...] = ()) -> Ask:
    return ask("charge", then, looks, cost=cost, mode="refuse", app=None)


def capture(then: int = 0, *, overrun: str = "refuse", if_expired: str = "refuse") -> Ask:
    """Of the hold and 70 more."""
    return ask("capture", then, which=0, part="more", more=70, overrun=overrun, if_expired=if_expired)


def glance(then: int, looks: tuple[int, ...] = ()) -> Ask:
    return ask("glance", then, looks, minimum=50, app=None)


def daily(amount: int) -> Ask:
    return ask("allowance", terms=(amount, "daily", 5, 0, 0))


KNOWN = {
    "a promotion that a hold had taken pays after it": (
        grant(100, "promotional", 1, 2 * HOUR_MS),
        grant(100),
        hold(100, 60_000),
        charge(80, HOUR_MS, (HOUR_MS,)),
    ),
    "an allowance that a hold had taken pays after it": (
        daily(100),
        grant(100),
        hold(100, 60_000),
        charge(80, HOUR_MS),
    ),
    "late refills come in their order with a hold that is over": (
        ask("overdraft", amount=10),
        daily(20),
        hold(30, DAY_MS),
        glance(36 * HOUR_MS + 1000),
    ),
    "a hold that is over pays a debt before the refill that comes after it": (
        ask("overdraft", amount=100),
        daily(20),
        hold(70, DAY_MS),
        glance(36 * HOUR_MS),
    ),
    "a hold that is over pays a debt before its grant expires": (
        grant(100, "promotional", 1, 2 * HOUR_MS),
        hold(60, HOUR_MS),
        ask("charge", cost=90, mode="overdraw", app=None),
        glance(3 * HOUR_MS),
    ),
    "an answer has the balance that a reader sees": (grant(200), hold(100, 1000), charge(80, 1300)),
    "the excess of a capture does not pass a limit": (
        grant(1000),
        hold(80, HOUR_MS),
        ask("limits", limits=[(100, "day", None)]),
        capture(overrun="charge"),
    ),
    "nor where the window turned in between": (
        ask("limits", limits=[(100, "hour", None)]),
        grant(1000),
        hold(80, 2 * HOUR_MS),
        capture(HOUR_MS, overrun="charge"),
    ),
    "who is frozen is said before who is short": (
        grant(100),
        ask("freeze", actor="team", is_frozen=True),
        ask("join", parent="team"),
        charge(50),
    ),
    "a grant that looks like the running allowance is another": (
        daily(100),
        grant(50, "allowance", 5, "midnight"),
        glance(13 * HOUR_MS),
    ),
    "what comes back to the running allowance comes back to no grant that looks like it": (
        daily(20),
        hold(20, 60_000),
        grant(100, "allowance", 5, "midnight"),
        glance(13 * HOUR_MS),
    ),
    "a grant that is listed can be named": (
        daily(20),
        hold(5, HOUR_MS),
        ask("void", 25 * HOUR_MS, which=0),
    ),
    "a month is given once to an account that moves west": (
        ask("allowance", terms=(100, "monthly", 5, 0, 0)),
        charge(100),
        ask("zone", 21 * DAY_MS, name="America/Phoenix"),
        charge(100, 13 * HOUR_MS),
        glance(8 * HOUR_MS),
    ),
    "nor is it when the allowance is ended and set again": (
        daily(20),
        ask("allowance", HOUR_MS, terms=None),
        ask("zone", name="America/Phoenix"),
        ask("allowance", 12 * HOUR_MS, terms=(20, "daily", 5, 0, 0)),
        glance(1, (8 * HOUR_MS,)),
    ),
    "a window begins once in an account that moves west": (
        ask("limits", limits=[(100, "day", None)]),
        ask("zone", 6 * HOUR_MS, name="America/Phoenix"),
        glance(7 * HOUR_MS, (9 * HOUR_MS, DAY_MS)),
    ),
    "what is left of a lowered allowance is gone when its period is over": (
        daily(100),
        daily(20),
        glance(DAY_MS),
    ),
    "a hold warns nobody": (grant(1000), ask("thresholds", amounts=[500]), hold(900, 60_000), charge(1, HOUR_MS)),
    "a funding that leaves less than the threshold warns again": (
        grant(1000),
        ask("thresholds", amounts=[500]),
        charge(900),
        grant(300),
    ),
    "a threshold above what is there warns at once": (grant(100), ask("thresholds", amounts=[50, 500])),
    "a check says what a charge would": (ask("overdraft", amount=50), glance(0), charge(60), glance(1)),
    "a seventeenth grant has room": (many_grants(17, 1),),
    "a seventeenth grant that is like none has not": (many_grants(17, 30),),
    "an overrun takes what is there": (grant(100), hold(80, HOUR_MS), capture(overrun="partial")),
    "an overrun takes all": (grant(100), hold(80, HOUR_MS), capture(overrun="overdraw")),
    "work that outlived its hold is charged": (grant(200), hold(80, 1000), capture(1000, if_expired="charge")),
    "or taken": (grant(100), hold(80, 1000), capture(1000, if_expired="overdraw"), capture(if_expired="overdraw")),
}


def known(name: str) -> Sequence:
    opening = Opening(START_MS, "UTC", {"bob": 0, "team": 0}, is_family="frozen" in name)
    return Sequence(opening, KNOWN[name])


@pytest.mark.parametrize("with_no_ops", [False, True], ids=["as it is", "with no-op entries"])
@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_to_be_right_is_so_in_both(name: str, with_no_ops: bool) -> None:
    outcome = run(known(name), with_no_ops=with_no_ops, verifies=True)
    assert outcome.difference is None, outcome.story
    assert outcome.operations


def test_a_no_op_entry_is_recorded_wherever_something_is_due() -> None:
    sequence = known("late refills come in their order with a hold that is over")
    assert run(sequence, with_no_ops=True).no_op_entries == 3
    assert run(sequence).no_op_entries == 0


def let_no_grant_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model makes a mistake."""
    monkeypatch.setattr(Account, "expire_grants", Mock())
    monkeypatch.setattr(Account, "next_due_ms", PropertyMock(return_value=NEVER_MS))


def test_a_difference_is_found_made_short_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    let_no_grant_expire(monkeypatch)
    sequence = known("a promotion that a hold had taken pays after it")
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
