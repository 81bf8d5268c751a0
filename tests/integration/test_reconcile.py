"""The reconciler finds every way in which a row can be wrong, names it, and repairs what may be repaired."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from pynamodb.models import Model

from shared.adapters.items import AnyItem, EntryItem, StateItem
from shared.adapters.keys import POLICY_SK, account_pk, entry_sk, hold_sk, list_of, tally_sk
from shared.ledger.accounts import Account
from shared.ledger.operations import Charge
from tests.builders import history
from tests.integration.world import (
    AUDIT_TABLE,
    DIGEST_BUCKET,
    LEDGER_TABLE,
    SERVICE,
    USAGE_TABLE,
    World,
    client,
    create_digests,
)
from tests.rows import record_text, with_record, with_replaced

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
    busy.count_usage()
    assert reconcile(busy) == {
        "accounts": 2,
        "entries": 6,
        "audited": 6,
        "late": 0,
        "uncounted": 0,
        "drift_microcents": 0,
        "repaired": 0,
        "findings": [],
        "unverified": [],
        "waiting": [],
        "next": None,
    }


def test_a_ledger_row_whose_amount_was_altered_is_named(busy: World) -> None:
    item = row(LEDGER_TABLE, entry_sk("charge-3"))
    put(LEDGER_TABLE, with_replaced(item, '"amount":-10000', '"amount":-90000'))
    assert {
        ("ledger", 3, "differs from its hash"),
        ("ledger", 3, "differs from what the ledger would write"),
        ("audit", 3, "differs from the ledger"),
    } <= found(busy)


def test_a_ledger_row_that_is_altered_beside_its_text_is_named(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, entry_sk("charge-3")) | {"kind": {"S": "grant"}})
    assert found(busy) == {("ledger", 3, "OP#charge-3 is not stored as the ledger writes it")}


def test_a_ledger_row_whose_text_is_no_entry_is_named(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, entry_sk("charge-3")) | {"record": {"S": "{}"}})
    assert ("ledger", None, "OP#charge-3 contains no entry") in found(busy)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"kind":"charge"', '"kind":"refund"'),
        ('"at_ms":', '"at_ms":1000000'),
        ('"key":"charge-3"', '"key":["charge-3"]'),
        ('"parameters":{', '"parent":"x","parameters":{'),
    ],
)
def test_a_row_that_nothing_can_be_made_of_does_not_hide_what_is_wrong_elsewhere(
    busy: World, right: str, wrong: str
) -> None:
    bob = account_pk(Account("main", "user:bob"))
    item = row(LEDGER_TABLE, entry_sk("charge-3"))
    put(LEDGER_TABLE, with_replaced(item, right, wrong))
    put(LEDGER_TABLE, row(LEDGER_TABLE, "STATE", bob) | {"available": {"N": "999999"}})
    assert {each["actor"] for each in reconcile(busy)["findings"]} == {ALICE, "user:bob"}


def test_a_ledger_row_that_was_deleted_is_named_by_its_neighbour_and_its_copy(busy: World) -> None:
    delete(LEDGER_TABLE, entry_sk("charge-3"))
    named = found(busy)
    assert ("ledger", 4, "follows 2") in named
    assert ("audit", 3, "is in no ledger") in named


def test_the_newest_ledger_row_cannot_vanish_unseen(busy: World) -> None:
    delete(LEDGER_TABLE, entry_sk("too-much"))
    named = found(busy)
    assert ("audit", 5, "is in no ledger") in named
    assert ("state", None, "seq does not match the entries") in named


def test_a_ledger_row_that_was_added_is_named(busy: World) -> None:
    copy = row(LEDGER_TABLE, entry_sk("charge-3")) | {"sk": {"S": entry_sk("copy")}}
    put(LEDGER_TABLE, copy)
    named = found(busy)
    assert ("ledger", 3, "OP#copy is not stored as the ledger writes it") in named
    assert ("ledger", 3, "follows 3") in named


def test_a_well_made_row_beyond_the_newest_is_named(busy: World) -> None:
    account = Account("main", ALICE)
    state = StateItem.from_raw_data(row(LEDGER_TABLE, "STATE")).state_of(account)
    _, (forged,) = history(Charge(1), account=account, state=state)
    put(LEDGER_TABLE, EntryItem.of(forged).serialize())
    assert ("ledger", 6, "is ahead of the state") in found(busy)


def test_two_ledger_rows_that_changed_places_are_named(busy: World) -> None:
    third, fourth = row(LEDGER_TABLE, entry_sk("charge-3")), row(LEDGER_TABLE, entry_sk("charge-4"))
    put(LEDGER_TABLE, fourth | {"sk": third["sk"]})
    put(LEDGER_TABLE, third | {"sk": fourth["sk"]})
    assert found(busy) == {
        ("ledger", 4, "OP#charge-3 is not stored as the ledger writes it"),
        ("ledger", 3, "OP#charge-4 is not stored as the ledger writes it"),
    }


def test_entries_renumbered_in_the_other_order_are_named(busy: World) -> None:
    for key, seq in (("charge-3", 4), ("charge-4", 3)):
        item = row(LEDGER_TABLE, entry_sk(key))
        text = json.dumps(json.loads(record_text(item)) | {"seq": seq}, sort_keys=True, separators=(",", ":"))
        put(LEDGER_TABLE, with_record(item, text) | {"entry_seq": {"N": str(seq)}})
    assert {("ledger", 3, "differs from its hash"), ("ledger", 4, "differs from its hash")} <= found(busy)


def test_a_state_that_was_altered_is_named_and_its_drift_measured(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, "STATE") | {"spent": {"N": "29000"}})
    answer = reconcile(busy)
    assert answer["drift_microcents"] == 1000
    assert [each["problem"] for each in answer["findings"]] == ["spent does not match the entries"]


@pytest.mark.parametrize("damage", [{"held": {"S": "0"}}, {"schema": {"N": "9"}}, {"extra": {"S": "?"}}])
def test_a_state_that_the_ledger_never_writes_is_named(busy: World, damage: Row) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, "STATE") | damage)
    assert ("state", None, "is not a state that the ledger writes") in found(busy)


def test_an_account_whose_state_was_deleted_is_still_found(busy: World) -> None:
    delete(LEDGER_TABLE, "STATE")
    answer = reconcile(busy)
    assert answer["accounts"] == 2
    assert ("state", None, "seq does not match the entries") in found(busy)


def test_an_account_that_was_deleted_whole_is_still_found(busy: World) -> None:
    for sk in ("STATE", *map(entry_sk, ("paid-in", "charge-2", "charge-3", "charge-4", "too-much"))):
        delete(LEDGER_TABLE, sk)
    assert {(place, seq) for place, seq, _ in found(busy)} == {("state", 1), *(("audit", seq) for seq in range(1, 6))}


def test_a_state_of_no_account_is_named(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, "STATE") | {"pk": {"S": "somewhere"}})
    (stranger,) = reconcile(busy)["findings"]
    assert (stranger["actor"], stranger["problem"]) == ("somewhere", "belongs to no account")


def test_an_account_that_an_older_release_did_not_list_is_named(busy: World) -> None:
    begun = row(LEDGER_TABLE, "BEGUN")
    put(LEDGER_TABLE, {name: begun[name] for name in ("pk", "sk")})
    assert found(busy) == {("state", 1, "mark that it has begun is not in the index of accounts")}


def test_an_account_in_the_list_of_another_tenant_is_named(busy: World) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, "BEGUN") | {"listed_in": {"S": "TENANT#other#ACCOUNTS#0"}})
    assert found(busy) == {("state", 1, "BEGUN is not stored as the ledger writes it")}


def test_a_row_that_a_list_of_accounts_names_and_that_begins_none_is_named(busy: World) -> None:
    begun = row(LEDGER_TABLE, "BEGUN")
    put(LEDGER_TABLE, begun | {"sk": {"S": "OTHER"}})
    (planted,) = reconcile(busy)["findings"]
    assert (planted["actor"], planted["problem"]) == (f"{PK} OTHER", "belongs to no account")


def test_a_mark_of_an_account_that_is_not_there_is_named(busy: World) -> None:
    begun = row(LEDGER_TABLE, "BEGUN")
    pk = account_pk(Account("main", "ghost"))
    put(LEDGER_TABLE, begun | {"pk": {"S": pk}, "listed_in": {"S": list_of(Account("main", "ghost"))}})
    (ghost,) = reconcile(busy)["findings"]
    assert (ghost["actor"], ghost["problem"]) == ("ghost", "mark that it has begun is ahead of the state")


def test_a_state_of_another_time_than_its_entry_is_named_and_one_of_an_older_release_is_not(busy: World) -> None:
    state = row(LEDGER_TABLE, "STATE")
    put(LEDGER_TABLE, {name: value for name, value in state.items() if name != "at"})
    assert found(busy) == set()
    put(LEDGER_TABLE, state | {"at": {"N": "1"}})
    assert found(busy) == {("state", None, "updated_at_ms does not match the entries")}


def test_an_audit_row_that_was_altered_is_named_and_never_repaired(busy: World) -> None:
    altered = row(AUDIT_TABLE, audit_sk(3))
    put(AUDIT_TABLE, with_replaced(altered, '"amount":-10000', '"amount":-1'))
    before = busy.contents()
    assert ("audit", 3, "differs from the ledger") in found(busy, repair=True)
    assert busy.contents() == before


def test_an_audit_row_that_is_altered_beside_its_text_is_named(busy: World) -> None:
    put(AUDIT_TABLE, row(AUDIT_TABLE, audit_sk(3)) | {"amount": {"N": "-1"}})
    assert found(busy) == {("audit", 3, f"{audit_sk(3)} is not stored as the ledger writes it")}


def test_an_audit_row_that_was_added_is_named(busy: World) -> None:
    put(AUDIT_TABLE, row(AUDIT_TABLE, audit_sk(3)) | {"sk": {"S": audit_sk(6)}})
    assert ("audit", 3, f"{audit_sk(6)} is not stored as the ledger writes it") in found(busy)


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


def test_the_oldest_entries_that_wait_for_their_audit_row_and_for_being_counted_are_named(busy: World) -> None:
    busy.count_usage()
    for _ in range(3):
        busy.cost({"actor": ALICE, "cost": 1})
    busy.fund({"actor": "user:bob", "amount": 7})
    answer = reconcile(busy, grace_s=None)
    assert (answer["late"], answer["uncounted"]) == (4, 3)
    named = [(each["place"], each["actor"], each["seq"]) for each in answer["waiting"]]
    assert named == [("audit", ALICE, 6), ("audit", "user:bob", 2), ("usage", ALICE, 6)]
    busy.settle()
    busy.count_usage()
    after = reconcile(busy, grace_s=None)
    assert (after["late"], after["uncounted"], after["waiting"]) == (0, 0, [])


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


@pytest.fixture
def holding(busy: World) -> World:
    """Alice also has an open hold (entry 6), a captured one (7, 8), a refund (9) and a limit (10)."""
    busy.hold({"actor": ALICE, "amount": 5}, key="hold-6")
    busy.hold({"actor": ALICE, "amount": 6}, key="hold-7")
    busy.change_hold("h7", "capture", {"actor": ALICE}, key="capture-8")
    busy.refund({"actor": ALICE, "charge": "charge-2", "amount": 4}, key="refund-9")
    busy.limit(ALICE, [{"amount": 500}], key="limit-10")
    busy.settle()
    return busy


TEAM = "team"
TEAM_PK = account_pk(Account("main", TEAM))
COUNTERPART = f"~{ALICE}~charge-7"


@pytest.fixture
def backed(busy: World) -> World:
    """Alice is a member of the team (entry 6) and charges once (7), which the team's entry 2 goes with."""
    busy.fund({"actor": TEAM, "amount": 1000}, key="team-1")
    busy.configure(ALICE, {"parent": TEAM}, key="join-6")
    busy.cost({"actor": ALICE, "cost": 3}, key="charge-7")
    busy.settle()
    return busy


