"""The reconciler compares the sums of usage with the ledger."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.dynamodb_inspection import DynamoLedgerInspection
from shared.adapters.keys import account_pk
from shared.adapters.usage_items import COUNTED_SK
from shared.ledger.accounts import Account
from shared.ports.inspection import StoredUsage
from tests.integration.world import AUDIT_TABLE, USAGE_TABLE, World, client

ALICE = "user:alice"
PK = {"S": account_pk(Account("main", ALICE))}


@pytest.fixture
def counted(world: World) -> World:
    world.fund({"actor": ALICE, "amount": 1000})
    world.cost({"actor": ALICE, "cost": 30, "app": "chat", "meter": "llm"}, key="a")
    world.refund({"actor": ALICE, "charge": "a", "amount": 10})
    world.settle()
    world.count_usage()
    return world


@pytest.fixture
def of_old(counted: World) -> World:
    """The same, as an older release stored it: an item a sum."""
    (day,) = sums(counted)
    for grouping, names in json.loads(day["sums"]["S"]).items():
        for name, (charged, refunded, count) in names.items():
            sk = f"{grouping}#{name}#{day['sk']['S'].removeprefix('DAY#')}"
            numbers = {"charged": charged, "refunded": refunded, "count": count}
            put(sk={"S": sk}, **{each: {"N": str(number)} for each, number in numbers.items()})
    client("dynamodb").delete_item(TableName=USAGE_TABLE, Key={"pk": PK, "sk": day["sk"]})
    put(sk={"S": COUNTED_SK}, seq={"N": "3"}, models_after={"N": "0"})
    return counted


def found(world: World) -> list[tuple[str, int | None, str]]:
    answer = world.invoke("reconcile", {"grace_s": 0})
    return [(each["place"], each["seq"], each["problem"]) for each in answer["findings"]]


def sums(world: World) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client("dynamodb").scan(TableName=USAGE_TABLE)["Items"]
    return sorted((row for row in rows if row["sk"]["S"] != COUNTED_SK), key=lambda row: str(row["sk"]["S"]))


def put(**row: Any) -> None:
    client("dynamodb").put_item(TableName=USAGE_TABLE, Item={"pk": PK, **row})


def test_sums_that_are_what_the_entries_add_up_to_have_no_findings(counted: World) -> None:
    assert found(counted) == []


def test_sums_that_are_behind_have_no_findings(counted: World) -> None:
    counted.cost({"actor": ALICE, "cost": 5, "meter": "llm"})
    counted.settle()
    assert found(counted) == []


def test_sums_of_an_older_release_have_no_findings_before_and_after_more_is_counted(of_old: World) -> None:
    assert found(of_old) == []
    of_old.cost({"actor": ALICE, "cost": 5, "meter": "llm"})
    of_old.settle()
    of_old.count_usage()
    assert of_old.get(f"/v1/accounts/{ALICE}/usage").body["items"][0]["charged"] == 35
    assert found(of_old) == []


@pytest.mark.parametrize(("right", "wrong"), [("[30000,", "[1,"), (",10000,", ",2,"), (",1]", ",9]")])
def test_a_day_that_was_altered_is_named(counted: World, right: str, wrong: str) -> None:
    (day,) = sums(counted)
    before, name, after = day["sums"]["S"].partition('"meter":{"llm":')
    put(**{**day, "sums": {"S": before + name + after.replace(right, wrong, 1)}})
    assert found(counted) == [("usage", None, f"of meter llm on {day['sk']['S'][4:]} does not match the entries")]


@pytest.mark.parametrize(
    "altered",
    [
        {"sums": {"S": "{}"}, "through": {"N": "2"}},
        {"sums": {"S": "no json"}},
        {"sums": {"S": '{"day": {"": [1, 2, 3]}}'}},
        {"sums": {"S": '{"hour":{"":[1,2,3]}}'}},
        {"sums": {"S": '{"day":{"":[true,2,3]}}'}},
        {"through": {"S": "3"}},
        {"more": {"N": "1"}},
    ],
)
def test_a_day_that_is_not_as_it_is_written_is_named(counted: World, altered: dict[str, Any]) -> None:
    (day,) = sums(counted)
    put(**{**day, **altered})
    assert {place for place, _, _ in found(counted)} == {"usage"}


def test_a_day_that_was_deleted_is_counted_anew(counted: World) -> None:
    before = counted.get(f"/v1/accounts/{ALICE}/usage").body
    (day,) = sums(counted)
    client("dynamodb").delete_item(TableName=USAGE_TABLE, Key={"pk": PK, "sk": day["sk"]})
    counted.count_usage()
    assert counted.get(f"/v1/accounts/{ALICE}/usage").body == before
    assert found(counted) == []


def test_a_day_that_is_ahead_of_the_newest_one_has_no_findings(counted: World) -> None:
    """As an interruption leaves it: the other days are written before the newest."""
    (day,) = sums(counted)
    put(**{**day, "counted": {"N": "2"}})
    assert found(counted) == []


@pytest.mark.parametrize("name", ["charged", "refunded", "count"])
def test_a_sum_that_was_altered_is_named(of_old: World, name: str) -> None:
    meter = next(row for row in sums(of_old) if row["sk"]["S"].startswith("meter"))
    put(**{**meter, name: {"N": "999"}})
    day = meter["sk"]["S"].rpartition("#")[2]
    assert found(of_old) == [("usage", None, f"of meter llm on {day} does not match the entries")]


def test_a_sum_that_was_deleted_and_one_that_was_added_are_named(of_old: World) -> None:
    day = next(row for row in sums(of_old) if row["sk"]["S"].startswith("day"))
    client("dynamodb").delete_item(TableName=USAGE_TABLE, Key={"pk": PK, "sk": day["sk"]})
    put(**{**day, "sk": {"S": "app#mail#2026-01-31"}})
    assert [problem for _, _, problem in found(of_old)] == [
        "of app mail on 2026-01-31 does not match the entries",
        f"of {day['sk']['S'][5:]} does not match the entries",
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"sk": {"S": "nonsense"}},
        {"sk": {"S": "day#x#y#z"}, "charged": {"N": "1"}, "refunded": {"N": "1"}, "count": {"N": "1"}},
        {"sk": {"S": "meter#a#2026-01-31"}, "charged": {"S": "1"}},
    ],
)
def test_what_is_no_sum_is_named(counted: World, row: dict[str, Any]) -> None:
    put(**row)
    (finding,) = found(counted)
    assert finding[0] == "usage"
    assert finding[2] in {f"{row['sk']['S']} is not a sum", "of meter a on 2026-01-31 does not match the entries"}


def test_sums_of_more_than_there_is_are_named(counted: World) -> None:
    (day,) = sums(counted)
    put(**{**day, "counted": {"N": "9"}})
    assert found(counted) == [("usage", 9, "is ahead of the ledger")]


def test_wrong_sums_do_not_keep_an_audit_row_from_being_written_again(counted: World) -> None:
    put(sk={"S": "nonsense"})
    client("dynamodb").delete_item(TableName=AUDIT_TABLE, Key={"pk": PK, "sk": {"S": "SEQ#000000000002"}})
    assert counted.invoke("reconcile", {"grace_s": 0, "repair": True})["repaired"] == 1


def test_an_account_whose_rows_were_deleted_is_counted_anew(counted: World) -> None:
    before = counted.get(f"/v1/accounts/{ALICE}/usage").body
    for row in client("dynamodb").scan(TableName=USAGE_TABLE)["Items"]:
        client("dynamodb").delete_item(TableName=USAGE_TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    counted.count_usage()
    assert counted.get(f"/v1/accounts/{ALICE}/usage").body == before
    assert found(counted) == []


def test_sums_that_are_added_to_while_they_are_read_are_left_for_another_time(
    counted: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[StoredUsage | None] = []
    usage, counted_through = DynamoLedgerInspection.usage, DynamoLedgerInspection._counted_through
    numbers = iter(range(100))
    monkeypatch.setattr(
        DynamoLedgerInspection, "_counted_through", lambda self, of: counted_through(self, of) + next(numbers)
    )

    def spy(self: DynamoLedgerInspection, account: Account) -> StoredUsage | None:
        seen.append(usage(self, account))
        return seen[-1]

    monkeypatch.setattr(DynamoLedgerInspection, "usage", spy)
    assert (found(counted), seen) == ([], [None])


def test_sums_of_an_older_release_which_counted_no_models_have_no_findings(of_old: World) -> None:
    for row in sums(of_old):
        if row["sk"]["S"].startswith("model#"):
            client("dynamodb").delete_item(TableName=USAGE_TABLE, Key={"pk": PK, "sk": row["sk"]})
    assert [problem[:9] for _, _, problem in found(of_old)] == ["of model "]
    put(sk={"S": COUNTED_SK}, seq={"N": "3"})
    assert found(of_old) == []
    of_old.cost({"actor": ALICE, "cost": 5, "meter": "llm"})
    of_old.settle()
    of_old.count_usage()
    assert found(of_old) == []
    (day,) = [row for row in sums(of_old) if row["sk"]["S"].startswith("DAY#")]
    assert json.loads(day["sums"]["S"])["model"] == {"": [5000, 0, 1]}


def later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long enough for the boards to have what was spent."""
    runtime = world.modules["reconcile"].runtime
    now_ms = runtime.now_ms() + 24 * 3600 * 1000
    monkeypatch.setattr(world.modules["reconcile"], "runtime", replace(runtime, now_ms=lambda: now_ms))


def problems(world: World) -> list[str]:
    found = world.invoke("reconcile", {"tenant": "main", "actor": ALICE, "grace_s": 86400})["findings"]
    return [each["problem"] for each in found if "sums of the tenant" in each["problem"]]


def test_sums_of_a_tenant_that_are_those_of_its_accounts_are_right(
    counted: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted.invoke("boards", counted.usage_stream_event())
    later(counted, monkeypatch)
    assert problems(counted) == []


def test_an_account_that_a_board_does_not_have_as_it_is_is_a_finding_until_it_is_counted_again(
    counted: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted.invoke("boards", counted.usage_stream_event())
    counted.cost({"actor": ALICE, "cost": 1})
    counted.count_usage()
    assert problems(counted) == []
    later(counted, monkeypatch)
    (problem,) = problems(counted)
    assert problem.endswith("does not match the sums of the tenant")
    counted.invoke("boards", {"backfill": True})
    assert problems(counted) == []


def test_nothing_is_said_of_a_month_without_boards(counted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    later(counted, monkeypatch)
    assert problems(counted) == []
