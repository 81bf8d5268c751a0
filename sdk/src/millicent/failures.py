"""The failure queues: messages that could not be processed, and how to process them again.

Redriving is safe: every consumer recognises repeated messages. A message is deleted only after its target has accepted
it.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from millicent.aws import AwsFailed, Stack
from millicent.errors import ConfigurationError

Kind: TypeAlias = Literal["event", "entry", "batch", "call", "charge", "unknown"]

_SUFFIX: Final = "FailureQueueUrl"
_TOPICS: Final = {
    "credit.low-balance": ("LowBalanceTopicArn", "low balances"),
    "ledger.digest": ("DigestTopicArn", "digests"),
}
"""Events that go to a topic: the output with its name, and the subject of the events."""
_SHOWN_FOR_S: Final = 10
_HANDED_OVER_IN_S: Final = 300
_PAGE: Final = 10
_ATTRIBUTES: Final = ["SentTimestamp", "ApproximateReceiveCount", "MessageGroupId"]
_INGEST: Final = "ingest"
_USAGE: Final = "usage"
ON_SCHEDULE: Final = ("ReconcileFunctionName", "DigestFunctionName", "DueFunctionName", "BoardsFunctionName")
"""Outputs of the functions that are invoked on a schedule; stacks of older releases lack some of them."""
_WAITING: Final = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


class NotTaken(Exception):
    """The message stays in its queue; the text says why."""


@dataclass(frozen=True)
class Queue:
    """`name` is its name in the commands: outbox, rule, audit, usage, schedule or ingest."""

    name: str
    url: str


@dataclass(frozen=True)
class Waiting:
    """The number of waiting messages; `in_hand` are being processed by another reader."""

    queue: Queue
    waiting: int
    in_hand: int


@dataclass(frozen=True)
class Failure:
    """A message: an event of the bus, an entry or a batch of entries to publish, a call of a function, or a charge.

    A charge has the `group` that orders it and, if it names one, its `tenant`.
    """

    id: str
    receipt: str
    sent_at: datetime
    kind: Kind
    subject: str
    why: str | None
    body: str
    content: Any = None
    target: str | None = None
    group: str | None = None
    tenant: str | None = None


@dataclass(frozen=True)
class Redriven:
    """`done` says what happened to the message, or why it stays."""

    failure: Failure
    is_taken: bool
    done: str


def queues(stack: Stack) -> list[Queue]:
    """All failure queues of the stack, from its outputs."""
    found = {name: url for name, url in stack.outputs.items() if name.endswith(_SUFFIX)}
    return [Queue(name.removesuffix(_SUFFIX).lower(), url) for name, url in sorted(found.items())]


def queue_named(stack: Stack, name: str) -> Queue:
    """Raises ConfigurationError."""
    known = {queue.name: queue for queue in queues(stack)}
    if name not in known:
        raise ConfigurationError(f"no failure queue {name}; the queues are {', '.join(known)}")
    return known[name]


def waiting(stack: Stack, queue: Queue) -> Waiting:
    counted = stack.call("sqs", "get_queue_attributes", QueueUrl=queue.url, AttributeNames=_WAITING)["Attributes"]
    return Waiting(queue, *(int(counted[name]) for name in _WAITING))


def show(stack: Stack, queue: Queue, limit: int) -> list[Failure]:
    """The first messages, without removing them."""
    failures = list(_received(stack, queue, limit, _SHOWN_FOR_S))
    for failure in failures:
        _put_back(stack, queue, failure)
    return failures


def redrive(stack: Stack, queue: Queue, limit: int | None = None) -> Iterator[Redriven]:
    """Sends the messages that wait now (at most `limit`) again, one by one.

    Messages that come back are left for later.
    """
    there = waiting(stack, queue).waiting
    for failure in _received(stack, queue, there if limit is None else min(limit, there), _HANDED_OVER_IN_S):
        try:
            done = _hand_over(stack, queue, failure)
        except (NotTaken, AwsFailed) as refusal:
            _put_back(stack, queue, failure)
            yield Redriven(failure, is_taken=False, done=str(refusal))
            continue
        stack.call("sqs", "delete_message", QueueUrl=queue.url, ReceiptHandle=failure.receipt)
        yield Redriven(failure, is_taken=True, done=done)


def _hand_over(stack: Stack, queue: Queue, failure: Failure) -> str:
    match failure.kind:
        case "event" if queue.name == _USAGE:
            return _to_usage_queue(stack, failure)
        case "event" if (topic := _TOPICS.get(failure.content["detail-type"])) is not None:
            return _to_topic(stack, failure, *topic)
        case "event":
            return _to_audit_queue(stack, failure)
        case "entry" | "batch":
            return _to_outbox(stack, failure)
        case "call":
            return _to_function(stack, failure)
        case "charge":
            return _to_ingest_queue(stack, failure)
        case _:
            raise NotTaken("Millicent did not write this message; it stays for a person to look at")


def _to_topic(stack: Stack, failure: Failure, output: str, of_what: str) -> str:
    stack.call("sns", "publish", TopicArn=stack.output(output), Message=failure.body)
    return f"told to the topic of {of_what}"


def _to_audit_queue(stack: Stack, failure: Failure) -> str:
    stack.call("sqs", "send_message", QueueUrl=stack.output("AuditQueueUrl"), MessageBody=failure.body)
    return "sent to the audit queue"


def _to_usage_queue(stack: Stack, failure: Failure) -> str:
    stack.call("sqs", "send_message", QueueUrl=stack.output("UsageQueueUrl"), MessageBody=failure.body)
    return "sent to the usage queue"


def _to_ingest_queue(stack: Stack, failure: Failure) -> str:
    named = {} if failure.tenant is None else {"tenant": {"DataType": "String", "StringValue": failure.tenant}}
    stack.call(
        "sqs",
        "send_message",
        QueueUrl=stack.output("IngestQueueUrl"),
        MessageBody=failure.body,
        MessageGroupId=failure.group,
        # Its own, for the queue may remember the one that it was first sent with, and drop this one.
        MessageDeduplicationId=failure.id,
        MessageAttributes=named,
    )
    return "sent to the ingest queue"


def _to_outbox(stack: Stack, failure: Failure) -> str:
    records = [_stream_record(failure.content)] if failure.kind == "entry" else _of_the_stream(stack, failure.content)
    answer = stack.invoke(stack.output("OutboxFunctionName"), {"Records": records})
    if answer["batchItemFailures"]:
        raise NotTaken("the bus rejected it")
    return f"{len(records)} given to the outbox function again"


def _to_function(stack: Stack, failure: Failure) -> str:
    known = {stack.outputs[name] for name in ON_SCHEDULE if name in stack.outputs}
    named = (failure.target or "").partition(":function:")[2].partition(":")[0]
    if named not in known:
        raise NotTaken(f"{failure.target} is not a scheduled function of this stack")
    stack.start(named, failure.content)
    return f"{named} started again"


def _stream_record(content: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a record of the stream, as Lambda shows it
    if content["is_cut"]:
        raise NotTaken("the record was too long to store whole: `millicent verify --repair` restores its audit row")
    return json.loads(content["record"])


def _of_the_stream(stack: Stack, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The batch, read from the stream again, which keeps it for 24 hours."""
    batch = content["DDBStreamBatchInfo"]
    last = int(batch["endSequenceNumber"])
    records: list[dict[str, Any]] = []
    for record in _from_shard(stack, batch):
        if int(record["dynamodb"]["SequenceNumber"]) > last:
            break
        if record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["sk"]["S"].startswith("OP#"):
            records.append(json.loads(json.dumps(record, default=_as_lambda_shows_it)))
    return records


