import dataclasses
from typing import Any

import pytest

from tests.integration.world import AUDIT_TABLE, World, client
from tests.rows import with_replaced

ALICE = "user:alice"
PK = f"TENANT#main#ACTOR#{ALICE}"


@pytest.fixture
def busy(world: World) -> World:
    """Alice has seven entries, all of them audited: a funding, five charges, a refusal."""
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 100}, key="paid-in")
    for number in range(5):
        world.cost({"actor": ALICE, "cost": 10}, key=f"charge-{number}")
    world.cost({"actor": ALICE, "cost": 1000}, key="too-much")
    world.settle()
    return world


def pages(world: World, path: str, **query: str) -> list[dict[str, Any]]:
    found = [world.get(path, query=query).body]
    while found[-1]["next"] is not None:
        found.append(world.get(path, query={**query, "after": found[-1]["next"]}).body)
    return found


def seqs(found: list[dict[str, Any]]) -> list[list[int]]:
    return [[item["seq"] for item in page["items"]] for page in found]


def test_an_account_shows_its_balances_and_grants(busy: World) -> None:
    answer = busy.get(f"/v1/accounts/{ALICE}")
    assert answer.status == 200
    assert answer.body == {
        "actor": ALICE,
        "available": 50,
        "held": 0,
        "funded": 100,
        "spent": 50,
        "overdraft_limit": 0,
        "grants": [
            {"id": "g1", "amount": 100, "remaining": 50, "priority": 10, "category": "purchased", "expires_at": None}
        ],
        "holds": [],
        "seq": 7,
    }


def test_an_account_shows_no_credits_that_have_expired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fund({"actor": ALICE, "amount": 500, "expires_at": "2099-01-01T00:00:00Z"})
    at_expiry = dataclasses.replace(world.modules["accounts"].runtime, now_ms=lambda: 4_070_908_800_000)
    monkeypatch.setattr(world.modules["accounts"], "runtime", at_expiry)
    shown = world.get(f"/v1/accounts/{ALICE}").body
    assert (shown["available"], shown["grants"], shown["funded"]) == (0, [], 500)


def test_an_escaped_actor_in_the_path_is_the_same_actor(busy: World) -> None:
    assert busy.get("/v1/accounts/user%3Aalice").body["actor"] == ALICE


@pytest.mark.parametrize("listing", ["", "/entries", "/audit"])
def test_an_actor_without_a_record_has_no_account(busy: World, listing: str) -> None:
    answer = busy.get(f"/v1/accounts/user:nobody{listing}")
    assert (answer.status, answer.code) == (404, "account_not_found")


@pytest.mark.parametrize("listing", ["entries", "audit"])
def test_a_listing_goes_back_page_by_page_to_the_first_entry(busy: World, listing: str) -> None:
    path = f"/v1/accounts/{ALICE}/{listing}"
    assert seqs(pages(busy, path, limit="3")) == [[7, 6, 5], [4, 3, 2], [1]]
    assert seqs(pages(busy, path, limit="7")) == [[7, 6, 5, 4, 3, 2, 1]]
    assert seqs(pages(busy, path)) == [[7, 6, 5, 4, 3, 2, 1]]


def test_entries_show_what_was_there_before_and_after(busy: World) -> None:
    newest, before_it, *_ = busy.get(f"/v1/accounts/{ALICE}/entries").body["items"]
    assert (newest["outcome"], newest["reason"], newest["amount"]) == ("refused", "insufficient_credits", 0)
    assert (before_it["available_before"], before_it["available_after"]) == (60, 50)


def test_entries_can_be_of_one_kind(busy: World) -> None:
    path = f"/v1/accounts/{ALICE}/entries"
    assert seqs(pages(busy, path, kind="funding_update")) == [[1]]
    assert seqs(pages(busy, path, kind="charge", limit="4")) == [[7, 6, 5, 4], [3, 2]]


def test_entries_can_be_of_one_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for second in range(4):
        runtime = dataclasses.replace(
            world.modules["funding"].runtime, now_ms=lambda at=second: 1_763_900_000_000 + at * 1000
        )
        monkeypatch.setattr(world.modules["funding"], "runtime", runtime)
        world.fund({"actor": ALICE, "amount": 1})
    found = pages(
        world, f"/v1/accounts/{ALICE}/entries", **{"from": "2025-11-23T12:13:21Z", "to": "2025-11-23T13:13:23+01:00"}
    )
    assert seqs(found) == [[3, 2]]


