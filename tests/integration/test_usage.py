"""What has been spent, by day, meter, app, model and member."""

import dataclasses
import json
from io import StringIO
from typing import Any

import pytest

from shared.adapters.usage_items import COUNTED_SK
from tests.integration.world import LEDGER_TABLE, USAGE_TABLE, World, client

ALICE = "user:alice"
TEAM = "team:a"
NOON_MS = 1_763_899_200_000
DAY_MS = 24 * 3600 * 1000
TODAY = "2025-11-23"


@pytest.fixture
def spent(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """It is the 23rd. Alice had 1000 and has used two meters in two apps; nothing of it is counted yet."""
    at(world, monkeypatch, NOON_MS)
    world.fund({"actor": ALICE, "amount": 1000})
    world.cost({"actor": ALICE, "cost": "42.125", "app": "chat", "meter": "llm"}, key="a")
    world.cost({"actor": ALICE, "cost": 10, "app": "chat", "meter": "search"}, key="b")
    world.cost({"actor": ALICE, "cost": 5, "app": "mail", "meter": "llm"}, key="c")
    world.refund({"actor": ALICE, "charge": "a", "amount": 2})
    return world


def at(world: World, monkeypatch: pytest.MonkeyPatch, now_ms: int) -> None:
    for function in ("cost", "funding", "holds", "policies", "history"):
        runtime = dataclasses.replace(world.modules[function].runtime, now_ms=lambda: now_ms)
        monkeypatch.setattr(world.modules[function], "runtime", runtime)


def usage(world: World, actor: str = ALICE, **query: str) -> dict[str, Any]:
    answer = world.get(f"/v1/accounts/{actor}/usage", query=query)
    assert answer.status == 200, answer.text
    return answer.body


def charged(found: dict[str, Any]) -> dict[str | None, Any]:
    return {item[found["group_by"]]: item["charged"] for item in found["items"]}


def test_usage_by_meter_sums_what_was_charged_and_given_back_and_says_how_far(spent: World) -> None:
    assert spent.count_usage() == {"batchItemFailures": []}
    found = usage(spent, group_by="meter")
    llm = {"meter": "llm", "charged": found["items"][0]["charged"], "refunded": 2, "net": found["items"][0]["net"]}
    assert found == {
        "actor": ALICE,
        "group_by": "meter",
        "from": "2025-10-25",
        "to": TODAY,
        "items": [{**llm, "count": 2}, {"meter": "search", "charged": 10, "refunded": 0, "net": 10, "count": 1}],
        "next": None,
        "counted_through": 5,
    }
    assert [str(llm["charged"]), str(llm["net"])] == ["47.125", "45.125"]


@pytest.mark.parametrize(
    ("group_by", "names"),
    [("app", ["chat", "mail"]), ("day", [TODAY]), ("member", [None]), ("meter", ["llm", "search"])],
)
def test_every_grouping_sums_up_to_the_same(spent: World, group_by: str, names: list[str | None]) -> None:
    spent.count_usage()
    found = usage(spent, group_by=group_by)
    assert [item[group_by] for item in found["items"]] == names
    assert str(sum(item["net"] for item in found["items"])) == "55.125"


def test_days_are_those_of_utc_and_the_ends_of_the_period_are_in_it(
    spent: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days in (1, 2, 40):
        at(spent, monkeypatch, NOON_MS + days * DAY_MS)
        spent.cost({"actor": ALICE, "cost": days, "meter": "llm"})
    spent.count_usage()
    assert charged(usage(spent, group_by="day", **{"from": TODAY, "to": "2025-11-24"})) == {
        TODAY: usage(spent, group_by="day", **{"from": TODAY, "to": TODAY})["items"][0]["charged"],
        "2025-11-24": 1,
    }
    assert charged(usage(spent, group_by="day")) == {"2026-01-02": 40}


def test_a_time_stands_for_its_day_and_the_end_of_a_day_for_the_day_that_it_ends(spent: World) -> None:
    path = f"/v1/accounts/{ALICE}/usage"
    given = {"from": "2026-01-02T23:30:00-01:00", "to": "2026-01-31T00:00:00Z"}
    answer = spent.get(path, query=given)
    assert (answer.status, answer.body["from"], answer.body["to"]) == (200, "2026-01-03", "2026-01-30")


def test_usage_of_a_team_is_told_by_member(world: World) -> None:
    world.fund({"actor": TEAM, "amount": 1000})
    for number, member in enumerate((ALICE, "user:bob"), start=1):
        world.fund({"actor": member, "amount": 1000})
        world.configure(member, {"parent": TEAM})
        world.cost({"actor": member, "cost": number, "meter": "llm"})
    world.cost({"actor": TEAM, "cost": 7})
    world.count_usage()
    assert charged(usage(world, TEAM, group_by="member")) == {None: 7, ALICE: 1, "user:bob": 2}
    assert charged(usage(world, TEAM)) == {None: 7, "llm": 3}


def test_a_capture_counts_and_what_returns_does_not(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 1000})
    hold = world.hold({"actor": ALICE, "amount": 100, "meter": "llm"}).body["hold"]["id"]
    world.change_hold(hold, "capture", {"actor": ALICE, "amount": 30})
    released = world.hold({"actor": ALICE, "amount": 50, "meter": "llm"}).body["hold"]["id"]
    world.change_hold(released, "release", {"actor": ALICE})
    world.count_usage()
    assert charged(usage(world)) == {"llm": 30}


def test_usage_is_told_in_pages(spent: World) -> None:
    spent.count_usage()
    first = usage(spent, limit="1")
    second = usage(spent, limit="1", after=first["next"])
    assert [[item["meter"] for item in page["items"]] for page in (first, second)] == [["llm"], ["search"]]
    assert second["next"] is None


def test_usage_that_nobody_has_counted_yet_says_so(spent: World) -> None:
    found = usage(spent)
    assert (found["items"], found["counted_through"]) == ([], 0)


def test_an_actor_without_a_record_has_no_usage(world: World) -> None:
    answer = world.get("/v1/accounts/user:nobody/usage")
    assert (answer.status, answer.code) == (404, "account_not_found")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"group_by": "hour"}, "query.group_by"),
        ({"from": "yesterday"}, "query.from"),
        ({"from": "2025-11-01T00:00:00"}, "query.from"),
        ({"to": "2025-02-30"}, "query.to"),
        ({"from": "2025-11-24", "to": TODAY}, "query.from"),
        ({"from": "2024-11-22", "to": TODAY}, "query.from"),
        ({"limit": "101"}, "query.limit"),
        ({"after": "bm90aGluZw"}, "query.after"),
        ({"after": "x"}, "query.after"),
        ({"meter": "llm"}, "query.meter"),
    ],
)
def test_a_question_that_cannot_be_answered_names_what_is_wrong(spent: World, query: dict[str, str], path: str) -> None:
    answer = spent.get(f"/v1/accounts/{ALICE}/usage", query=query)
    assert (answer.status, list(answer.errors)) == (422, [path])


