"""GET /v1/alerts: what to look at in a tenant."""

import dataclasses
from collections.abc import Mapping
from io import StringIO
from typing import Any

import pytest

from tests.integration.callers import service
from tests.integration.world import FAILURE_QUEUES, SERVICE, World, client, failure_queue_url

ALICE, BOB = "user:alice", "user:bob"
ADMIN = service("credits/admin")
MINUTE_S = 60


def alerts(world: World, claims: Mapping[str, Any] = SERVICE) -> dict[str, Any]:
    answer = world.get("/v1/alerts", claims=claims)
    assert answer.status == 200
    return answer.body


def fell(world: World, actor: str) -> None:
    """Below one of two thresholds."""
    world.fund({"actor": actor, "old_amount": 0, "new_amount": 100})
    world.configure(actor, {"low_balance_thresholds": [50, 20]})
    world.cost({"actor": actor, "cost": 60})


def test_an_account_that_fell_below_a_threshold_is_told(world: World) -> None:
    fell(world, ALICE)
    world.settle()
    told = alerts(world)
    (low,) = told["low"]
    (charged,) = world.get(f"/v1/accounts/{ALICE}/entries", query={"kind": "charge"}).body["items"]
    assert low == {"actor": ALICE, "threshold": 50, "available": 40, "at": charged["at"]}
    assert told["low_complete"] is True


def test_an_account_that_was_refilled_is_not_told_any_more(world: World) -> None:
    fell(world, ALICE)
    fell(world, BOB)
    world.fund({"actor": ALICE, "amount": 50})
    world.settle()
    assert [each["actor"] for each in alerts(world)["low"]] == [BOB]


def test_the_balance_is_that_of_now_even_where_the_feed_is_behind(world: World) -> None:
    fell(world, ALICE)
    world.settle()
    world.cost({"actor": ALICE, "cost": 30})
    (low,) = alerts(world)["low"]
    assert (low["threshold"], low["available"]) == (20, 10)


def test_refusals_are_counted_checks_too(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 10})
    for number in range(3):
        world.cost({"actor": ALICE, "cost": 100}, key=f"k{number}")
    world.check({"actor": ALICE})
    world.limit(ALICE, [{"amount": 5, "window": "day"}])
    world.cost({"actor": ALICE, "cost": 6})
    world.cost({"actor": ALICE, "cost": 1})
    world.settle()
    refused = alerts(world)["refused"]
    assert refused["complete"] is True
    assert refused["items"] == [
        {"actor": ALICE, "reason": "insufficient_credits", "count": 4},
        {"actor": ALICE, "reason": "limit_exceeded", "count": 1},
    ]


def test_only_the_last_day_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fund({"actor": ALICE, "amount": 10})
    world.cost({"actor": ALICE, "cost": 100})
    world.settle()
    parts = world.modules["tenant"].runtime
    tomorrow_ms = parts.now_ms() + 25 * 3600 * 1000
    monkeypatch.setattr(world.modules["tenant"], "runtime", dataclasses.replace(parts, now_ms=lambda: tomorrow_ms))
    assert alerts(world)["refused"]["items"] == []


def test_holds_that_expire_soon_are_told_the_first_first(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 100})
    world.hold({"actor": ALICE, "amount": 10, "ttl_s": 14 * MINUTE_S})
    first = world.hold({"actor": ALICE, "amount": 20, "ttl_s": 5 * MINUTE_S}).body["hold"]
    world.hold({"actor": ALICE, "amount": 30, "ttl_s": 60 * MINUTE_S})
    world.change_hold(first["id"], "capture", {"actor": ALICE, "amount": 5, "final": False})
    holds = alerts(world)["expiring_holds"]
    assert [(each["id"], each["amount"], each["remaining"]) for each in holds["items"]] == [
        ("h3", 20, 15),
        ("h2", 10, 10),
    ]
    assert holds["items"][0] == {
        "actor": ALICE, "id": "h3", "amount": 20, "remaining": 15, "expires_at": first["expires_at"],
    }  # fmt: skip
    assert holds["complete"] is True


def test_tenants_do_not_see_each_other(world: World) -> None:
    fell(world, ALICE)
    world.cost({"actor": ALICE, "cost": 1000})
    world.hold({"actor": ALICE, "amount": 10})
    world.settle()
    told = alerts(world, service("credits/read", **{"custom:tenant": "other"}))
    assert (told["low"], told["refused"]["items"], told["expiring_holds"]["items"]) == ([], [], [])


def test_failure_queues_are_told_to_administrators_alone(world: World) -> None:
    told = alerts(world)
    assert "failure_queues" not in told
    assert told["withheld"] == {"failure_queues": "needs the scope credits/admin"}
    assert alerts(world, ADMIN)["failure_queues"] == []


def test_failure_queues_that_are_not_empty_are_told_with_how_much_is_in_them(world: World) -> None:
    for number, name in enumerate(FAILURE_QUEUES[1:4]):
        for each in range(number):
            client("sqs").send_message(QueueUrl=failure_queue_url(name), MessageBody=str(each))
    told = alerts(world, ADMIN)
    assert told["failure_queues"] == [
        {"name": "millicent-audit-failures", "messages": 1},
        {"name": "millicent-usage-failures", "messages": 2},
    ]
    assert "withheld" not in told


def test_a_message_that_somebody_looks_at_is_still_there(world: World) -> None:
    url = failure_queue_url(FAILURE_QUEUES[0])
    client("sqs").send_message(QueueUrl=url, MessageBody="m")
    client("sqs").receive_message(QueueUrl=url)
    assert alerts(world, ADMIN)["failure_queues"] == [{"name": FAILURE_QUEUES[0], "messages": 1}]


def test_queues_that_do_not_answer_cost_nothing_else(world: World, log: StringIO) -> None:
    fell(world, ALICE)
    world.settle()
    client("sqs").delete_queue(QueueUrl=failure_queue_url(FAILURE_QUEUES[0]))
    told = alerts(world, ADMIN)
    assert told["withheld"] == {"failure_queues": "the queues did not answer"}
    assert [each["actor"] for each in told["low"]] == [ALICE]
    assert "failure queues did not answer" in log.getvalue()


def test_amounts_are_texts_where_the_request_asks_for_it(world: World) -> None:
    fell(world, ALICE)
    world.hold({"actor": ALICE, "amount": 10})
    world.settle()
    told = world.get("/v1/alerts", query={"amounts": "string"}).body
    assert (told["low"][0]["threshold"], told["low"][0]["available"]) == ("50", "30")
    assert told["expiring_holds"]["items"][0]["remaining"] == "10"


def test_a_query_is_refused(world: World) -> None:
    answer = world.get("/v1/alerts", query={"limit": "5"})
    assert (answer.status, list(answer.errors)) == (422, ["query.limit"])
