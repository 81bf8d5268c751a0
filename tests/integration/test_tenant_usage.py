"""What a whole tenant has spent, by day, meter, app, model and actor, and counted once."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.world import (
    BOARDS_BUCKET,
    SERVICE,
    USAGE_TABLE,
    World,
    client,
    stream_record,
)

ALICE, BOB, TEAM = "user:alice", "user:bob", "team:a"
NOON_MS = 1_763_899_200_000
DAY_MS = 24 * 3600 * 1000
TODAY = "2025-11-23"
NOTHING = {"charged": 0, "refunded": 0, "net": 0, "count": 0}


def at(world: World, monkeypatch: pytest.MonkeyPatch, now_ms: int) -> None:
    for function in ("cost", "funding", "holds", "policies", "history", "tenant"):
        runtime = dataclasses.replace(world.modules[function].runtime, now_ms=lambda: now_ms)
        monkeypatch.setattr(world.modules[function], "runtime", runtime)
    boards = world.modules["boards"].runtime
    desk = dataclasses.replace(boards.desk, now_ms=lambda: now_ms)
    monkeypatch.setattr(world.modules["boards"], "runtime", dataclasses.replace(boards, desk=desk))


@pytest.fixture
def spent(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """It is the 23rd. Alice and Bob had 1000 each and used two meters in two apps; nothing of it is counted."""
    at(world, monkeypatch, NOON_MS)
    for actor in (ALICE, BOB):
        world.fund({"actor": actor, "amount": 1000})
    world.cost({"actor": ALICE, "cost": 42, "app": "chat", "meter": "llm"}, key="a")
    world.cost({"actor": ALICE, "cost": 10, "app": "chat", "meter": "search"}, key="b")
    world.cost({"actor": BOB, "cost": 50, "app": "mail", "meter": "llm"}, key="c")
    world.refund({"actor": ALICE, "charge": "a", "amount": 2})
    return world


def usage(world: World, **query: str) -> dict[str, Any]:
    answer = world.get("/v1/usage", query=query)
    assert answer.status == 200, answer.text
    return answer.body


def net(found: Mapping[str, Any]) -> dict[str | None, Any]:
    return {item[found["group_by"]]: item["net"] for item in found["items"]}


def test_the_sums_of_a_tenant_are_those_of_its_accounts(spent: World) -> None:
    spent.count_boards()
    llm = {"meter": "llm", "charged": 92, "refunded": 2, "net": 90, "count": 2}
    assert usage(spent) == {
        "group_by": "meter",
        "from": "2025-10-25",
        "to": TODAY,
        "items": [llm, {"meter": "search", "charged": 10, "refunded": 0, "net": 10, "count": 1}],
        "next": None,
        "through_members": NOTHING,
        "counted_at": "2025-11-23T12:00:00.000Z",
    }
    assert net(usage(spent, group_by="app")) == {"chat": 50, "mail": 50}
    assert net(usage(spent, group_by="day")) == {TODAY: 100}
    assert net(usage(spent, group_by="model")) == {None: 100}


def test_actors_are_ranked_by_what_they_spent_and_then_by_name_over_pages(spent: World) -> None:
    spent.fund({"actor": "user:carl", "amount": 1000})
    spent.cost({"actor": "user:carl", "cost": 60})
    spent.count_boards()
    first = usage(spent, group_by="actor", limit="2")
    assert (first["from"], first["to"]) == ("2025-11-01", "2025-11-30")
    assert list(net(first).items()) == [("user:carl", 60), (ALICE, 50)]
    second = usage(spent, group_by="actor", limit="2", after=first["next"])
    assert (net(second), second["next"]) == ({BOB: 50}, None)
    assert net(usage(spent, group_by="actor", **{"from": TODAY, "to": TODAY})) == {"user:carl": 60, ALICE: 50, BOB: 50}
    assert net(usage(spent, group_by="actor", to=TODAY)) == {"user:carl": 60, ALICE: 50, BOB: 50}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"group_by": "actor", "from": "2025-11-01", "to": TODAY}, "query.to"),
        ({"group_by": "actor", "from": "2025-10-01", "to": "2025-11-30"}, "query.to"),
        ({"group_by": "actor", "after": "NA"}, "query.after"),
        ({"group_by": "meter", "after": "NA"}, "query.after"),
        ({"group_by": "member"}, "query.group_by"),
        ({"from": "2024-01-01", "to": TODAY}, "query.from"),
        ({"form": "2025-11-01"}, "query.form"),
    ],
)
def test_a_query_that_cannot_be_answered_names_its_field(spent: World, query: dict[str, str], path: str) -> None:
    answer = spent.get("/v1/usage", query=query)
    assert (answer.status, list(answer.errors)) == (422, [path])


def test_an_end_user_sees_no_sums_of_the_tenant(spent: World) -> None:
    answer = spent.get("/v1/usage", claims={"sub": ALICE, "scope": "credits/read"})
    assert (answer.status, answer.code) == (403, "actor_not_allowed")


def test_tenants_never_see_each_other(spent: World) -> None:
    spent.count_boards()
    other = spent.get("/v1/usage", claims={**SERVICE, "custom:tenant": "other"})
    assert (other.body["items"], other.body["counted_at"]) == ([], None)


def test_records_of_the_stream_that_come_twice_or_in_another_order_are_counted_once(spent: World) -> None:
    spent.count_usage()
    older = spent.usage_stream_event()["Records"]
    spent.cost({"actor": ALICE, "cost": 5})
    spent.count_usage()
    newer = spent.usage_stream_event()["Records"]
    for records in (newer, older, [*older, *newer], newer):
        spent.invoke("boards", {"Records": records})
    assert net(usage(spent, group_by="day")) == {TODAY: 105}


def test_what_a_stream_lost_is_made_up_for_by_the_next_record_of_the_account(spent: World) -> None:
    spent.count_usage()
    spent.cost({"actor": ALICE, "cost": 5})
    spent.cost({"actor": BOB, "cost": 5})
    spent.count_boards()
    assert net(usage(spent, group_by="day")) == {TODAY: 110}


def test_late_usage_and_months_apart_are_in_their_days(spent: World, monkeypatch: pytest.MonkeyPatch) -> None:
    spent.cost({"actor": ALICE, "cost": 7, "occurred_at": "2025-10-31T10:00:00Z"})
    spent.count_boards()
    found = usage(spent, group_by="day", **{"from": "2025-10-01", "to": TODAY})
    assert net(found) == {"2025-10-31": 7, TODAY: 100}
    assert net(usage(spent, group_by="actor", **{"from": "2025-10-01", "to": "2025-10-31"})) == {ALICE: 7}


def test_names_for_which_a_day_has_no_room_are_in_the_sums_too(spent: World) -> None:
    for number in range(60):
        spent.cost({"actor": ALICE, "cost": 1, "meter": f"meter-of-a-long-name-{number:02}"})
    spent.count_boards()
    found = usage(spent, limit="100")
    assert len([each for each in found["items"] if each["meter"].startswith("meter-of")]) == 60
    assert sum(net(found).values()) == sum(net(usage(spent, group_by="day")).values()) == 160


def test_what_a_parent_paid_for_members_is_told_since_it_is_on_both_accounts(spent: World) -> None:
    spent.fund({"actor": TEAM, "amount": 1000})
    spent.configure(ALICE, {"parent": TEAM})
    spent.cost({"actor": ALICE, "cost": 20})
    spent.count_boards()
    found = usage(spent, group_by="day")
    assert net(found) == {TODAY: 140}
    assert found["through_members"] == {"charged": 20, "refunded": 0, "net": 20, "count": 1}


def test_a_backfill_builds_the_boards_of_what_was_counted_before_there_were_any(spent: World) -> None:
    spent.count_usage()
    assert usage(spent)["items"] == []
    done = spent.invoke("boards", {"backfill": True})
    assert (done["items"], done["malformed"], done["next"]) == (2, [], None)
    assert net(usage(spent, group_by="actor")) == {ALICE: 50, BOB: 50}
    assert spent.invoke("boards", {"backfill": True})["boards"] == 0


def test_a_backfill_builds_a_board_anew_whose_texts_are_gone(spent: World) -> None:
    spent.count_boards()
    s3 = client("s3")
    for each in s3.list_objects_v2(Bucket=BOARDS_BUCKET)["Contents"]:
        s3.delete_object(Bucket=BOARDS_BUCKET, Key=each["Key"])
    assert spent.get("/v1/usage").status == 503
    spent.invoke("boards", {"backfill": True})
    assert net(usage(spent, group_by="actor")) == {ALICE: 50, BOB: 50}


def test_sums_that_an_operator_deletes_are_taken_out_and_count_again_as_they_come(spent: World) -> None:
    spent.count_boards()
    dynamodb = client("dynamodb")
    key = {"pk": {"S": f"TENANT#main#ACTOR#{ALICE}"}, "sk": {"S": f"DAY#{TODAY}"}}
    dynamodb.delete_item(TableName=USAGE_TABLE, Key=key)
    removal = stream_record(1, key, "REMOVE")
    del removal["dynamodb"]["NewImage"]
    spent.invoke("boards", {"Records": [removal]})
    assert net(usage(spent, group_by="actor")) == {BOB: 50}
    dynamodb.delete_item(TableName=USAGE_TABLE, Key=key | {"sk": {"S": "COUNTED"}})
    spent.count_boards()
    assert net(usage(spent, group_by="actor")) == {ALICE: 50, BOB: 50}


def test_a_record_without_sums_does_not_hold_up_the_others(spent: World) -> None:
    spent.count_usage()
    event = spent.usage_stream_event()
    bad = {"pk": {"S": "TENANT#main#ACTOR#user:x"}, "sk": {"S": "DAY#2025-11-23"}, "sums": {"S": "?"}}
    spent.invoke("boards", {"Records": [stream_record(1, bad), *event["Records"]]})
    assert net(usage(spent, group_by="day")) == {TODAY: 100}


def test_the_bucket_has_no_more_than_the_texts_of_now_and_of_the_change_before(spent: World) -> None:
    for _ in itertools.repeat(None, 5):
        spent.cost({"actor": ALICE, "cost": 1})
        spent.count_boards()
    # Two shards of one month, each with its day, its actors and its totals.
    assert client("s3").list_objects_v2(Bucket=BOARDS_BUCKET)["KeyCount"] <= 2 * 2 * 3


def test_a_tenant_with_any_name_has_its_sums(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at(world, monkeypatch, NOON_MS)
    for tenant in ("..", "a/b%2F?", "main"):
        claims = {**SERVICE, "custom:tenant": tenant}
        world.fund({"actor": ALICE, "amount": 100}, claims=claims)
        world.cost({"actor": ALICE, "cost": 3}, claims=claims)
    world.count_boards()
    for tenant in ("..", "a/b%2F?", "main"):
        found = world.get("/v1/usage", query={"group_by": "actor"}, claims={**SERVICE, "custom:tenant": tenant})
        assert net(found.body) == {ALICE: 3}
