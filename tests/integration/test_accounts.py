"""The list of a tenant's accounts: names, order, pages, filters, and who may see it."""

import dataclasses
import json
from typing import Any, Final, cast

import pytest
from click.testing import CliRunner

from millicent.aws import Stack
from millicent.cli import main
from millicent.cli.invocation import Invocation
from shared.edge.cursors import cursor
from tests.integration.world import LEDGER_TABLE, SERVICE, World, client, create_digests

ACCOUNTS: Final = "/v1/accounts"
OTHER_TENANT: Final = {**SERVICE, "custom:tenant": "other"}
END_USER: Final = {"sub": "user:alice", "client_id": "web", "scope": "credits/read credits/admin"}


def listed(world: World, claims: Any = SERVICE, **query: str) -> list[list[dict[str, Any]]]:
    """The items of all pages."""
    pages = [world.get(ACCOUNTS, claims=claims, query=query).body]
    while pages[-1]["next"] is not None:
        pages.append(world.get(ACCOUNTS, claims=claims, query={**query, "after": pages[-1]["next"]}).body)
    return [page["items"] for page in pages]


def names(world: World, claims: Any = SERVICE, **query: str) -> list[str]:
    return [item["actor"] for page in listed(world, claims, **query) for item in page]


@pytest.fixture
def few(world: World) -> World:
    """alice warns below 900 and 500 and has 600, bob is frozen, carol has a hold that expires, dave has nothing."""
    world.fund({"actor": "alice", "amount": 1000}, key="paid")
    world.configure("alice", {"low_balance_thresholds": [500, 900]})
    world.cost({"actor": "alice", "cost": 400})
    world.fund({"actor": "bob", "amount": 100})
    world.configure("bob", {"status": "frozen"})
    world.fund({"actor": "carol", "amount": 100})
    world.hold({"actor": "carol", "amount": 30, "ttl_s": 60})
    world.cost({"actor": "dave", "cost": 1})
    return world


def test_an_account_in_the_list_has_the_figures_that_reading_it_shows(few: World) -> None:
    answer = few.get(ACCOUNTS)
    assert (answer.status, answer.body["next"]) == (200, None)
    for item in answer.body["items"]:
        alone = few.get(f"{ACCOUNTS}/{item['actor']}").body
        assert {name: item[name] for name in ("available", "held", "funded", "spent", "seq")} == {
            name: alone[name] for name in ("available", "held", "funded", "spent", "seq")
        }
        newest = few.get(f"{ACCOUNTS}/{item['actor']}/entries", query={"limit": "1"}).body["items"][0]
        assert item["updated_at"] == newest["at"]
    assert [(item["actor"], item["status"], item["low"]) for item in answer.body["items"]] == [
        ("alice", "open", True),
        ("bob", "frozen", False),
        ("carol", "open", False),
        ("dave", "open", False),
    ]


def test_what_is_due_is_applied_as_in_the_account_itself(few: World, monkeypatch: pytest.MonkeyPatch) -> None:
    module = few.modules["accounts"]
    later_ms = module.runtime.now_ms() + 61_000
    monkeypatch.setattr(module, "runtime", dataclasses.replace(module.runtime, now_ms=lambda: later_ms))
    (carol,) = few.get(ACCOUNTS, query={"prefix": "c"}).body["items"]
    assert (carol["available"], carol["held"], carol["seq"]) == (100, 0, 2)
    alone = few.get(f"{ACCOUNTS}/carol").body
    assert (alone["available"], alone["held"], alone["seq"]) == (100, 0, 2)


def test_a_hold_makes_no_account_low_as_it_causes_no_warning(few: World) -> None:
    few.fund({"actor": "alice", "amount": 400})
    few.hold({"actor": "alice", "amount": 500})
    (alice,) = few.get(ACCOUNTS, query={"prefix": "alice"}).body["items"]
    assert (alice["available"], alice["held"], alice["low"]) == (500, 500, False)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "frozen"}, ["bob"]),
        ({"status": "open"}, ["alice", "carol", "dave"]),
        ({"low": "true"}, ["alice"]),
        ({"low": "false"}, ["bob", "carol", "dave"]),
        ({"low": "true", "status": "frozen"}, []),
        ({"low": "false", "status": "open", "limit": "1"}, ["carol", "dave"]),
        ({"prefix": ""}, ["alice", "bob", "carol", "dave"]),
        ({"prefix": "alice"}, ["alice"]),
        ({"prefix": "alicea"}, []),
    ],
)
def test_a_filter_leaves_out_the_others_and_nothing_else(
    few: World, query: dict[str, str], expected: list[str]
) -> None:
    assert names(few, **query) == expected


