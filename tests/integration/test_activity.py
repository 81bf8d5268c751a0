"""GET /v1/activity: what happened in a tenant, from the queue to the answer."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

import pytest

from tests.integration.callers import end_user, service
from tests.integration.test_pipeline import forged_message
from tests.integration.world import ACTIVITY_TABLE, SERVICE, Answer, World, client

ALICE, BOB = "user:alice", "user:bob"
OTHER_TENANT: Mapping[str, Any] = service("credits/read credits/charge credits/fund", **{"custom:tenant": "other"})


def activity(world: World, claims: Mapping[str, Any] = SERVICE, /, **query: str) -> Answer:
    return world.get("/v1/activity", query=query, claims=claims)


def pages(world: World, **query: str) -> list[dict[str, Any]]:
    found = [activity(world, **query).body]
    while found[-1]["next"] is not None:
        found.append(activity(world, **query, after=found[-1]["next"]).body)
    return found


def items(world: World, **query: str) -> list[dict[str, Any]]:
    return [item for page in pages(world, **query) for item in page["items"]]


def told(listed: list[dict[str, Any]]) -> list[tuple[str, str, int | None]]:
    return [(item["kind"], item["actor"], item["seq"]) for item in listed]


def published(world: World) -> list[dict[str, Any]]:
    """The messages of everything that is on the ledger and on the bus."""
    world.invoke("outbox", world.stream_event())
    messages: list[dict[str, Any]] = world.queue_event()["Records"]
    return messages


def audit(world: World, *messages: Mapping[str, Any]) -> Any:
    return world.invoke("audit", {"Records": list(messages)})


@pytest.fixture
def busy(world: World) -> World:
    """A funding, a check, a charge and a refusal of Alice, and a funding of Bob."""
    world.fund({"actor": ALICE, "amount": 100, "reason": "a present"}, key="paid-in")
    world.check({"actor": ALICE})
    world.cost({"actor": ALICE, "cost": 10.5, "app": "chat", "meter": "llm"}, key="spent")
    world.cost({"actor": ALICE, "cost": 1000}, key="too-much")
    world.fund({"actor": BOB, "amount": 5})
    world.settle()
    return world


def test_entries_and_checks_are_listed_the_newest_first(busy: World) -> None:
    listed = items(busy)
    assert sorted(told(listed), key=str) == sorted(
        [
            ("grant", ALICE, 1), ("check", ALICE, None), ("charge", ALICE, 2), ("charge", ALICE, 3), ("grant", BOB, 1),
        ],
        key=str,
    )  # fmt: skip
    assert [item["at"] for item in listed] == sorted((item["at"] for item in listed), reverse=True)


def test_an_entry_is_told_as_the_account_shows_it(busy: World) -> None:
    (shown,) = [each for each in busy.get(f"/v1/accounts/{ALICE}/entries").body["items"] if each["key"] == "spent"]
    (line,) = [item for item in items(busy) if item["key"] == "spent"]
    same = ("actor", "at", "kind", "outcome", "reason", "amount", "available_after", "app", "meter", "by", "key", "seq")
    assert {name: line[name] for name in same} == {name: shown[name] for name in same}
    assert (line["type"], line["model"], "hold" in line, "low_balance" in line) == ("entry", None, False, False)


def test_the_id_of_an_item_is_that_of_its_event(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 100})
    world.check({"actor": ALICE})
    messages = published(world)
    audit(world, *messages)
    ids = {json.loads(each["body"])["detail"]["event_id"] for each in messages}
    assert {item["id"] for item in items(world)} == ids


def test_a_check_says_what_was_asked_and_answered(busy: World) -> None:
    (line,) = items(busy, kind="check")
    assert {name: line[name] for name in line if name not in {"id", "at", "check_id"}} == {
        "type": "check",
        "actor": ALICE,
        "kind": "check",
        "outcome": "allowed",
        "reason": None,
        "amount": None,
        "available_after": 100,
        "app": None,
        "meter": None,
        "model": None,
        "by": None,
        "key": None,
        "seq": None,
        "minimum": 100,
    }


def test_a_hold_a_member_and_a_threshold_are_told_with_their_entry(world: World) -> None:
    world.fund({"actor": "team:a", "amount": 1000})
    world.fund({"actor": ALICE, "amount": 100})
    world.configure(ALICE, {"parent": "team:a", "low_balance_thresholds": [60]})
    world.hold({"actor": ALICE, "amount": 10}, key="held")
    world.cost({"actor": ALICE, "cost": 50}, key="spent")
    world.settle()
    by_name = {(item["actor"], item["kind"]): item for item in items(world)}
    assert by_name[ALICE, "hold"]["hold"] == "h3"
    assert by_name[ALICE, "charge"]["low_balance"] == [60]
    assert by_name["team:a", "charge"]["member"] == ALICE


def test_items_of_many_batches_are_one_listing(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 100})
    for number in range(7):
        world.cost({"actor": ALICE, "cost": 1}, key=f"k{number}")
    for message in published(world):
        audit(world, message)
    assert [[item["seq"] for item in page["items"]] for page in pages(world, limit="3")] == [
        [8, 7, 6],
        [5, 4, 3],
        [2, 1],
    ]


def test_a_batch_is_listed_over_several_pages(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 100})
    for number in range(4):
        world.cost({"actor": ALICE, "cost": 1}, key=f"k{number}")
    world.settle()
    assert [[item["seq"] for item in page["items"]] for page in pages(world, limit="2")] == [[5, 4], [3, 2], [1]]


def test_what_comes_meanwhile_is_not_on_the_next_page_and_is_newer(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 100})
    world.cost({"actor": ALICE, "cost": 1}, key="first")
    world.settle()
    page = activity(world, limit="1").body
    world.cost({"actor": ALICE, "cost": 1}, key="second")
    world.settle()
    assert told(activity(world, limit="9", after=page["next"]).body["items"]) == [("grant", ALICE, 1)]
    assert 3 in [item["seq"] for item in activity(world, newer_than=page["newer"]).body["items"]]


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ({"kind": "charge"}, [3, 2]),
        ({"outcome": "refused"}, [3]),
        ({"kind": "charge", "outcome": "applied"}, [2]),
        ({"kind": "grant", "actor": BOB}, [1]),
        ({"outcome": "allowed"}, [None]),
        ({"kind": "refund"}, []),
        ({"actor": "user:nobody"}, []),
    ],
    ids=repr,
)
def test_filters_choose_by_kind_outcome_and_actor(busy: World, query: dict[str, str], seqs: list[int | None]) -> None:
    assert [item["seq"] for item in items(busy, **query)] == seqs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "spend"), ("kind", ""), ("outcome", "good"), ("limit", "0"), ("limit", "101"), ("actor", "a b"),
        ("after", "x"), ("after", "LXwtfC0"), ("newer_than", "abc"), ("color", "red"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_wrong_is_named(world: World, name: str, value: str) -> None:
    answer = activity(world, **{name: value})
    assert (answer.status, answer.code, list(answer.errors)) == (422, "validation_failed", [f"query.{name}"])


def test_an_event_that_comes_twice_and_a_batch_that_is_delivered_twice_are_told_once(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 100})
    world.check({"actor": ALICE})
    messages = published(world)
    audit(world, *messages, *({**each, "messageId": f"{each['messageId']}-again"} for each in messages))
    again = [{**each, "attributes": {"ApproximateReceiveCount": "2"}} for each in messages]
    audit(world, *again)
    assert sorted(item["kind"] for item in items(world)) == ["check", "grant"]


def test_a_batch_whose_delivery_failed_after_the_rows_is_told_by_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fund({"actor": ALICE, "amount": 100})
    messages = published(world)
    with monkeypatch.context() as killed:
        killed.setattr(world.modules["audit"], "keep_activity", _killed)
        with pytest.raises(SystemExit):
            audit(world, *messages)
    assert items(world) == []
    audit(world, *({**each, "attributes": {"ApproximateReceiveCount": "2"}} for each in messages))
    assert told(items(world)) == [("grant", ALICE, 1)]


def _killed(*_: object) -> None:
    raise SystemExit


def test_tenants_do_not_see_each_other(busy: World) -> None:
    busy.fund({"actor": "user:stranger", "amount": 1}, claims=OTHER_TENANT)
    busy.settle()
    assert told(activity(busy, OTHER_TENANT).body["items"]) == [("grant", "user:stranger", 1)]
    assert "user:stranger" not in {item["actor"] for item in items(busy)}
    foreign = activity(busy, limit="1").body
    later = activity(busy, OTHER_TENANT, after=foreign["next"]).body["items"]
    assert {item["actor"] for item in later} <= {"user:stranger"}


def test_an_end_user_sees_nothing_of_the_tenant(busy: World) -> None:
    for path in ("/v1/activity", "/v1/alerts"):
        answer = busy.get(path, claims=end_user())
        assert (answer.status, answer.code) == (403, "actor_not_allowed")


@pytest.mark.parametrize("path", ["/v1/activity", "/v1/alerts"])
@pytest.mark.parametrize(
    ("claims", "status"), [(None, 401), (service("credits/charge"), 403), (service("credits/admin"), 200)]
)
def test_the_scope_to_read_is_needed(world: World, path: str, claims: Mapping[str, Any] | None, status: int) -> None:
    assert world.get(path, claims=claims).status == status


def test_hostile_names_notes_and_metadata_are_text_and_change_nothing(world: World) -> None:
    actor, app = "<script>alert(1)</script>", "';--|=\u007b"
    world.fund({"actor": actor, "amount": 100, "reason": "\u202e\x00</td>☃\n" + "x" * 200}, key="|;=#"[:3])
    world.cost(
        {"actor": actor, "cost": 1, "app": app, "metadata": {"<b>": "\u202e" * 100, "id": "entry", "tenant": "other"}},
        key="=|=",
    )
    world.settle()
    charged, granted = items(world)
    assert (charged["actor"], charged["app"], charged["key"]) == (actor, app, "=|=")
    assert granted["reason"] == "\u202e\x00</td>☃\n" + "x" * 200
    assert "metadata" not in charged
    assert [len(page["items"]) for page in pages(world, limit="1")] == [1, 1]


def test_amounts_are_texts_where_the_request_asks_for_it(busy: World) -> None:
    (line,) = [item for item in items(busy, amounts="string") if item["key"] == "spent"]
    assert (line["amount"], line["available_after"], line["seq"]) == ("-10.5", "89.5", 2)
    (check,) = items(busy, kind="check", amounts="string")
    assert (check["minimum"], check["available_after"]) == ("100", "100")


@pytest.fixture
def broken_feed(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A feed whose table is gone."""
    client("dynamodb").delete_table(TableName=ACTIVITY_TABLE)
    feed = world.modules["audit"].runtime.feed
    with monkeypatch.context() as patched:
        patched.setattr(feed, "_deadline_ms", 0)
        yield world


