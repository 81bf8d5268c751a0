"""What Lambda does with a function's role without the function's doing: no handler makes these calls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tests.roles.calls import Need
from tests.template.loading import of_type, references
from tests.template.resolved import DEFAULT, Deployment

LOGGING: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
"""What a handler prints is written to the function's group of log lines."""
TRACING: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
"""An invocation that is traced is told to X-Ray, which has no resources to name."""
POLLING_A_QUEUE: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""The mapping of a queue takes messages for the function, and removes those that it does not report as failed."""
READING_A_STREAM: Final = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)
"""The mapping of a table's stream finds its shards and reads them for the function."""
GIVING_UP: Final = "sqs:SendMessage"
"""What a mapping, or an invocation that nobody waits for, gives up goes to the queue that is named for it."""
SEALED: Final = frozenset({"sqs:SendMessage", "s3:PutObject"})
"""Whoever does this to what a customer's key encrypts needs a data key of it."""


def needs_of_the_key(needs: Iterable[Need], deployment: Deployment) -> list[Need]:
    """What a function that needs all that needs of the key besides, where the deployment has one.

    Its own environment is encrypted too, so that each function has to be able to decrypt.
    """
    if not deployment.holds("WithEncryptionKey"):
        return []
    key = deployment.value({"Ref": "EncryptionKey"})
    seals = any(need.action in SEALED for need in needs)
    return [Need("kms:Decrypt", key), *([Need("kms:GenerateDataKey", key)] if seals else [])]


def needs_on_behalf(function: str, deployment: Deployment = DEFAULT) -> list[Need]:
    """Of a logical name such as Check."""
    return list(_needs(function, deployment))


def _needs(function: str, deployment: Deployment) -> Iterator[Need]:
    yield from _all(LOGGING, deployment.value({"Fn::GetAtt": [f"{function}Logs", "Arn"]}))
    yield from _all(TRACING, "*")
    for mapping in _of(function, "AWS::Lambda::EventSourceMapping"):
        source = deployment.value(mapping["EventSourceArn"])
        yield from _all(READING_A_STREAM if "/stream/" in source else POLLING_A_QUEUE, source)
        yield from _given_up(mapping, deployment)
    for asynchronous in _of(function, "AWS::Lambda::EventInvokeConfig"):
        yield from _given_up(asynchronous, deployment)


def _of(function: str, resource_type: str) -> list[Mapping[str, Any]]:
    return [each for each in of_type(resource_type).values() if f"{function}Function" in references(each)]


def _given_up(written: Mapping[str, Any], deployment: Deployment) -> Iterator[Need]:
    if destinations := written.get("DestinationConfig"):
        yield Need(GIVING_UP, deployment.value(destinations["OnFailure"]["Destination"]))


def _all(actions: Sequence[str], resource: str) -> list[Need]:
    return [Need(action, resource) for action in actions]