def test_a_member_and_its_parent_that_say_the_same_have_no_findings(backed: World) -> None:
    assert row(LEDGER_TABLE, entry_sk(COUNTERPART), TEAM_PK)
    assert reconcile(backed)["findings"] == []


def test_a_members_entry_without_its_parents_is_named(backed: World) -> None:
    delete(LEDGER_TABLE, entry_sk(COUNTERPART), TEAM_PK)
    answer = reconcile(backed, tenant="main", actor=ALICE)
    assert [(each["seq"], each["problem"]) for each in answer["findings"]] == [(7, "has no counterpart at team")]


def test_a_parents_entry_without_its_members_is_named(backed: World) -> None:
    delete(LEDGER_TABLE, entry_sk("charge-7"))
    answer = reconcile(backed, tenant="main", actor=TEAM)
    assert [(each["seq"], each["problem"]) for each in answer["findings"]] == [(2, f"has no counterpart at {ALICE}")]


def test_a_members_entry_that_its_parent_tells_otherwise_is_named(backed: World) -> None:
    item = row(LEDGER_TABLE, entry_sk(COUNTERPART), TEAM_PK)
    put(LEDGER_TABLE, with_replaced(item, '"amount":-3000', '"amount":-1000'))
    answer = reconcile(backed, tenant="main", actor=ALICE)
    assert [each["problem"] for each in answer["findings"]] == ["differs from its counterpart at team"]


