"""Redriving the failure queues: everything goes where it belongs, once, and what nobody understands stays."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from millicent.aws import AwsFailed, Stack
from millicent.cli import main
from millicent.cli.invocation import Invocation
from tests.integration.world import AUDIT_TABLE, FAILURE_QUEUE, TAP_QUEUE, USAGE_TABLE, World, client

ALICE = "user:alice"
RECONCILE_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:reconcile"
DUE_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:due"
QUEUES = ("rule-failures", "audit-failures", "usage-failures", "usage", "schedule-failures")


@dataclass(frozen=True)
class StackInProcess(Stack):
    """A stack whose functions are called here. `started` are calls that nobody waits for."""

    world: Any = None
    started: list[tuple[str, Any]] = field(default_factory=list)

    def invoke(self, function: str, request: Mapping[str, Any]) -> Any:
        return json.loads(json.dumps(self.world.invoke(function, json.loads(json.dumps(request)))))

    def start(self, function: str, request: Mapping[str, Any]) -> None:
        self.started.append((function, request))


@pytest.fixture
def stack(world: World) -> StackInProcess:
    sqs = client("sqs")
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}
    found = StackInProcess("millicent", SimpleNamespace(), world=world)  # type: ignore[arg-type]
    found.clients["sqs"] = sqs
    found.__dict__["outputs"] = {
        "OutboxFailureQueueUrl": sqs.get_queue_url(QueueName=FAILURE_QUEUE)["QueueUrl"],
        "RuleFailureQueueUrl": urls["rule-failures"],
        "AuditFailureQueueUrl": urls["audit-failures"],
        "UsageFailureQueueUrl": urls["usage-failures"],
        "UsageQueueUrl": urls["usage"],
        "ScheduleFailureQueueUrl": urls["schedule-failures"],
        "AuditQueueUrl": sqs.get_queue_url(QueueName=TAP_QUEUE)["QueueUrl"],
        "OutboxFunctionName": "outbox",
        "ReconcileFunctionName": "reconcile",
        "DigestFunctionName": "digest",
        "DueFunctionName": "due",
        "BoardsFunctionName": "boards",
        "ApiUrl": "https://api",
    }
    return found


def run(stack: Stack, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["dlq", *arguments], obj=Invocation(stack=stack))


def document(stack: Stack, *arguments: str) -> Any:
    return told(run(stack, *arguments, "--json"))


def told(result: Result) -> Any:
    """The document on the last line; what comes before it was logged by functions that run in this process."""
    return json.loads(result.stdout.splitlines()[-1])


def send(stack: Stack, queue: str, body: object, **attributes: str) -> None:
    client("sqs").send_message(
        QueueUrl=stack.outputs[f"{queue}FailureQueueUrl"],
        MessageBody=body if isinstance(body, str) else json.dumps(body),
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
    )


def charged(world: World) -> list[dict[str, Any]]:
    """The events of two entries that never reached the audit table."""
    world.fund({"actor": ALICE, "amount": 100})
    world.cost({"actor": ALICE, "cost": 1})
    world.invoke("outbox", world.stream_event())
    return [json.loads(record["body"]) for record in world.queue_event()["Records"]]


def audited(world: World) -> int:
    world.invoke("audit", world.queue_event())
    return len(world.contents()[AUDIT_TABLE])


def test_every_failure_exit_is_listed_with_what_waits(stack: StackInProcess) -> None:
    assert run(stack, "list").exit_code == 0
    send(stack, "Rule", {"source": "somebody"})
    counted = {each["name"]: each["waiting"] for each in document(stack, "list")["items"]}
    assert counted == {"audit": 0, "outbox": 0, "rule": 1, "schedule": 0, "usage": 0}
    assert run(stack, "list").exit_code == 1


def test_a_queue_that_is_not_there_is_named_with_those_that_are(stack: StackInProcess) -> None:
    refused = run(stack, "redrive", "other")
    assert refused.exit_code == 2
    assert "audit, outbox, rule, schedule, usage" in refused.stderr


@pytest.mark.parametrize("queue", ["Rule", "Audit"])
def test_events_are_sent_to_the_audit_queue_and_kept_once(world: World, stack: StackInProcess, queue: str) -> None:
    events = charged(world)
    for event in [*events, *events]:
        send(stack, queue, event, ERROR_CODE="NO_PERMISSIONS", TARGET_ARN="arn:aws:sqs:eu-central-1:1:audit")
    answer = document(stack, "redrive", queue.lower())
    assert (answer["taken"], answer["left"]) == (4, 0)
    assert audited(world) == 2
    assert document(stack, "redrive", queue.lower())["items"] == []


def test_events_that_were_not_counted_go_back_to_the_usage_queue(world: World, stack: StackInProcess) -> None:
    _, charge = charged(world)
    send(stack, "Usage", charge)
    answer = document(stack, "redrive", "usage")
    assert [each["done"] for each in answer["items"]] == ["sent to the usage queue"]
    assert world.invoke("usage", world.queue_event("usage")) == {"batchItemFailures": []}
    assert world.get(f"/v1/accounts/{ALICE}/usage").body["counted_through"] == 2
    assert audited(world) == 0


@pytest.mark.parametrize(
    ("detail_type", "output", "of_what"),
    [
        ("credit.low-balance", "LowBalanceTopicArn", "low balances"),
        ("ledger.digest", "DigestTopicArn", "digests"),
    ],
)
def test_what_has_a_topic_is_told_to_it_and_not_to_the_audit_queue(
    world: World, stack: StackInProcess, detail_type: str, output: str, of_what: str
) -> None:
    sns, sqs = client("sns"), client("sqs")
    heard = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    stack.clients["sns"] = sns
    topic = sns.create_topic(Name="low-balance")["TopicArn"]
    stack.__dict__["outputs"] = {**stack.outputs, output: topic}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    warning = {"source": "millicent", "detail-type": detail_type, "detail": {"actor": ALICE, "seq": 2}}
    send(stack, "Rule", warning)
    answer = document(stack, "redrive", "rule")
    assert [each["done"] for each in answer["items"]] == [f"told to the topic of {of_what}"]
    (told_of,) = sqs.receive_message(QueueUrl=heard)["Messages"]
    assert json.loads(json.loads(told_of["Body"])["Message"]) == warning
    assert audited(world) == 0


def test_showing_leaves_everything_where_it_is(world: World, stack: StackInProcess) -> None:
    for event in charged(world):
        send(stack, "Audit", event)
    for _ in range(2):
        shown = document(stack, "show", "audit")["items"]
        assert sorted(each["what"] for each in shown) == [
            "credit.funding-update of user:alice, seq 1",
            "credit.record-cost of user:alice, seq 2",
        ]
    assert len(document(stack, "show", "audit", "--limit", "1")["items"]) == 1


def test_an_entry_set_aside_is_given_to_the_outbox_again(world: World, stack: StackInProcess) -> None:
    charged(world)
    record = next(
        each for each in world.stream_event()["Records"] if each["dynamodb"]["Keys"]["sk"]["S"].startswith("OP#")
    )
    send(stack, "Outbox", {"why": "a defect of then", "record": json.dumps(record), "is_cut": False})
    answer = document(stack, "redrive", "outbox")
    assert [each["done"] for each in answer["items"]] == ["1 given to the outbox function again"]
    assert audited(world) == 1


def test_an_entry_that_still_is_none_comes_back_and_is_tried_once(world: World, stack: StackInProcess) -> None:
    charged(world)
    (record, *_) = world.stream_event()["Records"]
    record["dynamodb"]["NewImage"] = {}
    record["dynamodb"]["Keys"]["sk"]["S"] = "OP#forged"
    send(stack, "Outbox", {"why": "no record", "record": json.dumps(record), "is_cut": False})
    assert document(stack, "redrive", "outbox")["taken"] == 1
    (again,) = document(stack, "show", "outbox")["items"]
    assert again["what"].endswith("OP#forged")


def test_a_record_that_was_cut_stays_and_says_what_helps(stack: StackInProcess) -> None:
    send(stack, "Outbox", {"why": "too large", "record": '{"dyn', "is_cut": True})
    answer = document(stack, "redrive", "outbox")
    assert answer["left"] == 1
    assert "verify --repair" in answer["items"][0]["done"]
    assert document(stack, "list")["items"][1]["waiting"] == 1


class TwoPages:
    """The stream as its API shows it: typed times, a page at a time, and an iterator that never ends."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.pages = [records[:3], records[3:], []]

    def get_shard_iterator(self, **asked: str) -> dict[str, str]:
        assert (asked["ShardIteratorType"], asked["SequenceNumber"]) == ("AT_SEQUENCE_NUMBER", "100")
        return {"ShardIterator": "0"}

    def get_records(self, ShardIterator: str) -> dict[str, Any]:  # noqa: N803 - the name that AWS gives it
        number = int(ShardIterator)
        return {"Records": self.pages[number], "NextShardIterator": str(number + 1)}