def _from_shard(stack: Stack, batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    iterator = stack.call(
        "dynamodbstreams",
        "get_shard_iterator",
        StreamArn=batch["streamArn"],
        ShardId=batch["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=batch["startSequenceNumber"],
    )["ShardIterator"]
    while iterator:
        page = stack.call("dynamodbstreams", "get_records", ShardIterator=iterator)
        yield from page["Records"]
        iterator = page.get("NextShardIterator") if page["Records"] else None


def _as_lambda_shows_it(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"a stream holds no {type(value).__name__}")


def _received(stack: Stack, queue: Queue, limit: int, hidden_for_s: int) -> Iterator[Failure]:
    """Up to `limit` messages, each once. They become visible again after `hidden_for_s` unless deleted."""
    seen: set[str] = set()
    while len(seen) < limit:
        page = stack.call(
            "sqs",
            "receive_message",
            QueueUrl=queue.url,
            MaxNumberOfMessages=min(_PAGE, limit - len(seen)),
            VisibilityTimeout=hidden_for_s,
            MessageSystemAttributeNames=_ATTRIBUTES,
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        new = [message for message in page if message["MessageId"] not in seen]
        if not new:
            return
        seen.update(message["MessageId"] for message in new)
        yield from (_failure(queue, message) for message in new)


def _put_back(stack: Stack, queue: Queue, failure: Failure) -> None:
    stack.call(
        "sqs", "change_message_visibility", QueueUrl=queue.url, ReceiptHandle=failure.receipt, VisibilityTimeout=0
    )


def _failure(queue: Queue, message: Mapping[str, Any]) -> Failure:
    if queue.name == _INGEST:
        return _charge(message)
    kind, subject, why, content, target = _understood(message)
    return Failure(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        kind=kind,
        subject=subject,
        why=why,
        body=message["Body"],
        content=content,
        target=target,
    )


def _charge(message: Mapping[str, Any]) -> Failure:
    """A message of the ingest queue, even if it is not a charge."""
    attributes = _texts(message)
    return Failure(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        kind="charge",
        subject=_key_and_actor(message["Body"]),
        why=attributes.get("ERROR_MESSAGE"),
        body=message["Body"],
        group=message["Attributes"]["MessageGroupId"],
        tenant=attributes.get("tenant"),
    )


def _key_and_actor(body: str) -> str:
    try:
        charge = json.loads(body)
        return f"{charge['key']} of {charge['actor']}"
    except (ValueError, KeyError, TypeError):
        return body[:80]


def _texts(message: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: each.get("StringValue") for name, each in message.get("MessageAttributes", {}).items()}


_Understood: TypeAlias = tuple[Kind, str, str | None, Any, str | None]


def _understood(message: Mapping[str, Any]) -> _Understood:
    """The content of the message."""
    attributes = _texts(message)
    why = attributes.get("ERROR_MESSAGE") or attributes.get("ERROR_CODE")
    body = message["Body"]
    try:
        content = json.loads(body)
        if "DDBStreamBatchInfo" in content:
            return "batch", _batch(content), _condition(content), content, None
        if "requestPayload" in content:
            called = content["requestContext"]["functionArn"]
            return "call", called, _condition(content), content["requestPayload"], called
        if ":function:" in (attributes.get("TARGET_ARN") or ""):
            return "call", str(attributes["TARGET_ARN"]), why, content, attributes["TARGET_ARN"]
        if {"why", "record", "is_cut"} <= content.keys():
            return "entry", _row(content), content["why"], content, None
        if content.get("source") == "millicent":
            return "event", _event(content), why, content, None
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return "unknown", body[:80], why, None, None


def _batch(content: Mapping[str, Any]) -> str:
    batch = content["DDBStreamBatchInfo"]
    return f"{batch['batchSize']} records of {batch['shardId']} from {batch['startSequenceNumber']}"


def _condition(content: Mapping[str, Any]) -> str | None:
    condition: str | None = content["requestContext"].get("condition")
    return condition


def _row(content: Mapping[str, Any]) -> str:
    if content["is_cut"]:
        return "a record that was cut"
    keys = json.loads(content["record"])["dynamodb"]["Keys"]
    return f"{keys['pk']['S']} {keys['sk']['S']}"


def _event(content: Mapping[str, Any]) -> str:
    detail = content["detail"]
    return f"{content['detail-type']} of {detail['actor']}, seq {detail['seq']}"
