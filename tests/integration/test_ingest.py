"""From `enqueue` through the ingest queue to the record, and what cannot be recorded to its failure queue."""

import dataclasses
import json
from decimal import Decimal
from io import StringIO
from typing import Any, Final

import pytest
from botocore.stub import Stubber
from click.testing import CliRunner, Result

from millicent.aws import AwsFailed
from millicent.cli import main
from millicent.cli.invocation import Invocation
from millicent.client import BatchCharge
from millicent.ids import in_path
from millicent.ingest import NotEnqueued, enqueue
from shared.adapters.poison_queue import SqsPoisonQueue
from shared.ledger.times import rfc3339
from tests.ids import REAL
from tests.integration.test_failure_queues import StackInProcess
from tests.integration.world import FIFO, Context, World, client, new_key
from tests.template.resolved import STACK

ALICE: Final = "user:alice"
QUEUE: Final = f"{STACK}-ingest.fifo"
FAILURES: Final = f"{STACK}-ingest-failures.fifo"
"""As the template names them: the function may send to no other."""
SENDER: Final = "AROAEXAMPLE:worker"


@pytest.fixture
def stack(world: World, monkeypatch: pytest.MonkeyPatch) -> StackInProcess:
    """A stack with the ingest queue and its failure queue; 1000 millicents for Alice and Bob each."""
    urls = [client("sqs").create_queue(QueueName=n, Attributes=FIFO)["QueueUrl"] for n in (QUEUE, FAILURES)]
    found = StackInProcess("millicent", None, world=world)  # type: ignore[arg-type]
    found.clients["sqs"] = client("sqs")
    found.__dict__["outputs"] = {"IngestQueueUrl": urls[0], "IngestFailureQueueUrl": urls[1]}
    runtime = world.modules["ingest"].runtime
    poison_queue = SqsPoisonQueue(urls[1], client("sqs"), runtime.observability.failed)
    monkeypatch.setattr(world.modules["ingest"], "runtime", dataclasses.replace(runtime, poison_queue=poison_queue))
    for actor in (ALICE, "user:bob"):
        world.fund({"actor": actor, "amount": 1000})
    return found


def send(body: str, group: str = ALICE, **attributes: str) -> None:
    client("sqs").send_message(
        QueueUrl=client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"],
        MessageBody=body,
        MessageGroupId=group,
        MessageDeduplicationId=new_key(),
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
    )


def waiting(queue: str = QUEUE) -> list[dict[str, Any]]:
    """What Lambda would hand over: everything in the queue, which has it no more."""
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    records: list[dict[str, Any]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        for each in messages:
            records.append(as_lambda_shows_it(each))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return records


def as_lambda_shows_it(message: dict[str, Any]) -> dict[str, Any]:
    named = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "body": message["Body"],
        "attributes": {**message["Attributes"], "SenderId": SENDER},
        "messageAttributes": {name: {"stringValue": each["StringValue"]} for name, each in named.items()},
    }


def deliver(world: World) -> list[str]:
    """Hands everything over; the ids that come again."""
    answer = world.invoke("ingest", {"Records": waiting()})
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def recorded(world: World, actor: str = ALICE) -> list[dict[str, Any]]:
    """The charges on the record, oldest first."""
    items = world.get(f"/v1/accounts/{actor}/entries", query={"kind": "charge", "limit": "100"}).body["items"]
    return list(reversed(items))


def set_aside() -> list[tuple[str, str]]:
    """Code and body of each message in the failure queue."""
    return [(each["messageAttributes"]["ERROR_CODE"]["stringValue"], each["body"]) for each in waiting(FAILURES)]


def run(stack: StackInProcess, *arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=text, obj=Invocation(stack=stack))


def told(result: Result) -> Any:
    return json.loads(result.stdout.splitlines()[-1])


def test_what_is_enqueued_is_on_the_record_once_in_order_and_says_who_sent_it(
    world: World, stack: StackInProcess
) -> None:
    charges = [BatchCharge(actor=ALICE, cost="1.125", key=f"k{number}", meter="llm") for number in range(12)]
    assert enqueue(stack, charges) == 12
    assert deliver(world) == []
    assert [each["key"] for each in recorded(world)] == [each.key for each in charges]
    assert {each["by"] for each in recorded(world)} == {SENDER}
    assert enqueue(stack, charges) == 12
    assert deliver(world) == []
    assert len(recorded(world)) == 12


def test_the_queue_forgets_the_same_charge_and_lets_another_under_its_key_be_noticed(
    world: World, stack: StackInProcess
) -> None:
    first = {"key": "k", "actor": ALICE, "cost": 1}
    enqueue(stack, [first, first, first | {"cost": 2}])
    messages = waiting()
    assert [json.loads(each["body"])["cost"] for each in messages] == [1, 2]
    assert world.invoke("ingest", {"Records": messages}) == {"batchItemFailures": []}
    assert set_aside() == [("idempotency_key_reused", '{"key":"k","actor":"user:alice","cost":2}')]
    assert [each["amount"] for each in recorded(world)] == [-1]