TALLY_SK = tally_sk("charge-2")
BESIDE = {hold_sk("h6"): 6, hold_sk("h7"): 8, TALLY_SK: 9, POLICY_SK: 10}
NAMES = {hold_sk("h6"): "hold h6", hold_sk("h7"): "hold h7", TALLY_SK: "refund of charge-2", POLICY_SK: "policy"}


def test_holds_refunds_and_a_policy_that_are_as_they_should_be_have_no_findings(holding: World) -> None:
    assert all(row(LEDGER_TABLE, sk) for sk in BESIDE)
    assert found(holding) == set()


@pytest.mark.parametrize("sk", BESIDE)
def test_what_was_deleted_beside_the_entries_is_named(holding: World, sk: str) -> None:
    delete(LEDGER_TABLE, sk)
    assert found(holding) == {("state", BESIDE[sk], f"{NAMES[sk]} is missing")}


@pytest.mark.parametrize(
    ("sk", "damage"),
    [
        (hold_sk("h6"), {"amount": {"N": "6000"}}),
        (hold_sk("h7"), {"status": {"S": "open"}, "open_until": {"N": "1"}, "expires_at_ms": {"N": "1"}}),
        (TALLY_SK, {"refunded": {"N": "0"}}),
    ],
)
def test_what_was_altered_beside_the_entries_is_named(holding: World, sk: str, damage: Row) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, sk) | damage)
    assert found(holding) == {("state", BESIDE[sk], f"{NAMES[sk]} does not match the entries")}