def test_a_batch_that_was_given_up_is_read_from_the_stream_and_published(world: World, stack: StackInProcess) -> None:
    charged(world)
    world.cost({"actor": ALICE, "cost": 2})
    records = world.stream_event()["Records"]
    for each in records:
        each["dynamodb"]["ApproximateCreationDateTime"] = datetime(2026, 1, 31, tzinfo=UTC)
    stack.clients["dynamodbstreams"] = TwoPages(records)
    numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
    batch = {"shardId": "shard", "streamArn": "arn", "startSequenceNumber": "100", "batchSize": 3}
    content = {
        "requestContext": {"condition": "RetryAttemptsExhausted", "functionArn": "outbox"},
        "DDBStreamBatchInfo": batch | {"endSequenceNumber": numbers[-2]},
    }
    send(stack, "Outbox", content)
    answer = document(stack, "redrive", "outbox")
    assert [each["done"] for each in answer["items"]] == ["2 given to the outbox function again"]
    assert audited(world) == 2


def test_a_failed_run_is_started_again_with_the_same_request(stack: StackInProcess) -> None:
    request = {"scheduled": True, "after": "cursor"}
    context = {"functionArn": f"{RECONCILE_ARN}:$LATEST", "condition": "RetriesExhausted"}
    send(stack, "Schedule", {"requestContext": context, "requestPayload": request})
    send(stack, "Schedule", {"scheduled": True}, TARGET_ARN=RECONCILE_ARN, ERROR_MESSAGE="not there")
    assert document(stack, "redrive", "schedule")["taken"] == 2
    assert stack.started == [("reconcile", request), ("reconcile", {"scheduled": True})]