def test_messages_of_an_account_share_a_group_and_those_of_others_do_not(stack: StackInProcess) -> None:
    enqueue(stack, [{"key": new_key(), "actor": actor, "cost": 1} for actor in (ALICE, "user:bob", ALICE)])
    enqueue(stack, [{"key": new_key(), "actor": ALICE, "cost": 1}], tenant="other")
    groups = [each["attributes"]["MessageGroupId"] for each in waiting()]
    assert sorted(groups) == ["/user:alice", "/user:alice", "/user:bob", "other/user:alice"]


def test_ids_of_any_form_are_taken_and_an_account_of_long_names_has_a_group_of_its_own(
    world: World, stack: StackInProcess
) -> None:
    actors = [*REAL, "/?%", "x" * 128, f"{'x' * 127}y"]
    for actor in actors:
        world.fund({"actor": actor, "amount": 10})
    enqueue(
        stack,
        [{"key": f"{number}|{actor[:100]}", "actor": actor, "cost": number} for number in (1, 2) for actor in actors],
    )
    messages = waiting()
    assert len({each["attributes"]["MessageGroupId"] for each in messages}) == len(actors)
    assert world.invoke("ingest", {"Records": messages}) == {"batchItemFailures": []}
    assert set_aside() == []
    assert [recorded(world, in_path(actor))[-1]["amount"] for actor in actors] == [-2] * len(actors)


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        ("not json", "invalid_json", "line 1"),
        ("[]", "invalid_json", "must be a JSON object"),
        ('{"key": "k", "key": "l", "actor": "a", "cost": 1}', "duplicate_json_key", "key"),
        ('{"key": "k", "actor": "user:alice", "cost": "much"}', "validation_failed", "$.cost must be"),
        ('{"actor": "user:alice", "cost": 1}', "validation_failed", "$.key is required"),
        (
            '{"key": "k", "actor": "user:alice", "cost": 1, "tenant": "t"}',
            "validation_failed",
            "$.tenant unknown field",
        ),
        ('{"key": "k", "actor": "' + "a" * 9000 + '", "cost": 1}', "body_too_large", "8192"),
    ],
)
def test_poison_goes_to_the_failure_queue_alone_with_the_reason(
    world: World, stack: StackInProcess, body: str, code: str, why: str
) -> None:
    enqueue(stack, [{"key": "before", "actor": ALICE, "cost": 1}])
    send(body, "/user:alice")
    enqueue(stack, [{"key": "after", "actor": ALICE, "cost": 1}])
    assert deliver(world) == []
    assert [each["key"] for each in recorded(world)] == ["before", "after"]
    (message,) = waiting(FAILURES)
    attributes = {name: each["stringValue"] for name, each in message["messageAttributes"].items()}
    assert (message["body"], message["attributes"]["MessageGroupId"]) == (body, "/user:alice")
    assert (attributes["ERROR_CODE"], attributes["SENDER"]) == (code, SENDER)
    assert why in attributes["ERROR_MESSAGE"]


def test_a_refused_charge_is_an_answer_and_no_failure(world: World, stack: StackInProcess) -> None:
    enqueue(stack, [{"key": "k", "actor": ALICE, "cost": 1001}])
    assert deliver(world) == []
    assert [(each["outcome"], each["reason"]) for each in recorded(world)] == [("refused", "insufficient_credits")]
    assert set_aside() == []


def test_usage_is_priced_as_in_a_call_and_what_has_no_price_is_set_aside(world: World, stack: StackInProcess) -> None:
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
    send(json.dumps({"key": "k", "actor": ALICE, "usage": usage}))
    send(json.dumps({"key": "l", "actor": ALICE, "usage": {**usage, "model": "gpt-9000x"}}))
    assert deliver(world) == []
    assert [(each["key"], each["amount"]) for each in recorded(world)] == [("k", Decimal("-137.5"))]
    assert [code for code, _ in set_aside()] == ["unpriced"]


def test_a_message_that_names_another_tenant_is_not_charged_to_ours(world: World, stack: StackInProcess) -> None:
    enqueue(stack, [{"key": "k", "actor": ALICE, "cost": 1}], tenant="other")
    enqueue(stack, [{"key": "l", "actor": ALICE, "cost": 1}], tenant="main")
    assert deliver(world) == []
    assert [each["key"] for each in recorded(world)] == ["l"]
    assert [code for code, _ in set_aside()] == ["tenant_missing"]