def test_a_tenant_sees_its_own_accounts_alone_in_pages(few: World) -> None:
    few.fund({"actor": "bob", "amount": 99}, claims=OTHER_TENANT)
    (page,) = listed(few, OTHER_TENANT)
    assert [(item["actor"], item["funded"]) for item in page] == [("bob", 99)]
    assert [[item["actor"] for item in page] for page in listed(few, limit="3")] == [
        ["alice", "bob", "carol"],
        ["dave"],
    ]
    assert [[item["actor"] for item in page] for page in listed(few, limit="2")] == [
        ["alice", "bob"],
        ["carol", "dave"],
    ]


def test_a_page_looks_at_so_many_accounts_and_may_be_empty_with_a_next(
    few: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.usecases.list_accounts.LOOKED_AT_MAX", 1)
    pages = listed(few, status="frozen")
    assert [[item["actor"] for item in page] for page in pages] == [[], ["bob"], [], []]


def test_an_end_user_is_told_why_it_may_not(world: World) -> None:
    answer = world.get(ACCOUNTS, claims=END_USER)
    assert (answer.status, answer.code) == (403, "actor_not_allowed")
    assert "credits/act" in answer.body["detail"]


def test_a_token_without_the_scope_is_refused(world: World) -> None:
    answer = world.get(ACCOUNTS, claims={**SERVICE, "scope": "credits/charge"})
    assert (answer.status, answer.code) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "query.limit"),
        ({"limit": "101"}, "query.limit"),
        ({"status": "closed"}, "query.status"),
        ({"low": "yes"}, "query.low"),
        ({"prefix": "a b"}, "query.prefix"),
        ({"prefix": "a" * 129}, "query.prefix"),
        ({"prefix": "#"}, "query.prefix"),
        ({"after": "no cursor"}, "query.after"),
        ({"after": cursor(b"12345678user:001")}, "query.after"),
        ({"after": cursor(b"")}, "query.after"),
        ({"after": cursor(b"12345678\xff")}, "query.after"),
        ({"actor": "alice"}, "query.actor"),
    ],
)
def test_bad_input_names_the_field(world: World, query: dict[str, str], field: str) -> None:
    answer = world.get(ACCOUNTS, query=query)
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert list(answer.errors) == [field]


def test_a_cursor_is_of_one_tenant_and_prefix_and_as_it_was_given(world: World) -> None:
    for number in range(3):
        world.fund({"actor": f"user:{number}", "amount": 10})
    given = world.get(ACCOUNTS, query={"prefix": "user:", "limit": "1"}).body["next"]
    altered = ("A" if given[0] != "A" else "B") + given[1:]
    wrong = [
        world.get(ACCOUNTS, claims=OTHER_TENANT, query={"prefix": "user:", "after": given}),
        world.get(ACCOUNTS, query={"prefix": "user", "after": given}),
        world.get(ACCOUNTS, query={"after": given}),
        world.get(ACCOUNTS, query={"prefix": "user:", "after": altered}),
        world.get(ACCOUNTS, query={"prefix": "user:", "after": given[:-1]}),
        world.get(ACCOUNTS, query={"prefix": "user:", "after": given + "="}),
    ]
    assert [(each.status, list(each.errors)) for each in wrong] == [(422, ["query.after"])] * len(wrong)
    assert names(world, prefix="user:", after=given, low="false") == ["user:1", "user:2"]


def test_an_account_whose_state_is_lost_is_left_out_and_reported(few: World, log: Any) -> None:
    key = {"pk": {"S": "TENANT#main#ACTOR#bob"}, "sk": {"S": "STATE"}}
    client("dynamodb").delete_item(TableName=LEDGER_TABLE, Key=key)
    assert names(few) == ["alice", "carol", "dave"]
    assert "record is damaged" in log.getvalue()
    assert '"actor":"bob"' in log.getvalue()


def test_an_account_whose_state_or_policy_cannot_be_read_does_not_hide_the_others(few: World) -> None:
    dynamodb = client("dynamodb")
    for actor, sk in (("carol", "STATE"), ("alice", "POLICY")):
        dynamodb.put_item(TableName=LEDGER_TABLE, Item={"pk": {"S": f"TENANT#main#ACTOR#{actor}"}, "sk": {"S": sk}})
    assert names(few) == ["bob", "dave"]


def test_what_somebody_else_put_into_the_index_is_not_listed(few: World) -> None:
    (begun,) = _begun("alice")
    for pk, sk in (("TENANT#main#ACTOR#alice", "BEGUM"), ("TENANT#other#ACTOR#eve", "BEGUN"), ("#", "BEGUN")):
        item = {"pk": {"S": pk}, "sk": {"S": sk}, "listed_in": begun["listed_in"]}
        client("dynamodb").put_item(TableName=LEDGER_TABLE, Item=item)
    assert names(few, limit="1") == ["alice", "bob", "carol", "dave"]


