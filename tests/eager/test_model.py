"""The eager model by itself: that it is on its own, and that it says what is known to be right."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.eager.calendar import DAY_MS, HOUR_MS
from tests.eager.model import NEVER_MS, Answer, Model

_HERE = Path(__file__).parent
_ALONE = {"tests.eager.calendar", "tests.eager.model"}
ALICE, TEAM = "alice", "team"
PHOENIX_MS = -7 * HOUR_MS


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def model_at(text: str, overdraft_limit: int = 0) -> Model:
    model = Model(at(text))
    model.open_account(ALICE, 0, overdraft_limit)
    return model


def fund(model: Model, amount: int, actor: str = ALICE) -> None:
    assert model.do("grant", actor, amount=amount, category="purchased", priority=10, ends_ms=NEVER_MS).amount == amount


def hold(model: Model, amount: int, ttl_ms: int) -> Answer:
    return model.do("hold", ALICE, amount=amount, minimum=None, ttl_ms=ttl_ms, app=None)


def charge(model: Model, cost: int, mode: str = "refuse") -> Answer:
    return model.do("charge", ALICE, cost=cost, mode=mode, app=None)


def allow(model: Model, amount: int, interval: str, rollover_maximum: int = 0) -> None:
    model.do("configure", ALICE, allowance=(amount, interval, 5, 0, rollover_maximum))


def available(model: Model) -> int:
    return model.accounts[ALICE].available


@pytest.mark.parametrize("name", ["model", "calendar"])
def test_the_model_imports_nothing_but_the_standard_library_and_its_own_calendar(name: str) -> None:
    tree = ast.parse((_HERE / f"{name}.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"collections.abc", "dataclasses", "datetime", "typing", *_ALONE}
    assert not any(isinstance(node, ast.Name) and node.id in {"__import__", "eval", "exec"} for node in ast.walk(tree))


def test_who_pays_after_a_hold_was_over_is_who_had_paid_for_the_hold() -> None:
    model = model_at("2026-03-10T10:00")
    model.do("grant", ALICE, amount=100, category="promotional", priority=1, ends_ms=at("2026-03-10T12:00"))
    fund(model, 100)
    hold(model, 100, 60_000)
    model.advance(at("2026-03-10T11:00"))
    assert charge(model, 80).drawn == {("promotional", 1, at("2026-03-10T12:00")): 80}
    model.advance(at("2026-03-10T12:00"))
    assert available(model) == 100


def test_a_late_capture_counts_whole_against_a_limit_that_did_not_know_of_the_hold() -> None:
    model = model_at("2026-03-10T10:00")
    fund(model, 1000)
    placed = hold(model, 80, HOUR_MS).hold
    model.do("configure", ALICE, limits=[(100, "day", None)])
    answer = model.do("capture", ALICE, hold=placed, amount=150, overrun="charge", if_expired="refuse")
    assert (answer.reason, answer.shortfall) == ("limit_exceeded", 50)


def test_refills_come_in_their_order_with_the_holds() -> None:
    model = model_at("2026-03-10T12:00", 10)
    allow(model, 20, "daily")
    hold(model, 30, DAY_MS)
    model.advance(at("2026-03-12T00:00") + 1000)
    assert model.accounts[ALICE].balance == (30, 0, 50, 0)


def test_an_answer_has_the_balance_of_the_moment() -> None:
    model = model_at("2026-03-10T12:00")
    fund(model, 200)
    hold(model, 100, 1000)
    model.advance(model.now_ms + 1300)
    assert charge(model, 80).balance == (120, 0, 200, 80)


def test_a_month_is_given_once_to_an_account_that_moves_west() -> None:
    model = model_at("2026-03-10T12:00")
    allow(model, 100, "monthly")
    model.advance(at("2026-03-31T12:00"))
    model.do("configure", ALICE, zone_offset_ms=PHOENIX_MS)
    model.advance(at("2026-04-20T12:00"))
    assert model.accounts[ALICE].funded == 100
    assert model.accounts[ALICE].given_until_ms == at("2026-05-01T07:00")


def test_what_is_left_of_a_lowered_allowance_is_gone_at_the_end_of_the_period() -> None:
    model = model_at("2026-03-10T12:00")
    allow(model, 100, "daily")
    allow(model, 20, "daily")
    model.advance(at("2026-03-10T23:59"))
    assert available(model) == 100
    model.advance(at("2026-03-11T00:00"))
    assert model.accounts[ALICE].balance == (20, 0, 100, 0)


def test_a_hold_that_returns_neither_warns_nor_arms_and_a_funding_that_leaves_less_warns_again() -> None:
    model = model_at("2026-03-10T12:00")
    fund(model, 1000)
    model.do("configure", ALICE, thresholds=[500])
    assert hold(model, 900, 1000).alerts == ()
    model.advance(model.now_ms + 1000)
    assert charge(model, 900).alerts == (500,)
    answer = model.do("grant", ALICE, amount=300, category="purchased", priority=10, ends_ms=NEVER_MS)
    assert answer.alerts == (500,)
    assert model.do("configure", ALICE, thresholds=[450, 500]).alerts == (450,)


def test_the_nearest_two_of_a_kind_become_one_so_that_a_purchase_always_has_room() -> None:
    model = model_at("2026-03-10T12:00")
    for day in (*range(1, 16), 20):
        ends_ms = model.now_ms + day * DAY_MS + (HOUR_MS if day > 7 else 0)
        model.do("grant", ALICE, amount=10, category="purchased", priority=10, ends_ms=ends_ms)
    assert model.do("grant", ALICE, amount=5, category="purchased", priority=10, ends_ms=NEVER_MS).outcome == "applied"
    grants = model.accounts[ALICE].in_order
    assert [(grant.ends_ms - model.now_ms) // DAY_MS for grant in grants][:2] == [2, 3]
    assert (len(grants), grants[0].left) == (16, 20)
    assert model.do("grant", ALICE, amount=5, category="promotional", priority=10, ends_ms=NEVER_MS).balance[0] == 170


def test_sixteen_grants_of_which_no_two_are_alike_leave_no_room() -> None:
    model = model_at("2026-03-10T12:00")
    grant = {"amount": 10, "category": "purchased", "ends_ms": NEVER_MS}
    for priority in range(16):
        model.do("grant", ALICE, **grant, priority=priority)
    answer = model.do("grant", ALICE, **grant, priority=16)
    assert (answer.outcome, answer.reason, available(model)) == ("nothing recorded", "too_many_grants", 160)


def test_work_that_outlived_its_hold_is_settled_in_one_call() -> None:
    model = model_at("2026-03-10T12:00")
    fund(model, 100)
    placed = hold(model, 80, 1000).hold
    model.advance(model.now_ms + 1000)
    late = {"hold": placed, "amount": 70, "overrun": "refuse"}
    assert model.do("capture", ALICE, **late, if_expired="refuse").reason == "hold_expired"
    assert charge(model, 50).outcome == "applied"
    assert model.do("capture", ALICE, **late, if_expired="charge").reason == "insufficient_credits"
    assert model.do("capture", ALICE, **late, if_expired="overdraw").balance == (-20, 0, 100, 120)
    assert model.do("capture", ALICE, **late, if_expired="overdraw").reason == "hold_captured"


def test_a_frozen_parent_is_said_before_a_short_one() -> None:
    model = model_at("2026-03-10T12:00")
    model.open_account(TEAM, 0, 0)
    fund(model, 100)
    model.do("configure", ALICE, parent=TEAM)
    model.do("configure", TEAM, is_frozen=True)
    answer = charge(model, 50)
    assert (answer.reason, answer.decided_by) == ("account_frozen", TEAM)