def test_a_run_of_what_is_due_that_failed_is_started_again(stack: StackInProcess) -> None:
    context = {"functionArn": DUE_ARN, "condition": "RetriesExhausted"}
    send(stack, "Schedule", {"requestContext": context, "requestPayload": {"scheduled": True, "round": 2}})
    assert document(stack, "redrive", "schedule")["taken"] == 1
    assert stack.started == [("due", {"scheduled": True, "round": 2})]


def test_no_function_of_others_is_ever_started(stack: StackInProcess) -> None:
    elsewhere = {"functionArn": "arn:aws:lambda:eu-central-1:1:function:theirs", "condition": "?"}
    send(stack, "Schedule", {"requestContext": elsewhere, "requestPayload": {}})
    answer = document(stack, "redrive", "schedule")
    assert (answer["left"], stack.started) == (1, [])


@pytest.mark.parametrize("body", ["not json", "[]", "null", '{"source": "somebody"}', '{"DDBStreamBatchInfo": 1}'])
def test_what_nobody_understands_stays_where_it_is(stack: StackInProcess, body: str) -> None:
    send(stack, "Audit", body)
    done = run(stack, "redrive", "audit")
    assert done.exit_code == 1
    assert "stays" in done.stdout
    assert document(stack, "list")["items"][0]["waiting"] == 1


