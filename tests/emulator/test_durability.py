"""What we add to the emulator, without the product: what tables and queues hold after a kill or a deleted stack."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from local.aws import as_root
from local.emulator import Emulator, running, save
from local.processes import claimed_port, free_port

TABLE = "kept-ledger"
QUEUE = "kept-ingest"
STACK = "kept"


@dataclass(frozen=True)
class World:
    """One running emulator, asked as root."""

    emulator: Emulator

    def client(self, service: Any) -> Any:
        return as_root(self.emulator.url).session.client(service, endpoint_url=self.emulator.url)

    @property
    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client("dynamodb").scan(TableName=TABLE)["Items"]
        return found

    @property
    def queue_url(self) -> str:
        url: str = self.client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
        return url

    @property
    def messages(self) -> list[str]:
        """They stay in the queue."""
        received = self.client("sqs").receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [message["Body"] for message in received.get("Messages", [])]

    def put(self, *numbers: int) -> None:
        puts = [{"Put": {"TableName": TABLE, "Item": item(number)}} for number in numbers]
        self.client("dynamodb").transact_write_items(TransactItems=puts)

    def send(self, body: str) -> None:
        self.client("sqs").send_message(QueueUrl=self.queue_url, MessageBody=body)

    def create_stack(self, name: str = STACK, sort_key: str = "sk") -> None:
        self.client("cloudformation").create_stack(StackName=name, TemplateBody=template(sort_key))
        self.client("cloudformation").get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )

    def delete_stack(self) -> None:
        self.client("cloudformation").delete_stack(StackName=STACK)
        self.client("cloudformation").get_waiter("stack_delete_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1}
        )

    def why_not_created(self, name: str) -> str:
        events = self.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    def kill(self) -> None:
        os.killpg(self.emulator.process.pid, signal.SIGKILL)
        self.emulator.process.wait()


@contextmanager
def world(state_dir: Path) -> Iterator[World]:
    with claimed_port(free_port() for _ in range(5)) as port, running(state_dir, port) as emulator:
        yield World(emulator)


def item(number: int) -> dict[str, Any]:
    return {
        "pk": {"S": "account"},
        "sk": {"S": f"{number:03d}"},
        "amount": {"N": str(number)},
        "raw": {"B": b"\x00\xff"},
    }


def template(sort_key: str) -> str:
    keys = {"pk": "HASH", sort_key: "RANGE"}
    table = {
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
    }
    resources = {
        "Ledger": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": table},
        "Ingest": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {"QueueName": QUEUE}},
    }
    return json.dumps({"Resources": resources})


def test_what_was_acknowledged_survives_a_kill_and_what_was_removed_stays_removed(tmp_path: Path) -> None:
    with world(tmp_path) as before:
        before.create_stack()
        save(before.emulator.url)
        before.put(1, 2, 3)
        dynamodb = before.client("dynamodb")
        dynamodb.delete_item(TableName=TABLE, Key={name: item(2)[name] for name in ("pk", "sk")})
        new_amount = {":amount": {"N": "30"}}
        key = {name: item(3)[name] for name in ("pk", "sk")}
        dynamodb.update_item(
            TableName=TABLE, Key=key, UpdateExpression="SET amount = :amount", ExpressionAttributeValues=new_amount
        )
        before.send("a charge")
        before.kill()
    with world(tmp_path) as after:
        assert after.items == [item(1), {**item(3), "amount": {"N": "30"}}]
        assert after.messages == ["a charge"]
        after.client("sqs").purge_queue(QueueUrl=after.queue_url)
        after.kill()
    with world(tmp_path) as at_last:
        assert at_last.messages == []
        assert at_last.client("dynamodb").describe_table(TableName=TABLE)["Table"]["ItemCount"] == 2


def test_a_table_and_a_queue_that_were_just_created_survive_a_kill_with_what_came_first(tmp_path: Path) -> None:
    with world(tmp_path) as before:
        before.client("dynamodb").create_table(**json.loads(template("sk"))["Resources"]["Ledger"]["Properties"])
        before.put(1)
        before.client("sqs").create_queue(QueueName=QUEUE)
        before.send("a charge")
        before.kill()
    with world(tmp_path) as after:
        assert after.items == [item(1)]
        assert after.messages == ["a charge"]


def test_a_new_stack_gets_the_table_and_the_queue_that_a_deleted_one_left(tmp_path: Path) -> None:
    with world(tmp_path) as before:
        before.create_stack()
        before.put(1)
        before.send("a charge")
        before.delete_stack()
        before.create_stack()
        assert before.items == [item(1)]
        before.put(2)
        before.kill()
    with world(tmp_path) as after:
        assert after.items == [item(1), item(2)]
        assert after.messages == ["a charge"]


def test_a_kept_table_of_other_keys_or_another_stack_is_not_given_away(tmp_path: Path) -> None:
    with world(tmp_path) as cloud:
        cloud.create_stack()
        cloud.put(1)
        with pytest.raises(WaiterError):
            cloud.create_stack("second")
        assert f"{QUEUE} already exists, as Ingest of the stack {STACK}" in cloud.why_not_created("second")
        cloud.delete_stack()
        with pytest.raises(WaiterError):
            cloud.create_stack("third", sort_key="number")
        assert f"table {TABLE} was kept when its stack was deleted, and its keys differ" in cloud.why_not_created(
            "third"
        )
        assert cloud.items == [item(1)]
