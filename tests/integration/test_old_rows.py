"""Rows that a release wrote before records were deflated: everything goes on with them."""

import pytest

from tests.integration.test_reconcile import reconcile
from tests.integration.world import AUDIT_TABLE, LEDGER_TABLE, World, client, create_digests
from tests.rows import as_old_release_stored_it

ALICE = "user:alice"


@pytest.fixture
def upgraded(world: World) -> World:
    """Alice has a funding, a charge, a refusal and an open hold, all audited; every row is as an old release's."""
    world.fund({"actor": ALICE, "amount": 100}, key="paid-in")
    world.cost({"actor": ALICE, "cost": 10, "meter": "llm"}, key="charge")
    world.cost({"actor": ALICE, "cost": 1000}, key="too-much")
    world.hold({"actor": ALICE, "amount": 20}, key="held")
    world.settle()
    for table in (LEDGER_TABLE, AUDIT_TABLE):
        for row in client("dynamodb").scan(TableName=table)["Items"]:
            if "record" in row:
                client("dynamodb").put_item(TableName=table, Item=as_old_release_stored_it(row))
    return world


def test_an_old_key_is_replayed(upgraded: World) -> None:
    again = upgraded.cost({"actor": ALICE, "cost": 10, "meter": "llm"}, key="charge")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")


def test_old_and_new_rows_are_one_history(upgraded: World) -> None:
    upgraded.change_hold("h4", "capture", {"actor": ALICE, "amount": 15}, key="captured")
    upgraded.refund({"actor": ALICE, "charge": "charge", "amount": 5}, key="back")
    upgraded.settle()
    create_digests()
    shown = upgraded.get(f"/v1/accounts/{ALICE}/entries").body["items"]
    assert [each["key"] for each in shown] == ["back", "captured", "held", "too-much", "charge", "paid-in"]
    audit = upgraded.get(f"/v1/accounts/{ALICE}/audit").body
    assert ([each["seq"] for each in audit["items"]], audit["verified"]) == ([6, 5, 4, 3, 2, 1], True)
    assert upgraded.get("/v1/operations/charge", query={"actor": ALICE}).status == 200
    upgraded.count_usage()
    assert reconcile(upgraded)["findings"] == []


def test_an_event_that_comes_again_after_the_upgrade_is_kept_already(upgraded: World) -> None:
    before = upgraded.contents()
    upgraded.invoke("outbox", upgraded.stream_event())
    assert upgraded.invoke("audit", upgraded.queue_event()) == {"batchItemFailures": []}
    assert upgraded.contents() == before
