"""The ingest queue: charges that nobody waits for, in order by actor.

Needs boto3 and AWS credentials that may send to the queue; see `millicent.aws`. What became of a charge is found under
its key (`Millicent.operation`); what can never be recorded is in the failure queue (`millicent dlq show ingest`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeAlias

import msgspec

from millicent.aws import AwsFailed, Stack
from millicent.client import BatchCharge

Charge: TypeAlias = BatchCharge | Mapping[str, Any]
"""A mapping is sent as it is: what the service learns of charges needs no newer client. It has `actor` and `key`."""

_SENT_AT_ONCE: Final = 10
_LONGEST_GROUP: Final = 128
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True)
class NotTaken:
    """A charge that the queue did not take, and why."""

    key: str
    why: str


class NotEnqueued(AwsFailed):
    """The queue did not take all. Enqueue all of them again: none is charged twice."""

    def __init__(self, charges: Iterable[NotTaken]) -> None:
        self.charges = tuple(charges)
        first = self.charges[0]
        super().__init__(f"the queue rejected {len(self.charges)} charges; {first.key}: {first.why}")


def enqueue(stack: Stack, charges: Iterable[Charge], *, tenant: str | None = None, queue_url: str | None = None) -> int:
    """How many charges were sent: all of them. `tenant` is for a stack that takes it from messages.

    `queue_url` spares those who may only send the right to look up the stack.

    A charge needs a key that stays the same when it is enqueued again, and no two charges of an actor share one. Raises
    NotEnqueued, or AwsFailed when it is not known what the queue took.
    """
    url = queue_url or stack.output("IngestQueueUrl")
    documents = (charge.wire if isinstance(charge, BatchCharge) else charge for charge in charges)
    sent = 0
    while page := list(islice(documents, _SENT_AT_ONCE)):
        _send(stack, url, page, tenant)
        sent += len(page)
    return sent


def message(charge: Mapping[str, Any], tenant: str | None) -> dict[str, Any]:
    """The arguments of SendMessage for a charge. Its group is its account: so it stays in order."""
    body = _encode(charge).decode()
    named = {} if tenant is None else {"tenant": {"DataType": "String", "StringValue": tenant}}
    return {
        "MessageBody": body,
        # Long names may share a group and then wait for each other: no harm but that.
        "MessageGroupId": f"{tenant or ''}/{charge['actor']}"[:_LONGEST_GROUP],
        # The body, not the key alone: a key that is reused for another charge must be noticed, not dropped.
        "MessageDeduplicationId": hashlib.sha256(f"{tenant or ''}\n{body}".encode()).hexdigest(),
        "MessageAttributes": named,
    }


def _send(stack: Stack, url: str, charges: list[Mapping[str, Any]], tenant: str | None) -> None:
    entries = [{"Id": str(place), **message(charge, tenant)} for place, charge in enumerate(charges)]
    answer = stack.call("sqs", "send_message_batch", QueueUrl=url, Entries=entries)
    if failed := list(_not_taken(answer, charges)):
        raise NotEnqueued(failed)


def _not_taken(answer: Mapping[str, Any], charges: list[Mapping[str, Any]]) -> Iterator[NotTaken]:
    for each in answer.get("Failed", []):
        yield NotTaken(str(charges[int(each["Id"])]["key"]), each.get("Message") or each["Code"])
