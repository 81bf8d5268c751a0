"""Those who run the stack, on the laptop cloud: what was tampered with is found, repaired, proved and redriven."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import as_root
from millicent import Millicent, failures, operations, verify_proof
from millicent.aws import Stack, find_stack
from tests.e2e.laptop import Laptop, eventually
from tests.rows import record_text

pytestmark = pytest.mark.e2e

ACTOR = "user:tampered"
PK = f"TENANT#default#ACTOR#{ACTOR}"


@pytest.fixture(scope="module")
def stack(laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Found as a person would find it: by the file that the cloud wrote."""
    below = tmp_path_factory.mktemp("checkout")
    (below / ".millicent").symlink_to(laptop.state_dir)
    return find_stack(start=below, environ={})


@pytest.fixture(scope="module")
def audited(laptop: Laptop) -> Iterator[None]:
    with laptop.client() as client:
        client.grant(ACTOR, 100)
        client.charge(ACTOR, 10)
        client.charge(ACTOR, 20)
        eventually(lambda: len(client.audit(ACTOR).items) == 3, "three audit rows")
        yield


def reconcile(stack: Stack, *, repair: bool = False) -> operations.Reconciliation:
    *_, found = operations.reconcile(stack, repair=repair, grace_s=0, tenant="default", actor=ACTOR)
    return found


def row(laptop: Laptop, seq: int) -> dict[str, Any]:
    """The audit row, taken away past all policies, as only the root user of this emulated account can."""
    root = as_root(laptop.aws.url)
    dynamodb = root.session.client("dynamodb", endpoint_url=root.url)
    key = {"pk": {"S": PK}, "sk": {"S": f"SEQ#{seq:012d}"}}
    taken = dynamodb.delete_item(TableName=laptop.stack.outputs["AuditTableName"], Key=key, ReturnValues="ALL_OLD")
    return dict(taken["Attributes"])


@pytest.mark.usefixtures("audited")
def test_an_audit_row_that_was_taken_away_is_found_and_written_again(laptop: Laptop, stack: Stack) -> None:
    assert reconcile(stack).holds
    row(laptop, 2)
    assert [(each.place, each.seq, each.problem) for each in reconcile(stack).findings] == [("audit", 2, "is missing")]
    repaired = reconcile(stack, repair=True)
    assert (repaired.repaired, repaired.holds) == (1, True)
    assert reconcile(stack).holds


def test_a_hold_that_was_altered_is_named(laptop: Laptop, stack: Stack, client: Millicent) -> None:
    actor, table = "user:tampered-hold", laptop.stack.outputs["LedgerTableName"]
    client.grant(actor, 100)
    client.hold(actor, 40)
    dynamodb = laptop.aws.session.client("dynamodb", endpoint_url=laptop.aws.url)
    place: Any = {"pk": {"S": f"TENANT#default#ACTOR#{actor}"}, "sk": {"S": "HOLD#h2"}}
    item = dynamodb.get_item(TableName=table, Key=place)["Item"]
    dynamodb.put_item(TableName=table, Item=item | {"amount": {"N": "1"}})
    try:
        *_, found = operations.reconcile(stack, repair=False, tenant="default", actor=actor)
        assert [each.problem for each in found.findings] == ["hold h2 does not match the entries"]
    finally:
        dynamodb.put_item(TableName=table, Item=item)
    *_, found = operations.reconcile(stack, repair=False, tenant="default", actor=actor)
    assert found.holds


@pytest.mark.usefixtures("audited")
def test_all_accounts_are_reconciled_in_as_many_calls_as_it_takes(laptop: Laptop, stack: Stack) -> None:
    first = stack.invoke(stack.output("ReconcileFunctionName"), {"budget_s": 0})
    assert first["accounts"] == 1
    assert first["next"] is not None
    *_, whole = operations.reconcile(stack, repair=False)
    assert whole.accounts >= 1


@pytest.mark.usefixtures("audited")
def test_a_proof_of_the_laptop_cloud_convinces_a_verifier_that_has_one_file(
    stack: Stack, client: Millicent, tmp_path: Path
) -> None:
    made = operations.make_digest(stack)
    key = operations.signing_key(stack)
    assert made.key == key.fingerprint
    file, pem = tmp_path / "proof.json", tmp_path / "key.pem"
    file.write_text(json.dumps(client.proof(ACTOR, records=10)))
    pem.write_text(key.pem)
    command = [sys.executable, "-I", "-S", verify_proof.__file__, str(file), "--key", str(pem)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{ACTOR} (tenant default) at entry 3" in done.stdout
    assert "3 records, from entry 1 on" in done.stdout


@pytest.mark.usefixtures("audited")
def test_a_digest_can_be_neither_replaced_nor_removed(laptop: Laptop, stack: Stack) -> None:
    number = operations.make_digest(stack).number
    s3 = laptop.aws.session.client("s3", endpoint_url=laptop.aws.url)
    place: Any = {"Bucket": stack.output("DigestBucketName"), "Key": f"digests/{number:08d}.json"}
    version = s3.head_object(**place)["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(**place, VersionId=version)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(**place, Body=b"another", IfNoneMatch="*")


@pytest.mark.usefixtures("audited")
def test_an_event_in_the_failure_queue_is_handed_over_and_kept(laptop: Laptop, stack: Stack, client: Millicent) -> None:
    taken = row(laptop, 3)
    entry = json.loads(record_text(taken))
    data = {"record": record_text(taken), "hash": taken["hash"]["S"]}
    detail = {"event_id": taken["event_id"]["S"], "actor": entry["actor"], "seq": entry["seq"], "data": data}
    event = {"source": "millicent", "detail-type": "credit.record-cost", "detail": detail}
    queue = failures.queue_named(stack, "audit")
    for _ in range(2):
        stack.call("sqs", "send_message", QueueUrl=queue.url, MessageBody=json.dumps(event))
    assert failures.waiting(stack, queue).waiting == 2
    assert {each.is_taken for each in failures.redrive(stack, queue)} == {True}
    eventually(lambda: len(client.audit(ACTOR).items) == 3, "the row is back")
    assert reconcile(stack).holds
    assert failures.waiting(stack, queue).waiting == 0


def test_a_forged_row_is_set_aside_by_the_outbox_and_named(laptop: Laptop, stack: Stack) -> None:
    dynamodb = laptop.aws.session.client("dynamodb", endpoint_url=laptop.aws.url)
    place = {"pk": {"S": "TENANT#default#ACTOR#user:forged"}, "sk": {"S": "OP#forged"}}
    table = laptop.stack.outputs["LedgerTableName"]
    dynamodb.put_item(TableName=table, Item=place | {"record": {"S": "{}"}})
    queue = failures.queue_named(stack, "outbox")
    try:
        (shown,) = eventually(lambda: failures.show(stack, queue, 10) or None, "the row is set aside")
        assert shown.subject == "TENANT#default#ACTOR#user:forged OP#forged"
        *_, found = operations.reconcile(stack, repair=False, tenant="default", actor="user:forged")
        assert [each.problem for each in found.findings] == ["OP#forged contains no entry"]
    finally:
        dynamodb.delete_item(TableName=table, Key=place)
        stack.call("sqs", "purge_queue", QueueUrl=queue.url)