def test_a_filter_that_nothing_meets_is_an_empty_page(busy: World) -> None:
    answer = busy.get(f"/v1/accounts/{ALICE}/entries", query={"kind": "grant"})
    assert (answer.status, answer.body) == (200, {"items": [], "next": None})


def test_audit_rows_are_the_entries_and_verified(busy: World) -> None:
    entries = busy.get(f"/v1/accounts/{ALICE}/entries").body["items"]
    audit = busy.get(f"/v1/accounts/{ALICE}/audit").body
    assert (audit["items"], audit["verified"]) == (entries, True)


def test_every_page_of_the_audit_is_verified(busy: World) -> None:
    assert [page["verified"] for page in pages(busy, f"/v1/accounts/{ALICE}/audit", limit="3")] == [True, True, True]


def test_an_account_whose_audit_rows_are_under_way_is_pending_and_empty(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 1})
    shown = world.get(f"/v1/accounts/{ALICE}/audit").body
    assert shown == {"items": [], "next": None, "verified": "pending", "verified_through": 0}


def test_rows_below_one_that_is_under_way_are_verified_through(busy: World) -> None:
    remove_audit_row(5)
    shown = busy.get(f"/v1/accounts/{ALICE}/audit").body
    assert (shown["verified"], shown["verified_through"]) == ("pending", 4)