def test_a_whole_year_with_its_leap_day_can_be_asked_for(spent: World) -> None:
    assert usage(spent, **{"from": "2024-01-01", "to": "2024-12-31"})["items"] == []
    assert usage(spent, to="0001-01-03")["from"] == "0001-01-01"


def test_events_that_come_again_late_or_out_of_order_change_nothing(spent: World) -> None:
    spent.invoke("outbox", spent.stream_event())
    records = spent.queue_event()["Records"]
    for again in (records[2:], records[::-1], records[:1], records):
        assert spent.invoke("usage", {"Records": again}) == {"batchItemFailures": []}
    assert str(charged(usage(spent))["llm"]) == "47.125"


def test_what_an_event_says_of_amounts_is_not_believed(spent: World) -> None:
    spent.invoke("outbox", spent.stream_event())
    records = spent.queue_event()["Records"]
    for each in records:
        envelope = json.loads(each["body"])
        envelope["detail"]["data"] = {"amount": -(10**9)}
        each["body"] = json.dumps(envelope)
    spent.invoke("usage", {"Records": records})
    assert str(charged(usage(spent))["llm"]) == "47.125"


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[]",
        json.dumps({"source": "others", "detail": {"tenant": "main", "actor": ALICE, "seq": 1}}),
        json.dumps({"source": "millicent", "detail": {"tenant": "main", "actor": "a#b", "seq": 1}}),
        json.dumps({"source": "millicent", "detail": {"tenant": "main", "actor": ALICE, "seq": True}}),
        json.dumps({"source": "millicent", "detail": {"tenant": "main", "actor": ALICE, "seq": 0}}),
        json.dumps({"source": "millicent", "detail": {"tenant": "main", "actor": ALICE, "seq": None}}),
    ],
)
def test_a_message_that_is_no_event_of_ours_is_reported_alone(world: World, log: StringIO, body: str) -> None:
    answer = world.invoke("usage", {"Records": [{"messageId": "m-1", "body": body}]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert '"result":"malformed"' in log.getvalue()


def test_an_event_about_an_entry_that_is_not_there_yet_comes_again(
    spent: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = dataclasses.replace(spent.modules["usage"].runtime, pause=lambda _: None)
    monkeypatch.setattr(spent.modules["usage"], "runtime", runtime)
    detail = {"tenant": "main", "actor": ALICE, "seq": 6}
    record = {"messageId": "m-1", "body": json.dumps({"source": "millicent", "detail": detail})}
    assert spent.invoke("usage", {"Records": [record]}) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert usage(spent)["counted_through"] == 5


def test_nothing_behind_an_altered_entry_is_counted(spent: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = dataclasses.replace(spent.modules["usage"].runtime, pause=lambda _: None)
    monkeypatch.setattr(spent.modules["usage"], "runtime", runtime)
    client("dynamodb").update_item(
        TableName=LEDGER_TABLE,
        Key={"pk": {"S": f"TENANT#main#ACTOR#{ALICE}"}, "sk": {"S": "OP#b"}},
        UpdateExpression="SET #r = :r",
        ExpressionAttributeNames={"#r": "record"},
        ExpressionAttributeValues={":r": {"S": "nothing"}},
    )
    detail = {"tenant": "main", "actor": ALICE, "seq": 5}
    record = {"messageId": "m-1", "body": json.dumps({"source": "millicent", "detail": detail})}
    assert spent.invoke("usage", {"Records": [record]})["batchItemFailures"]
    assert usage(spent)["counted_through"] == 2


def test_a_reader_costs_no_scan_of_entries(spent: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the listing of entries nor the number of them has a part in an answer."""
    spent.count_usage()
    for row in client("dynamodb").scan(TableName=LEDGER_TABLE)["Items"]:
        client("dynamodb").delete_item(TableName=LEDGER_TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    assert str(charged(usage(spent))["llm"]) == "47.125"


def test_the_table_has_one_item_a_day_with_all_its_sums_and_how_far_was_counted(spent: World) -> None:
    spent.count_usage()
    rows = {row["sk"]["S"]: row for row in client("dynamodb").scan(TableName=USAGE_TABLE)["Items"]}
    assert rows.keys() == {COUNTED_SK, f"DAY#{TODAY}"}
    day = rows[f"DAY#{TODAY}"]
    assert (day["through"], day["counted"]) == ({"N": "5"}, {"N": "5"})
    assert json.loads(day["sums"]["S"]) == {
        "day": {"": [57125, 2000, 3]},
        "app": {"chat": [52125, 2000, 2], "mail": [5000, 0, 1]},
        "meter": {"llm": [47125, 2000, 2], "search": [10000, 0, 1]},
        "model": {"": [57125, 2000, 3]},
        "member": {"": [57125, 2000, 3]},
    }


def test_usage_by_model_has_the_model_that_was_priced_and_one_row_for_all_else(spent: World) -> None:
    for key, model in (("d", "gpt-4o"), ("e", "gpt-4o-mini")):
        usage_of = {"meter": "llm", "model": model, "input_tokens": 1_000_000}
        assert spent.cost({"actor": ALICE, "usage": usage_of, "if_insufficient": "overdraw"}, key=key).status == 201
    spent.count_usage()
    found = usage(spent, group_by="model")
    by_model = {item["model"]: item["count"] for item in found["items"]}
    assert by_model == {None: 3, "gpt-4o": 1, "gpt-4o-mini": 1}
    assert sum(item["net"] for item in found["items"]) == usage(spent, group_by="day")["items"][0]["net"]
    first = usage(spent, group_by="model", limit="1")
    assert [item["model"] for item in first["items"]] == [None]
    second = usage(spent, group_by="model", limit="1", after=first["next"])
    assert [item["model"] for item in second["items"]] == ["gpt-4o"]
    third = usage(spent, group_by="model", limit="5", after=second["next"])
    assert [item["model"] for item in third["items"]] == ["gpt-4o-mini"]
