"""The reconciler finds every way in which a row can be wrong, names it, and repairs what may be repaired."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shared.adapters.tables import EntryItem, StateItem, account_pk, entry_sk
from shared.ledger.accounts import Account
from shared.ledger.operations import Charge
from tests.builders import history
from tests.integration.world import AUDIT_TABLE, LEDGER_TABLE, World, client

ALICE = "user:alice"
PK = account_pk(Account("main", ALICE))
Row = dict[str, Any]


@pytest.fixture
def busy(world: World) -> World:
    """Alice has five entries and Bob one, all of them audited."""
    world.fund({"actor": ALICE, "amount": 100}, key="paid-in")
    for number in range(2, 5):
        world.cost({"actor": ALICE, "cost": 10}, key=f"charge-{number}")
    world.cost({"actor": ALICE, "cost": 1000}, key="too-much")
    world.fund({"actor": "user:bob", "amount": 7})
    world.settle()
    return world


def reconcile(world: World, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = world.invoke("reconcile", {"grace_s": 0, **request})
    return answer


def found(world: World, **request: Any) -> set[tuple[str, int | None, str]]:
    findings = reconcile(world, **request)["findings"]
    assert {each["actor"] for each in findings} <= {ALICE}
    return {(each["place"], each["seq"], each["problem"]) for each in findings}


def row(table: str, sk: str, pk: str = PK) -> Row:
    item: Row = client("dynamodb").get_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})["Item"]
    return item


def put(table: str, item: Row) -> None:
    client("dynamodb").put_item(TableName=table, Item=item)


def delete(table: str, sk: str, pk: str = PK) -> Row:
    item = row(table, sk, pk)
    client("dynamodb").delete_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    return item


def audit_sk(seq: int) -> str:
    return f"SEQ#{seq:012d}"


def test_accounts_that_are_as_they_should_be_have_no_findings(busy: World) -> None:
    assert reconcile(busy) == {
        "accounts": 2,
        "entries": 6,
        "audited": 6,
        "late": 0,
        "drift_microcents": 0,
        "repaired": 0,
        "findings": [],
        "unverified": [],
        "next": None,
    }


def test_a_ledger_row_whose_amount_was_altered_is_named(busy: World) -> None:
    item = row(LEDGER_TABLE, entry_sk("charge-3"))
    item["record"]["S"] = item["record"]["S"].replace('"amount":-10000', '"amount":-90000')
    put(LEDGER_TABLE, item)
    assert {
        ("ledger", 3, "is not what was recorded"),
        ("ledger", 3, "is not what the ledger would have written"),
        ("audit", 3, "is not what the ledger holds"),
    } <= found(busy)


def test_a_ledger_row_that_is_altered_beside_its_text_is_named(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, entry_sk("charge-3")) | {"kind": {"S": "grant"}})
    assert found(busy) == {("ledger", 3, "OP#charge-3 is not laid down as the ledger does")}


def test_a_ledger_row_whose_text_is_no_entry_is_named(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, entry_sk("charge-3")) | {"record": {"S": "{}"}})
    assert ("ledger", None, "OP#charge-3 holds no entry") in found(busy)


def test_a_ledger_row_that_was_deleted_is_named_by_its_neighbour_and_its_copy(busy: World) -> None:
    delete(LEDGER_TABLE, entry_sk("charge-3"))
    named = found(busy)
    assert ("ledger", 4, "follows 2") in named
    assert ("audit", 3, "is in no ledger") in named


def test_the_newest_ledger_row_cannot_vanish_unseen(busy: World) -> None:
    delete(LEDGER_TABLE, entry_sk("too-much"))
    named = found(busy)
    assert ("audit", 5, "is in no ledger") in named
    assert ("state", None, "seq is not what the entries add up to") in named


def test_a_ledger_row_that_was_added_is_named(busy: World) -> None:
    copy = row(LEDGER_TABLE, entry_sk("charge-3")) | {"sk": {"S": entry_sk("copy")}}
    put(LEDGER_TABLE, copy)
    named = found(busy)
    assert ("ledger", 3, "OP#copy is not laid down as the ledger does") in named
    assert ("ledger", 3, "follows 3") in named


def test_a_well_made_row_beyond_the_newest_is_named(busy: World) -> None:
    account = Account("main", ALICE)
    state = StateItem.from_raw_data(row(LEDGER_TABLE, "STATE")).state_of(account)
    _, (forged,) = history(Charge(1), account=account, state=state)
    put(LEDGER_TABLE, EntryItem.of(forged).serialize())
    assert ("ledger", 6, "is beyond the state") in found(busy)


def test_two_ledger_rows_that_changed_places_are_named(busy: World) -> None:
    third, fourth = row(LEDGER_TABLE, entry_sk("charge-3")), row(LEDGER_TABLE, entry_sk("charge-4"))
    put(LEDGER_TABLE, fourth | {"sk": third["sk"]})
    put(LEDGER_TABLE, third | {"sk": fourth["sk"]})
    assert found(busy) == {
        ("ledger", 4, "OP#charge-3 is not laid down as the ledger does"),
        ("ledger", 3, "OP#charge-4 is not laid down as the ledger does"),
    }


def test_entries_renumbered_in_the_other_order_are_named(busy: World) -> None:
    for key, seq in (("charge-3", 4), ("charge-4", 3)):
        item = row(LEDGER_TABLE, entry_sk(key))
        item["record"]["S"] = json.dumps(
            json.loads(item["record"]["S"]) | {"seq": seq}, sort_keys=True, separators=(",", ":")
        )
        item["entry_seq"]["N"] = str(seq)
        put(LEDGER_TABLE, item)
    assert {("ledger", 3, "is not what was recorded"), ("ledger", 4, "is not what was recorded")} <= found(busy)


def test_a_state_that_was_altered_is_named_and_its_drift_measured(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, "STATE") | {"spent": {"N": "29000"}})
    answer = reconcile(busy)
    assert answer["drift_microcents"] == 1000
    assert [each["problem"] for each in answer["findings"]] == ["spent is not what the entries add up to"]


@pytest.mark.parametrize("damage", [{"held": {"S": "0"}}, {"schema": {"N": "9"}}, {"extra": {"S": "?"}}])
def test_a_state_that_the_ledger_never_writes_is_named(busy: World, damage: Row) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, "STATE") | damage)
    assert ("state", None, "is no state that the ledger writes") in found(busy)


def test_an_account_whose_state_was_deleted_is_still_found(busy: World) -> None:
    delete(LEDGER_TABLE, "STATE")
    answer = reconcile(busy)
    assert answer["accounts"] == 2
    assert ("state", None, "seq is not what the entries add up to") in found(busy)


def test_an_account_that_was_deleted_whole_is_still_found(busy: World) -> None:
    for sk in ("STATE", *map(entry_sk, ("paid-in", "charge-2", "charge-3", "charge-4", "too-much"))):
        delete(LEDGER_TABLE, sk)
    assert {(place, seq) for place, seq, _ in found(busy)} == {("audit", seq) for seq in range(1, 6)}


def test_a_state_of_no_account_is_named(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, "STATE") | {"pk": {"S": "somewhere"}})
    (stranger,) = reconcile(busy)["findings"]
    assert (stranger["actor"], stranger["problem"]) == ("somewhere", "belongs to no account")


def test_an_audit_row_that_was_altered_is_named_and_never_repaired(busy: World) -> None:
    altered = row(AUDIT_TABLE, audit_sk(3))
    altered["record"]["S"] = altered["record"]["S"].replace('"amount":-10000', '"amount":-1')
    put(AUDIT_TABLE, altered)
    before = busy.contents()
    assert ("audit", 3, "is not what the ledger holds") in found(busy, repair=True)
    assert busy.contents() == before


def test_an_audit_row_that_is_altered_beside_its_text_is_named(busy: World) -> None:
    put(AUDIT_TABLE, row(AUDIT_TABLE, audit_sk(3)) | {"amount": {"N": "-1"}})
    assert found(busy) == {("audit", 3, f"{audit_sk(3)} is not laid down as the ledger does")}


def test_an_audit_row_that_was_added_is_named(busy: World) -> None:
    put(AUDIT_TABLE, row(AUDIT_TABLE, audit_sk(3)) | {"sk": {"S": audit_sk(6)}})
    assert ("audit", 3, f"{audit_sk(6)} is not laid down as the ledger does") in found(busy)


def test_two_audit_rows_that_changed_places_are_named(busy: World) -> None:
    third, fourth = row(AUDIT_TABLE, audit_sk(3)), row(AUDIT_TABLE, audit_sk(4))
    put(AUDIT_TABLE, fourth | {"sk": third["sk"]})
    put(AUDIT_TABLE, third | {"sk": fourth["sk"]})
    assert {(place, seq) for place, seq, _ in found(busy)} == {("audit", 3), ("audit", 4)}


def test_an_audit_row_that_was_deleted_is_named_and_repaired_word_for_word(busy: World) -> None:
    before = busy.contents()
    delete(AUDIT_TABLE, audit_sk(3))
    assert found(busy) == {("audit", 3, "is missing")}
    assert reconcile(busy)["drift_microcents"] == 1
    repaired = reconcile(busy, repair=True)
    assert (repaired["repaired"], repaired["findings"], repaired["drift_microcents"]) == (1, [], 0)
    assert busy.contents() == before
    assert reconcile(busy)["findings"] == []


def test_nothing_is_repaired_from_a_ledger_that_is_itself_in_doubt(busy: World) -> None:
    delete(AUDIT_TABLE, audit_sk(4))
    put(LEDGER_TABLE, row(LEDGER_TABLE, entry_sk("charge-3")) | {"kind": {"S": "grant"}})
    assert reconcile(busy, repair=True)["repaired"] == 0
    assert ("audit", 4, "is missing") in found(busy)


def test_an_entry_that_is_still_on_its_way_is_late_and_not_missing(busy: World) -> None:
    busy.cost({"actor": ALICE, "cost": 1})
    answer = reconcile(busy, grace_s=None)
    assert (answer["late"], answer["findings"], answer["drift_microcents"]) == (1, [], 0)
    assert found(busy) == {("audit", 6, "is missing")}


def test_one_account_can_be_asked_for(busy: World) -> None:
    delete(AUDIT_TABLE, audit_sk(3))
    assert reconcile(busy, tenant="main", actor="user:bob")["findings"] == []
    assert len(reconcile(busy, tenant="main", actor=ALICE)["findings"]) == 1


def test_a_run_that_is_out_of_time_is_gone_on_with_by_whoever_asked(busy: World) -> None:
    first = reconcile(busy, budget_s=0)
    second = reconcile(busy, budget_s=0, after=first["next"])
    rest = reconcile(busy, after=second["next"])
    assert [first["accounts"], second["accounts"], rest["accounts"], rest["next"]] == [1, 1, 0, None]


def test_a_scheduled_run_that_is_out_of_time_goes_on_by_itself(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Any]] = []
    continuation = busy.modules["reconcile"].runtime.continuation
    monkeypatch.setattr(
        type(continuation), "go_on", lambda _, function, request: asked.append((function, dict(request)))
    )
    first = reconcile(busy, scheduled=True, budget_s=0)
    ((function, request),) = asked
    assert function == "millicent-reconcile"
    assert request == {"scheduled": True, "grace_s": 0, "budget_s": 0, "after": first["next"]}
    reconcile(busy, **(request | {"budget_s": 60}))
    assert len(asked) == 1


def metrics(output: str) -> dict[str, float]:
    lines = [json.loads(line) for line in output.splitlines() if '"_aws"' in line]
    return {name: value[0] for line in lines for name, value in line.items() if isinstance(value, list)}


def test_drift_and_findings_are_metrics(busy: World, capsys: pytest.CaptureFixture[str]) -> None:
    delete(AUDIT_TABLE, audit_sk(3))
    capsys.readouterr()
    reconcile(busy)
    told = metrics(capsys.readouterr().out)
    assert {name: told[name] for name in ("DriftMicrocents", "Findings", "AccountsVerified")} == {
        "DriftMicrocents": 1,
        "Findings": 1,
        "AccountsVerified": 2,
    }


@pytest.mark.parametrize("event", [{"actor": ALICE}, {"grace_s": -1}, {"repare": True}, {"tenant": "#", "actor": "a"}])
def test_a_request_that_makes_no_sense_is_refused_whole(busy: World, event: Row) -> None:
    with pytest.raises(msgspec.ValidationError):
        busy.invoke("reconcile", event)


def test_an_account_in_use_while_it_is_read_has_no_findings(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    books = type(busy.modules["reconcile"].runtime.books)
    read: Callable[..., Any] = books.entries

    def charged_meanwhile(self: Any, account: Account) -> Any:
        busy.cost({"actor": account.actor, "cost": 1})
        return read(self, account)

    monkeypatch.setattr(books, "entries", charged_meanwhile)
    answer = reconcile(busy, grace_s=60)
    assert (answer["findings"], answer["drift_microcents"], answer["late"]) == ([], 0, 2)