def test_a_policy_that_was_altered_is_named(holding: World) -> None:
    altered = row(LEDGER_TABLE, POLICY_SK)
    altered["policy"]["S"] = altered["policy"]["S"].replace("500000", "900000")
    put(LEDGER_TABLE, altered)
    assert found(holding) == {("state", 10, "policy does not match the entries")}


@pytest.mark.parametrize("sk", BESIDE)
def test_what_is_laid_down_otherwise_beside_the_entries_is_named(holding: World, sk: str) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, sk) | {"extra": {"S": "?"}})
    assert ("state", BESIDE[sk], f"{sk} is not stored as the ledger writes it") in found(holding)


@pytest.mark.parametrize("sk", BESIDE)
def test_what_makes_no_sense_beside_the_entries_is_named(holding: World, sk: str) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, sk) | {"seq": {"S": "?"}})
    assert found(holding) == {
        ("state", None, f"{sk} is not an item of the ledger"),
        ("state", BESIDE[sk], f"{NAMES[sk]} is missing"),
    }


def test_a_hold_and_a_refund_that_nobody_asked_for_are_named(holding: World) -> None:
    forged = {"sk": {"S": hold_sk("h5")}, "hold_id": {"S": "h5"}, "seq": {"N": "5"}}
    put(LEDGER_TABLE, row(LEDGER_TABLE, hold_sk("h6")) | forged)
    beyond = {"sk": {"S": tally_sk("charge-3")}, "charge_key": {"S": "charge-3"}, "seq": {"N": "99"}}
    put(LEDGER_TABLE, row(LEDGER_TABLE, TALLY_SK) | beyond)
    assert found(holding) == {
        ("state", 5, "hold h5 is in no entry"),
        ("state", 99, "refund of charge-3 is ahead of the state"),
    }


def test_a_hold_that_ends_while_its_account_is_read_has_no_findings(
    holding: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = type(holding.modules["reconcile"].runtime.books)
    read: Callable[..., Any] = books.beside

    def changed_meanwhile(self: Any, account: Account) -> Any:
        holding.change_hold("h6", "extend", {"actor": ALICE, "ttl_s": 3600})
        holding.cost({"actor": ALICE, "cost": 1})
        return read(self, account)

    monkeypatch.setattr(books, "beside", changed_meanwhile)
    assert reconcile(holding, grace_s=60, tenant="main", actor=ALICE)["findings"] == []


def listed(world: World) -> list[str]:
    """Every account that the reconciler lists, in order, gone on with from its cursor after each."""
    books = world.modules["reconcile"].runtime.books
    found: list[str] = []
    after: str | None = None
    while True:
        places = books.accounts(after)
        if not places.items:
            if (after := places.next) is None:
                return found
            continue
        found.append(places.items[0].account.actor)
        after = places.items[0].cursor


@pytest.mark.parametrize("rows_of_a_page", [1, 2, 3, 100])
def test_every_account_is_listed_once_however_the_pages_fall(
    busy: World, monkeypatch: pytest.MonkeyPatch, rows_of_a_page: int
) -> None:
    """From any cursor on, and whatever tables have rows of it."""
    busy.check({"actor": "user:checked"})
    busy.settle()
    busy.count_usage()
    put(USAGE_TABLE, {"pk": {"S": account_pk(Account("main", "user:counted"))}, "sk": {"S": "COUNTED"}})
    scan = AnyItem.scan.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Model, "scan", classmethod(lambda cls, **how: scan(cls, **how, page_size=rows_of_a_page)))
    assert sorted(listed(busy)) == [ALICE, "user:bob", "user:checked", "user:counted"]