def test_where_the_deployer_says_so_a_message_is_charged_to_the_tenant_that_it_names(
    world: World, stack: StackInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = dataclasses.replace(world.modules["ingest"].runtime, tenant_from="message")
    monkeypatch.setattr(world.modules["ingest"], "runtime", runtime)
    enqueue(stack, [{"key": "k", "actor": ALICE, "cost": 0}], tenant="other")
    enqueue(stack, [{"key": "l", "actor": ALICE, "cost": 0}])
    assert deliver(world) == []
    assert [each["key"] for each in recorded(world)] == ["l"]
    claims = {"sub": "billing", "client_id": "billing", "scope": "credits/read", "custom:tenant": "other"}
    items = world.get(f"/v1/accounts/{ALICE}/entries", claims=claims).body["items"]
    assert [each["key"] for each in items] == ["k"]


@pytest.mark.parametrize("tenant", ["", "two words"])
def test_without_a_tenant_nobody_is_charged(
    world: World, stack: StackInProcess, monkeypatch: pytest.MonkeyPatch, tenant: str
) -> None:
    runtime = dataclasses.replace(world.modules["ingest"].runtime, tenant_from="message", default_tenant="")
    monkeypatch.setattr(world.modules["ingest"], "runtime", runtime)
    send('{"key": "k", "actor": "user:alice", "cost": 1}', **({"tenant": tenant} if tenant else {}))
    assert deliver(world) == []
    assert [code for code, _ in set_aside()] == ["tenant_missing"]


def test_an_attribute_that_is_no_text_names_no_tenant(world: World, stack: StackInProcess) -> None:
    enqueue(stack, [{"key": "k", "actor": ALICE, "cost": 1}])
    (record,) = waiting()
    record["messageAttributes"] = {"tenant": {"dataType": "Binary", "binaryValue": "bWFpbg=="}}
    assert world.invoke("ingest", {"Records": [record]}) == {"batchItemFailures": []}
    assert [code for code, _ in set_aside()] == ["tenant_missing"]


def test_a_failure_queue_that_takes_nothing_loses_nothing(world: World, stack: StackInProcess, log: StringIO) -> None:
    client("sqs").delete_queue(QueueUrl=stack.output("IngestFailureQueueUrl"))
    send("not json")
    send('{"key": "k", "actor": "user:bob", "cost": 1}', "user:bob")
    assert len(deliver(world)) == 1
    assert [each["key"] for each in recorded(world, "user:bob")] == ["k"]
    assert "failure queue did not take a message" in log.getvalue()


def test_without_time_nothing_is_begun_and_all_comes_again(world: World, stack: StackInProcess) -> None:
    enqueue(stack, [{"key": key, "actor": ALICE, "cost": 1} for key in "ab"])
    event = {"Records": waiting()}
    module = world.modules["ingest"]
    answer = module.lambda_handler(event, Context("ingest", remaining_ms=8_000))
    assert len(answer["batchItemFailures"]) == 2
    assert recorded(world) == []


def test_the_log_says_what_was_set_aside_and_why(world: World, stack: StackInProcess, log: StringIO) -> None:
    send('{"key": "k", "actor": "user:alice"}')
    deliver(world)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (line,) = [each for each in lines if each.get("message") == "message set aside"]
    assert (line["level"], line["code"], line["sender"]) == ("ERROR", "validation_failed", SENDER)
    assert line["why"] == "$.cost is required, or usage instead"


def test_the_command_sends_every_line_of_a_file_with_its_exact_numbers(world: World, stack: StackInProcess) -> None:
    lines = '{"key": "a", "actor": "user:alice", "cost": 0.125}\n\n{"key": "b", "actor": "user:bob", "cost": "2"}\n'
    done = run(stack, "enqueue", "-", "--json", text=lines)
    assert (done.exit_code, told(done)) == (0, {"enqueued": 2})
    assert deliver(world) == []
    assert [str(each["amount"]) for actor in (ALICE, "user:bob") for each in recorded(world, actor)] == ["-0.125", "-2"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 is not a JSON object"),
        ("[]", "line 2 is not a JSON object"),
        ('{"actor": "a"}', "line 2 needs key, a string"),
        ('{"key": "", "actor": "a"}', "line 2 needs key, a string"),
        ('{"key": "k", "actor": 7}', "line 2 needs actor, a string"),
    ],
)
def test_a_line_that_is_no_charge_is_named_and_nothing_is_sent(stack: StackInProcess, line: str, said: str) -> None:
    done = run(stack, "enqueue", "-", text='{"key": "k", "actor": "a", "cost": 1}\n' + line)
    assert done.exit_code == 2
    assert said in done.stderr
    assert waiting() == []