@pytest.fixture
def after_the_grace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not audited by now is missing."""
    runtime = world.modules["history"].runtime
    later = dataclasses.replace(runtime, now_ms=lambda: runtime.now_ms() + runtime.audit_grace_ms)
    monkeypatch.setattr(world.modules["history"], "runtime", later)


def remove_audit_row(seq: int) -> None:
    client("dynamodb").delete_item(TableName=AUDIT_TABLE, Key={"pk": {"S": PK}, "sk": {"S": f"SEQ#{seq:012d}"}})


@pytest.mark.parametrize("missing", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("limit", ["2", "3", "100"])
@pytest.mark.usefixtures("after_the_grace")
def test_a_missing_audit_row_is_seen_on_some_page(busy: World, missing: int, limit: str) -> None:
    remove_audit_row(missing)
    assert False in [page["verified"] for page in pages(busy, f"/v1/accounts/{ALICE}/audit", limit=limit)]


@pytest.mark.parametrize(("removed", "items"), [((4,), [3, 2]), ((1, 2, 3, 4), [])])
@pytest.mark.usefixtures("after_the_grace")
def test_a_page_must_begin_where_the_one_before_it_ended(
    world: World, removed: tuple[int, ...], items: list[int]
) -> None:
    for number in range(6):
        world.fund({"actor": ALICE, "amount": 1}, key=f"grant-{number}")
    world.settle()
    path = f"/v1/accounts/{ALICE}/audit"
    after_five = world.get(path, query={"limit": "2"}).body["next"]
    for seq in removed:
        remove_audit_row(seq)
    page = world.get(path, query={"limit": "2", "after": after_five}).body
    assert [item["seq"] for item in page["items"]] == items
    assert page["verified"] is False


def test_an_altered_audit_row_is_seen(busy: World) -> None:
    dynamodb = client("dynamodb")
    key: Any = {"pk": {"S": PK}, "sk": {"S": "SEQ#000000000003"}}
    row = dynamodb.get_item(TableName=AUDIT_TABLE, Key=key)["Item"]
    dynamodb.put_item(TableName=AUDIT_TABLE, Item=with_replaced(row, "10000", "20000"))
    verified = [page["verified"] for page in pages(busy, f"/v1/accounts/{ALICE}/audit", limit="3")]
    assert verified == [True, False, True]


@pytest.mark.parametrize("record", ["garbage", "{}", "[]", None])
def test_an_audit_row_that_is_no_entry_any_more_is_seen_and_the_others_are_shown(
    busy: World, record: str | None
) -> None:
    table = client("dynamodb")
    key = {"pk": {"S": PK}, "sk": {"S": "SEQ#000000000003"}}
    item = table.get_item(TableName=AUDIT_TABLE, Key=key)["Item"]
    altered = {name: value for name, value in item.items() if name != "record"}
    table.put_item(TableName=AUDIT_TABLE, Item=altered | ({"record": {"S": record}} if record else {}))
    found = pages(busy, f"/v1/accounts/{ALICE}/audit", limit="2")
    assert [seq for page in seqs(found) for seq in page] == [7, 6, 5, 4, 2, 1]
    assert False in [page["verified"] for page in found]


def test_what_the_ledger_did_by_itself_can_be_looked_up(world: World) -> None:
    world.fund({"actor": ALICE, "amount": 10, "expires_at": "2099-01-01T00:00:00Z"})
    world.hold({"actor": ALICE, "amount": 10, "ttl_s": 1})
    runtime = world.modules["cost"].runtime
    later = dataclasses.replace(runtime, now_ms=lambda: runtime.now_ms() + 2000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.modules["cost"], "runtime", later)
        world.cost({"actor": ALICE, "cost": 10})
    answer = world.get("/v1/operations/~expire-h2", query={"actor": ALICE})
    assert (answer.status, answer.body["entry"]["kind"]) == (200, "expire")


def test_an_operation_tells_what_became_of_it(busy: World) -> None:
    answer = busy.get("/v1/operations/charge-0", query={"actor": ALICE})
    assert (answer.status, answer.body["status"], answer.body["entry"]["amount"]) == (200, 201, -10)
    assert answer.body["balance"] == {"available": 90, "held": 0, "funded": 100, "spent": 10}
    assert "problem" not in answer.body


def test_a_refused_operation_tells_the_problem_that_was_answered(busy: World) -> None:
    first = busy.cost({"actor": ALICE, "cost": 1000}, key="too-much")
    found = busy.get("/v1/operations/too-much", query={"actor": ALICE}).body
    assert (found["status"], found["problem"], found["entry"]["outcome"]) == (402, first.body, "refused")


def test_an_operation_that_was_never_recorded_is_not_found(busy: World) -> None:
    answer = busy.get("/v1/operations/never", query={"actor": ALICE})
    assert (answer.status, answer.code) == (404, "operation_not_found")


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (f"/v1/accounts/{ALICE}", {"limit": "1"}, {"query.limit"}),
        (f"/v1/accounts/{ALICE}/entries", {"limit": "0"}, {"query.limit"}),
        (f"/v1/accounts/{ALICE}/entries", {"limit": "101"}, {"query.limit"}),
        (f"/v1/accounts/{ALICE}/entries", {"limit": "٣"}, {"query.limit"}),
        (f"/v1/accounts/{ALICE}/entries", {"limit": "1.0"}, {"query.limit"}),
        (f"/v1/accounts/{ALICE}/entries", {"limit": ""}, {"query.limit"}),
        (f"/v1/accounts/{ALICE}/entries", {"limit": "1,2"}, {"query.limit"}),
        (f"/v1/accounts/{ALICE}/entries", {"kind": "gift", "page": "2"}, {"query.kind", "query.page"}),
        (f"/v1/accounts/{ALICE}/entries", {"after": "5"}, {"query.after"}),
        (f"/v1/accounts/{ALICE}/entries", {"after": "!"}, {"query.after"}),
        (f"/v1/accounts/{ALICE}/entries", {"after": "MDU"}, {"query.after"}),
        (f"/v1/accounts/{ALICE}/entries", {"from": "2025-01-01T00:00:00"}, {"query.from"}),
        (f"/v1/accounts/{ALICE}/entries", {"from": "yesterday", "to": "1"}, {"query.from", "query.to"}),
        (f"/v1/accounts/{ALICE}/audit", {"limit": "-1", "kind": "charge"}, {"query.limit", "query.kind"}),
        (f"/v1/accounts/{ALICE}/audit", {"after": "OTk5OTk5OTk5OTk5OTk5OTk5"}, {"query.after"}),
        ("/v1/accounts/user%23alice", {}, {"path.actor"}),
        ("/v1/accounts/user٣", {}, {"path.actor"}),
        ("/v1/accounts/" + "a" * 129, {}, {"path.actor"}),
        ("/v1/operations/charge-0", {}, {"query.actor"}),
        ("/v1/operations/charge-0", {"actor": "a#b"}, {"query.actor"}),
        ("/v1/operations/expire~1", {"actor": ALICE}, {"path.key"}),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(busy: World, path: str, query: dict[str, str], named: set[str]) -> None:
    answer = busy.get(path, query=query)
    assert (answer.status, answer.code, set(answer.errors)) == (422, "validation_failed", named)


def test_health_is_open(world: World) -> None:
    answer = world.get("/v1/health", claims=None)
    assert (answer.status, answer.body) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/account"), ("DELETE", f"/v1/accounts/{ALICE}"), ("GET", "/v1/cost")]
)
def test_a_call_that_does_not_exist_is_a_problem_too(world: World, method: str, path: str) -> None:
    answer = world.call(method, path)
    assert (answer.status, answer.code) == (404, "route_not_found")
    assert answer.headers["X-Request-Id"]
