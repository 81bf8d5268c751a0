"""The list of a tenant's accounts: names, order, pages, filters, and who may see it."""

import dataclasses
import string
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

import pytest

from shared.edge.cursors import cursor
from shared.ledger import ids
from tests.integration.conftest import stack
from tests.integration.world import LEDGER_TABLE, SERVICE, World, client

ACCOUNTS: Final = "/v1/accounts"
CHARACTERS: Final = [each for each in string.printable if ids.is_id(each)]
OTHER_TENANT: Final = {**SERVICE, "custom:tenant": "other"}
END_USER: Final = {"sub": "user:alice", "client_id": "web", "scope": "credits/read credits/admin"}
PAGES_OF_ALL: Final = 20
MANY: Final = [f"user:{number:03}" for number in range(250)]


def listed(world: World, claims: Any = SERVICE, **query: str) -> list[list[dict[str, Any]]]:
    """The items of all pages."""
    pages = [world.get(ACCOUNTS, claims=claims, query=query).body]
    while pages[-1]["next"] is not None:
        pages.append(world.get(ACCOUNTS, claims=claims, query={**query, "after": pages[-1]["next"]}).body)
    return [page["items"] for page in pages]


def names(world: World, claims: Any = SERVICE, **query: str) -> list[str]:
    return [item["actor"] for page in listed(world, claims, **query) for item in page]


@pytest.fixture(scope="module")
def crowded(modules: dict[str, ModuleType]) -> Iterator[World]:
    """250 accounts, an account for every character that a name may have, and one of another tenant."""
    with stack(modules) as world:
        for actor in MANY:
            world.fund({"actor": actor, "amount": 10})
        for character in CHARACTERS:
            world.fund({"actor": character, "amount": 10})
            world.fund({"actor": f"odd{character}", "amount": 10})
        world.fund({"actor": "user:000", "amount": 99}, claims=OTHER_TENANT)
        world.fund({"actor": "user:elsewhere", "amount": 99}, claims=OTHER_TENANT)
        yield world


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


@pytest.mark.parametrize("limit", range(1, 101))
def test_pages_of_any_size_are_the_whole_list_in_order_and_each_once(crowded: World, limit: int) -> None:
    # The smallest pages would be many: of those, the end of the list.
    prefix, expected = ("user:", MANY) if limit >= PAGES_OF_ALL else ("user:23", MANY[230:240])
    pages = listed(crowded, prefix=prefix, limit=str(limit))
    assert [item["actor"] for page in pages for item in page] == expected
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) == -(-len(expected) // limit)


def test_the_list_is_in_the_order_of_bytes(crowded: World) -> None:
    assert names(crowded, limit="100") == sorted([*MANY, *CHARACTERS, *(f"odd{each}" for each in CHARACTERS)])


@pytest.mark.parametrize("character", CHARACTERS)
def test_every_character_of_a_name_can_be_looked_for_and_be_where_a_page_ends(crowded: World, character: str) -> None:
    everyone = sorted([*MANY, *CHARACTERS, *(f"odd{each}" for each in CHARACTERS)])
    assert names(crowded, prefix=character) == [each for each in everyone if each.startswith(character)]
    assert names(crowded, prefix=f"odd{character}") == [f"odd{character}"]
    assert names(crowded, prefix="odd", limit="1")[CHARACTERS_IN_ORDER.index(character)] == f"odd{character}"


CHARACTERS_IN_ORDER: Final = sorted(CHARACTERS)


def test_a_tenant_sees_its_own_accounts_alone(crowded: World) -> None:
    (page,) = listed(crowded, OTHER_TENANT)
    assert [(item["actor"], item["funded"]) for item in page] == [("user:000", 99), ("user:elsewhere", 99)]
    assert "user:elsewhere" not in names(crowded, prefix="user:")


def test_a_filter_that_few_pass_looks_at_400_accounts_a_page_and_goes_on(crowded: World) -> None:
    crowded.configure("user:249", {"status": "frozen"})
    (found,) = listed(crowded, status="frozen")
    assert [item["actor"] for item in found] == ["user:249"]


def test_a_page_that_looked_at_400_accounts_without_finding_any_is_empty_and_has_a_next(
    crowded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.usecases.list_accounts.LOOKED_AT_MAX", 120)
    crowded.configure("user:249", {"status": "frozen"})
    pages = listed(crowded, status="frozen")
    assert [len(page) for page in pages] == [0, 0, 0, 1]


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


def test_a_cursor_is_of_one_tenant_and_prefix_and_as_it_was_given(crowded: World) -> None:
    given = crowded.get(ACCOUNTS, query={"prefix": "user:", "limit": "5"}).body["next"]
    altered = given[:-1] + ("A" if given[-1] != "A" else "Q")
    wrong = [
        crowded.get(ACCOUNTS, claims=OTHER_TENANT, query={"prefix": "user:", "after": given}),
        crowded.get(ACCOUNTS, query={"prefix": "user", "after": given}),
        crowded.get(ACCOUNTS, query={"after": given}),
        crowded.get(ACCOUNTS, query={"prefix": "user:", "after": altered}),
        crowded.get(ACCOUNTS, query={"prefix": "user:", "after": given + "="}),
    ]
    assert [(each.status, list(each.errors)) for each in wrong] == [(422, ["query.after"])] * len(wrong)
    other_filter = {"prefix": "user:", "after": given, "limit": "1", "low": "false"}
    assert [item["actor"] for item in crowded.get(ACCOUNTS, query=other_filter).body["items"]] == ["user:005"]


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
    assert {row["listed_in"]["S"] for row in _begun("alice")} == {"TENANT#main#ACCOUNTS#2"}


def _begun(actor: str) -> list[Any]:
    rows: list[Any] = client("dynamodb").scan(TableName=LEDGER_TABLE)["Items"]
    return [row for row in rows if row["sk"]["S"] == "BEGUN" and row["pk"]["S"].endswith(f"#{actor}")]