def test_a_message_is_kept_while_what_it_needs_fails(
    world: World, stack: StackInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_self: Stack, function: str, _request: Any) -> Any:
        raise AwsFailed(f"the function {function} failed")

    monkeypatch.setattr(StackInProcess, "invoke", failing)
    charged(world)
    (record, *_) = world.stream_event()["Records"]
    send(stack, "Outbox", {"why": "?", "record": json.dumps(record), "is_cut": False})
    assert document(stack, "redrive", "outbox")["items"][0]["done"] == "the function outbox failed"
    assert document(stack, "list")["items"][1]["waiting"] == 1


def test_verify_says_what_is_wrong_and_repairs_it(world: World, stack: StackInProcess) -> None:
    _, charge = charged(world)
    command = ["verify", "--grace", "0"]
    wrong = CliRunner().invoke(main, command, obj=Invocation(stack=stack))
    assert wrong.exit_code == 1
    assert "is missing" in wrong.stdout
    world.invoke("usage", {"Records": [{"messageId": "m-1", "body": json.dumps(charge)}]})
    repaired = CliRunner().invoke(main, [*command, "--repair", "--json"], obj=Invocation(stack=stack))
    assert repaired.exit_code == 0
    assert {name: told(repaired)[name] for name in ("holds", "repaired")} == {"holds": True, "repaired": 2}


def test_a_repair_lists_accounts_and_sets_the_sums_of_tenants_right_as_often_as_it_is_asked(
    world: World, stack: StackInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of Alice the tenant knows too little, of Bob, who has no sums, too much; Carl is not listed."""
    for actor in ("user:alice", "user:bob", "user:carl"):
        world.fund({"actor": actor, "amount": 1000})
        world.cost({"actor": actor, "cost": 7})
    world.settle()
    world.count_boards()
    world.cost({"actor": "user:alice", "cost": 3})
    world.settle()
    world.count_usage()
    _forget_sums("user:bob")
    begun = {"pk": {"S": "TENANT#main#ACTOR#user:carl"}, "sk": {"S": "BEGUN"}}
    client("dynamodb").update_item(TableName="ledger", Key=begun, UpdateExpression="REMOVE listed_in")
    runtime = world.modules["reconcile"].runtime
    a_day_later_ms = runtime.now_ms() + 24 * 3600 * 1000
    monkeypatch.setattr(world.modules["reconcile"], "runtime", replace(runtime, now_ms=lambda: a_day_later_ms))

    command = ["verify", "--wait", "0", "--json"]

    def wrong(*options: str) -> set[str]:
        """Whose sums of the tenant, or place in the index, are a finding."""
        found = told(CliRunner().invoke(main, [*command, *options], obj=Invocation(stack=stack)))["findings"]
        return {
            each["actor"] for each in found if each["problem"].endswith(("sums of the tenant", "index of accounts"))
        }

    assert wrong() == {"user:alice", "user:bob", "user:carl"}
    assert wrong("--repair") == set()
    assert wrong("--repair") == set()
    assert wrong() == set()
    spent = world.get("/v1/usage", query={"group_by": "actor"}).body["items"]
    assert [(each["actor"], each["net"]) for each in spent] == [("user:alice", 10), ("user:carl", 7)]


def _forget_sums(actor: str) -> None:
    dynamodb, pk = client("dynamodb"), f"TENANT#main#ACTOR#{actor}"
    for row in dynamodb.scan(TableName=USAGE_TABLE)["Items"]:
        if row["pk"]["S"] == pk:
            dynamodb.delete_item(TableName=USAGE_TABLE, Key={"pk": row["pk"], "sk": row["sk"]})


def test_verify_can_be_of_one_account(world: World, stack: StackInProcess) -> None:
    charged(world)
    world.fund({"actor": "user:bob", "amount": 1})
    arguments = ["verify", "--grace", "0", "--tenant", "main", "--json", "--actor"]
    asked = CliRunner().invoke(main, [*arguments, "user:bob"], obj=Invocation(stack=stack))
    (finding,) = told(asked)["findings"]
    assert finding == {"tenant": "main", "actor": "user:bob", "place": "audit", "seq": 1, "problem": "is missing"}