@pytest.mark.parametrize("left", [(LEDGER_TABLE, entry_sk("charge-3")), (AUDIT_TABLE, audit_sk(3))])
def test_an_account_of_which_a_single_row_is_left_is_found_by_that_row(busy: World, left: tuple[str, str]) -> None:
    for table in (LEDGER_TABLE, AUDIT_TABLE):
        for item in client("dynamodb").scan(TableName=table)["Items"]:
            if item["pk"]["S"] == PK and (table, item["sk"]["S"]) != left:
                delete(table, item["sk"]["S"])
    assert reconcile(busy)["accounts"] == 2
    assert found(busy)


def test_rate_cards_are_no_accounts(busy: World) -> None:
    put(LEDGER_TABLE, {"pk": {"S": "TENANT#main#RATES"}, "sk": {"S": "RATE#llm##000000000001"}})
    assert (reconcile(busy)["accounts"], found(busy)) == (2, set())


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/rates", {"meter": "llm", "model": "house", "aliases": ["casa"], "prices": {"tokens": {"price": "1"}}}),
        ("/v1/rates/adjustments", {"name": "markup", "multiplier": "1.2"}),
        ("/v1/rates/currencies", {"currency": "EUR", "rate": "1.08"}),
    ],
)
def test_whatever_prices_a_tenant_sets_nothing_of_them_is_an_account(
    busy: World, path: str, document: dict[str, Any]
) -> None:
    assert busy.call("PUT", path, document, claims={**SERVICE, "scope": "credits/admin"}).status == 201
    assert (reconcile(busy)["accounts"], found(busy)) == (2, set())


def test_the_name_of_a_card_without_the_card_is_no_account_either(busy: World) -> None:
    put(LEDGER_TABLE, {"pk": {"S": "TENANT#main#RATES"}, "sk": {"S": "NAME#llm#house#"}})
    assert (reconcile(busy)["accounts"], found(busy)) == (2, set())


@pytest.fixture
def digested(busy: World) -> World:
    create_digests()
    busy.invoke("digest", {})
    return busy


def test_an_account_that_goes_on_after_its_digest_has_no_findings(digested: World) -> None:
    digested.cost({"actor": ALICE, "cost": 1})
    digested.fund({"actor": "user:new", "amount": 1})
    assert reconcile(digested, grace_s=60)["findings"] == []
    assert reconcile(digested, tenant="main", actor=ALICE, grace_s=60)["findings"] == []


def test_an_account_of_the_digest_without_any_row_is_named_also_by_a_run_in_parts(digested: World) -> None:
    for table in (LEDGER_TABLE, AUDIT_TABLE):
        for item in client("dynamodb").scan(TableName=table)["Items"]:
            if item["pk"]["S"] == PK:
                delete(table, item["sk"]["S"])
    named = [(ALICE, "digest", 5, "is in digest 1, but no table has a row of the account")]
    findings, after, runs = [], None, 0
    while runs == 0 or after is not None:
        answer = reconcile(digested, budget_s=0, after=after)
        findings += answer["findings"]
        after, runs = answer["next"], runs + 1
    assert [(each["actor"], each["place"], each["seq"], each["problem"]) for each in findings] == named
    assert runs > 2


def test_what_a_digest_was_made_of_is_read_whatever_the_bucket_holds_and_named_where_it_cannot_be(
    digested: World,
) -> None:
    s3 = client("s3")
    (name,) = [each["Key"] for each in s3.list_objects_v2(Bucket=DIGEST_BUCKET)["Contents"] if "summary" in each["Key"]]
    for body in (b"[]", b"{", b'[["x"]]'):
        s3.put_object(Bucket=DIGEST_BUCKET, Key=name, Body=body)
        (finding,) = reconcile(digested)["findings"]
        assert (finding["place"], finding["seq"]) == ("digest", 1)
        assert finding["problem"].startswith("cannot be compared with: ")
    s3.delete_object(Bucket=DIGEST_BUCKET, Key=name)
    (finding,) = reconcile(digested)["findings"]
    assert finding["problem"] == f"cannot be compared with: {name} is gone"