def test_an_account_is_listed_by_the_mark_that_it_has_begun_and_by_nothing_that_a_charge_writes(few: World) -> None:
    rows = client("dynamodb").scan(TableName=LEDGER_TABLE)["Items"]
    assert {row["sk"]["S"] for row in rows if "listed_in" in row} == {"BEGUN"}
    assert {row["listed_in"]["S"] for row in _begun("alice")} == {"TENANT#main#ACCOUNTS#3"}


def test_accounts_of_older_releases_are_listed_by_a_backfill_that_can_be_run_again(few: World) -> None:
    of_older_releases(few)
    few.fund({"actor": "new", "amount": 1})
    assert names(few) == ["new"]
    assert few.invoke("due", {"backfill": True}) == {"accounts": 5, "listed": 4, "next": None}
    assert names(few) == ["alice", "bob", "carol", "dave", "new"]
    assert few.invoke("due", {"backfill": True}) == {"accounts": 5, "listed": 0, "next": None}
    (alice,) = few.get(ACCOUNTS, query={"prefix": "alice"}).body["items"]
    assert (alice["updated_at"], alice["available"]) == (None, 600)
    few.cost({"actor": "alice", "cost": 1})
    (alice,) = few.get(ACCOUNTS, query={"prefix": "alice"}).body["items"]
    assert alice["updated_at"] is not None
    few.settle()
    few.count_usage()
    create_digests()
    assert few.invoke("reconcile", {"grace_s": 0})["findings"] == []


def test_a_backfill_can_be_stopped_after_any_page_and_goes_on(few: World, monkeypatch: pytest.MonkeyPatch) -> None:
    of_older_releases(few)
    unlisted = few.modules["due"].runtime.unlisted
    scan = unlisted._table.whole.scan
    monkeypatch.setattr(unlisted._table.whole, "scan", lambda **how: scan(page_size=1, **how))
    answers = [few.invoke("due", {"backfill": True, "budget_s": 0})]
    while answers[-1]["next"] is not None:
        answers.append(few.invoke("due", {"backfill": True, "budget_s": 0, "after": answers[-1]["next"]}))
    assert len(answers) > len("abcd")
    assert sum(each["listed"] for each in answers) == sum(each["accounts"] for each in answers) == len("abcd")
    assert names(few) == ["alice", "bob", "carol", "dave"]


def test_the_command_line_fills_in_until_all_is_done(few: World) -> None:
    of_older_releases(few)
    stack = cast("Stack", OfFunctions(few))
    result = CliRunner().invoke(main, ["backfill", "--part", "accounts", "--json"], obj=Invocation(stack=stack))
    assert result.exit_code == 0
    done = json.loads(result.stdout.splitlines()[-1])["items"]
    assert done == [{"part": "accounts", "looked_at": 4, "changed": 4, "next": None}]
    assert names(few) == ["alice", "bob", "carol", "dave"]
    again = CliRunner().invoke(main, ["backfill", "--part", "accounts"], obj=Invocation(stack=stack))
    assert (again.exit_code, "accounts" in again.stdout) == (0, True)
    wrong = CliRunner().invoke(main, ["backfill", "--after", "x"], obj=Invocation(stack=stack))
    assert (wrong.exit_code, "--after needs --part" in wrong.stderr) == (2, True)


@dataclasses.dataclass
class OfFunctions:
    """A stack whose functions are those of a world."""

    world: World

    def output(self, name: str) -> str:
        return name.removesuffix("FunctionName").lower()

    def invoke(self, function: str, request: dict[str, Any]) -> Any:
        return self.world.invoke(function, request)


def of_older_releases(world: World) -> None:
    """Every account as an older release wrote it: not listed, without a time; dave as one from before BEGUN."""
    dynamodb = client("dynamodb")
    for row in world.contents()[LEDGER_TABLE]:
        if row["sk"]["S"] in {"BEGUN", "STATE"}:
            older = {name: value for name, value in row.items() if name not in {"listed_in", "at"}}
            dynamodb.put_item(TableName=LEDGER_TABLE, Item=older)
    dynamodb.delete_item(TableName=LEDGER_TABLE, Key={"pk": {"S": "TENANT#main#ACTOR#dave"}, "sk": {"S": "BEGUN"}})


def _begun(actor: str) -> list[Any]:
    rows: list[Any] = client("dynamodb").scan(TableName=LEDGER_TABLE)["Items"]
    return [row for row in rows if row["sk"]["S"] == "BEGUN" and row["pk"]["S"].endswith(f"#{actor}")]