def test_a_feed_that_fails_costs_no_audit_row_and_is_loud(
    broken_feed: World, log: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    world = broken_feed
    world.fund({"actor": ALICE, "amount": 100})
    world.check({"actor": ALICE})
    assert audit(world, *published(world)) == {"batchItemFailures": []}
    assert [item["seq"] for item in world.get(f"/v1/accounts/{ALICE}/audit").body["items"]] == [1]
    written = capsys.readouterr().out
    assert '"ActivityLinesLost":[2.0]' in written
    assert '"AuditRowsKept":[2.0]' in written
    assert "activity not kept" in log.getvalue()


def test_a_row_that_differs_is_not_in_the_feed(busy: World) -> None:
    before = told(items(busy))
    forged = {**forged_message(busy, seq=2), "attributes": {"ApproximateReceiveCount": "3"}}
    assert audit(busy, forged)["batchItemFailures"] != []
    assert told(items(busy)) == before


def test_a_listing_ends_where_the_feed_began(world: World) -> None:
    answer = activity(world)
    assert (answer.body["items"], answer.body["next"]) == ([], None)
    assert activity(world, newer_than=answer.body["newer"]).body["items"] == []


def test_the_clock_of_the_answer_is_before_its_reading(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that was written while it was read comes with the next poll, whatever its place."""
    page = activity(busy).body
    parts = busy.modules["tenant"].runtime
    later = dataclasses.replace(parts, now_ms=lambda: 10**13)
    monkeypatch.setattr(busy.modules["tenant"], "runtime", later)
    assert len(activity(busy, newer_than=page["newer"]).body["items"]) == 5