def test_a_queue_that_takes_only_some_says_which_it_did_not(stack: StackInProcess) -> None:
    failed = {"Id": "1", "SenderFault": False, "Code": "InternalError", "Message": "try again"}
    with Stubber(client("sqs")) as answers:
        answers.add_response("send_message_batch", {"Successful": [], "Failed": [failed]})
        with pytest.raises(NotEnqueued, match="the queue rejected 1 charges; l: try again") as raised:
            enqueue(stack, [{"key": key, "actor": ALICE, "cost": 1} for key in "kl"])
    assert [each.key for each in raised.value.charges] == ["l"]


def test_a_queue_that_is_not_there_is_told_from_one_that_takes_nothing(stack: StackInProcess) -> None:
    with pytest.raises(AwsFailed, match="AWS"):
        enqueue(stack, [{"key": "k", "actor": ALICE, "cost": 1}], queue_url="https://sqs/123456789012/none.fifo")


def test_the_failure_queue_is_shown_and_handed_over_again(world: World, stack: StackInProcess) -> None:
    send("not json")
    send('{"key": "k", "actor": "user:alice", "cost": 1}', tenant="other")
    deliver(world)
    assert told(run(stack, "dlq", "list", "--json"))["items"] == [{"name": "ingest", "waiting": 2, "in_hand": 0}]
    shown = told(run(stack, "dlq", "show", "ingest", "--json"))["items"]
    assert [(each["kind"], each["what"]) for each in shown] == [("charge", "not json"), ("charge", "k of user:alice")]
    assert "IngestTenant" in shown[1]["why"]
    answer = told(run(stack, "dlq", "redrive", "ingest", "--json"))
    assert (answer["taken"], answer["left"]) == (2, 0)
    again = waiting()
    assert [each["body"] for each in again] == [each["body"] for each in shown]
    assert [each["messageAttributes"].get("tenant") for each in again] == [None, {"stringValue": "other"}]
    assert {each["attributes"]["MessageGroupId"] for each in again} == {ALICE}


def test_what_is_handed_over_again_after_its_cause_is_gone_is_charged_to_whom_it_named(
    world: World, stack: StackInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(stack, [{"key": "k", "actor": ALICE, "cost": 0}], tenant="other")
    deliver(world)
    runtime = dataclasses.replace(world.modules["ingest"].runtime, tenant_from="message")
    monkeypatch.setattr(world.modules["ingest"], "runtime", runtime)
    for _ in range(2):
        run(stack, "dlq", "redrive", "ingest")
        assert deliver(world) == []
    assert recorded(world) == []
    claims = {"sub": "billing", "client_id": "billing", "scope": "credits/read", "custom:tenant": "other"}
    assert world.get(f"/v1/accounts/{ALICE}/entries", claims=claims).body["items"][0]["key"] == "k"


def test_a_charge_of_the_queue_has_its_time_and_one_out_of_bounds_is_set_aside(stack: StackInProcess) -> None:
    now_ms = stack.world.modules["ingest"].runtime.now_ms()
    yesterday, too_old = rfc3339(now_ms - 86_400_000), rfc3339(now_ms - 36 * 86_400_000)
    for key, occurred_at in {"late": yesterday, "far": too_old}.items():
        send(json.dumps({"key": key, "actor": ALICE, "cost": 5, "occurred_at": occurred_at}))
    assert deliver(stack.world) == []
    entry = stack.world.get("/v1/operations/late", query={"actor": ALICE}).body["entry"]
    assert entry["occurred_at"] == yesterday
    (set_aside,) = waiting(FAILURES)
    assert "occurred_at must be a time from" in str(set_aside["messageAttributes"])
    assert "at most 35 days back" in str(set_aside["messageAttributes"])


def test_a_message_that_names_a_hold_is_a_part_of_it(stack: StackInProcess, world: World) -> None:
    hold = world.hold({"actor": ALICE, "amount": 400}).body["hold"]["id"]
    parts = [BatchCharge(actor=ALICE, cost="137.5", key=key, hold=hold, meter="llm") for key in ("part-1", "part-2")]
    unknown = BatchCharge(actor=ALICE, cost=1, key="lost", hold="h99", if_expired="overdraw")
    enqueue(stack, [*parts, unknown])
    assert world.invoke("ingest", {"Records": waiting()}) == {"batchItemFailures": []}
    shown = world.get(f"/v1/accounts/{ALICE}").body
    assert [(each["id"], each["captured"], each["remaining"]) for each in shown["holds"]] == [(hold, 275, 125)]
    assert (shown["held"], shown["spent"]) == (125, 275)
    refused = world.get("/v1/operations/lost", query={"actor": ALICE}).body
    assert (refused["status"], refused["entry"]["reason"]) == (404, "hold_not_found")
