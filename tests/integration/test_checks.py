import dataclasses
from collections.abc import Sequence
from decimal import Decimal

import pytest

from shared.ledger.events import Event
from shared.ledger.ids import REQUIREMENT
from shared.ports.ledger import Published
from tests.integration.world import World

ALICE = "user:alice"
PROBLEM = {"type", "title", "status", "detail", "code"}
"""Members of every problem document."""


class BrokenBus:
    def publish(self, events: Sequence[Event]) -> Published:
        return Published(tuple(range(len(events))))


def test_enough_credits_are_allowed(world: World) -> None:
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 100})
    answer = world.check({"actor": ALICE, "app": "chat"})
    check_id = answer.body["check_id"]
    assert answer.status == 200
    assert answer.body == {
        "allowed": True,
        "actor": ALICE,
        "minimum": 100,
        "available": 100,
        "held": 0,
        "spendable": 100,
        "reason": None,
        "check_id": check_id,
    }


def test_too_few_credits_are_a_value_and_no_error(world: World) -> None:
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": "99.999"})
    answer = world.check({"actor": ALICE})
    assert (answer.status, answer.body["allowed"], answer.body["reason"]) == (200, False, "insufficient_credits")


def test_an_unknown_actor_has_nothing_and_is_no_error(world: World) -> None:
    answer = world.check({"actor": "user:nobody", "minimum": "0.5"})
    assert (answer.status, answer.body["allowed"], answer.body["available"]) == (200, False, 0)


def test_a_refused_check_has_the_figures_of_the_refused_charge(world: World) -> None:
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 100})
    world.configure(ALICE, {"overdraft_limit": 20})
    world.limit(ALICE, [{"amount": 110, "window": "day", "app": "chat", "meter": "llm"}])
    for through in ({}, {"app": "chat"}, {"app": "chat", "meter": "llm"}):
        checked = world.check({"actor": ALICE, "minimum": "130.5", **through}).body
        problem = world.cost({"actor": ALICE, "cost": "130.5", **through}).body
        figures = {name: each for name, each in problem.items() if name not in PROBLEM}
        assert (checked["allowed"], checked["available"]) == (False, 100)
        assert checked == checked | figures
        assert checked["spendable"] == problem["largest_affordable"] == (110 if "meter" in through else 120)
        assert checked["shortfall"] == Decimal("130.5") - checked["spendable"]


def test_a_check_of_usage_asks_for_what_a_charge_of_it_would_cost(world: World) -> None:
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": "137.499"})
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
    checked = world.check({"actor": ALICE, "usage": usage}).body
    assert (checked["allowed"], checked["minimum"], checked["shortfall"]) == (False, Decimal("137.5"), Decimal("0.001"))
    assert checked["rate_card"].startswith("genai-prices@")
    world.fund({"actor": ALICE, "amount": "0.001"})
    assert world.check({"actor": ALICE, "usage": usage, "meter": "llm"}).body["allowed"]
    assert world.cost({"actor": ALICE, "usage": usage}).status == 201
    assert not world.check({"actor": ALICE, "usage": usage}).body["allowed"]


def test_a_limit_of_the_meter_of_the_usage_holds_for_its_check(world: World) -> None:
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 1000})
    world.limit(ALICE, [{"amount": 100, "meter": "llm"}])
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
    assert world.check({"actor": ALICE, "usage": usage}).body["reason"] == "limit_exceeded"


@pytest.mark.parametrize(
    ("asked", "errors"),
    [
        ({"minimum": 1, "usage": {"meter": "llm", "n": 1}}, {"$.usage": "must not be given together with minimum"}),
        ({"minimum": 100, "usage": {"meter": "llm", "n": 1}}, {"$.usage": "must not be given together with minimum"}),
        ({"usage": {"n": 1}}, {"$.usage.meter": f"must be {REQUIREMENT}"}),
        (
            {"usage": {"meter": "llm", "n": 1}, "meter": "gpu"},
            {"$.meter": "must equal the meter of the usage, or be omitted"},
        ),
        ({"meter": ""}, {"$.meter": f"must be {REQUIREMENT}"}),
    ],
)
def test_what_a_check_cannot_ask_is_named(world: World, asked: dict[str, object], errors: dict[str, str]) -> None:
    answer = world.check({"actor": ALICE, **asked})
    assert (answer.status, answer.errors) == (422, errors)


def test_a_check_of_usage_without_a_price_is_unpriced_as_its_charge(world: World) -> None:
    usage = {"meter": "teleport", "jumps": 1}
    checked, charged = world.check({"actor": ALICE, "usage": usage}), world.cost({"actor": ALICE, "usage": usage})
    assert (checked.status, checked.code) == (422, "unpriced")
    assert checked.body == charged.body
    assert world.bus_events() == []


def test_a_minimum_of_nothing_is_allowed_to_anyone(world: World) -> None:
    assert world.check({"actor": "user:nobody", "minimum": 0}).body["allowed"] is True


def test_credits_that_have_expired_do_not_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fund({"actor": ALICE, "amount": 500, "expires_at": "2099-01-01T00:00:00Z"})
    at_expiry = dataclasses.replace(world.modules["check"].runtime, now_ms=lambda: 4_070_908_800_000)
    monkeypatch.setattr(world.modules["check"], "runtime", at_expiry)
    assert world.check({"actor": ALICE}).body["available"] == 0


def test_a_check_changes_nothing(world: World) -> None:
    before = world.contents()
    world.check({"actor": ALICE})
    assert world.contents() == before


def test_a_check_is_published_with_the_answer_that_was_given(world: World) -> None:
    answer = world.check({"actor": ALICE, "minimum": "12.5"})
    [event] = world.bus_events()
    assert (event["source"], event["detail-type"]) == ("millicent", "credit.check-available")
    assert event["detail"]["data"] == answer.body
    assert event["detail"]["correlation_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(("publishing", "published"), [("all", [True, False]), ("refused", [False]), ("none", [])])
def test_which_checks_are_published_is_a_setting(
    world: World, monkeypatch: pytest.MonkeyPatch, publishing: str, published: list[bool]
) -> None:
    runtime = dataclasses.replace(world.modules["check"].runtime, check_events=publishing)
    monkeypatch.setattr(world.modules["check"], "runtime", runtime)
    world.check({"actor": ALICE, "minimum": 0})
    world.check({"actor": ALICE, "minimum": 1})
    assert [event["detail"]["data"]["allowed"] for event in world.bus_events()] == published


def test_a_bus_that_takes_nothing_never_fails_a_check(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = dataclasses.replace(world.modules["check"].runtime, bus=BrokenBus())
    monkeypatch.setattr(world.modules["check"], "runtime", runtime)
    assert world.check({"actor": ALICE, "minimum": 0}).body["allowed"] is True
    assert '"CheckEventsLost":[1.0]' in capsys.readouterr().out


def test_a_published_check_ends_in_the_audit_table(world: World) -> None:
    check_id = world.check({"actor": ALICE}).body["check_id"]
    assert world.invoke("audit", world.queue_event()) == {"batchItemFailures": []}
    [row] = world.contents()["audit"]
    assert row["sk"]["S"].endswith(f"#{check_id}")
