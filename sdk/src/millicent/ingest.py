"""The ingest queue: asynchronous charges, in order by actor.

It needs boto3 and AWS credentials that may send to the queue; see `millicent.aws`. The outcome of a charge is found by
its key (`Millicent.operation`); messages that can never be recorded are in the failure queue (`millicent dlq show
ingest`).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeAlias

import msgspec

from millicent.aws import AwsFailed, Stack
from millicent.client import BatchCharge

Charge: TypeAlias = BatchCharge | Mapping[str, Any]
"""A mapping is sent unchanged, so new fields of the service need no newer client. It has `actor` and `key`."""

_SENT_AT_ONCE: Final = 10
_GROUP: Final = re.compile(r"[!-~]{1,128}")
"""What SQS takes as a MessageGroupId."""
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True)
class NotTaken:
    """A charge that the queue rejected, and why."""

    key: str
    why: str


class NotEnqueued(AwsFailed):
    """The queue did not accept all charges. Enqueue all of them again: none is charged twice."""

    def __init__(self, charges: Iterable[NotTaken]) -> None:
        self.charges = tuple(charges)
        first = self.charges[0]
        super().__init__(f"the queue rejected {len(self.charges)} charges; {first.key}: {first.why}")


def enqueue(stack: Stack, charges: Iterable[Charge], *, tenant: str | None = None, queue_url: str | None = None) -> int:
    """Returns the number of charges sent, which is all of them. `tenant` is for a stack that takes it from messages.

    With `queue_url`, callers that may only send need no permission to look up the stack.

    Every charge needs a key that stays the same when it is enqueued again, and keys are unique per actor. Raises
    NotEnqueued, or AwsFailed if it is unknown which charges the queue accepted.
    """
    url = queue_url or stack.output("IngestQueueUrl")
    documents = (charge.wire if isinstance(charge, BatchCharge) else charge for charge in charges)
    sent = 0
    while page := list(islice(documents, _SENT_AT_ONCE)):
        _send(stack, url, page, tenant)
        sent += len(page)
    return sent


def message(charge: Mapping[str, Any], tenant: str | None) -> dict[str, Any]:
    """The arguments of SendMessage for a charge. Its group is its account, which keeps it in order."""
    body = _encode(charge).decode()
    named = {} if tenant is None else {"tenant": {"DataType": "String", "StringValue": tenant}}
    return {
        "MessageBody": body,
        "MessageGroupId": _group(tenant or "", str(charge["actor"])),
        # The whole body, since a key that is reused for another charge must be rejected, not dropped.
        "MessageDeduplicationId": _hash(f"{tenant or ''}\n{body}"),
        "MessageAttributes": named,
    }


def _group(tenant: str, actor: str) -> str:
    """The group of an account. Actor c of tenant a/b shares that of b/c of a, and waits for it, which does no harm."""
    group = f"{tenant}/{actor}"
    return group if _GROUP.fullmatch(group) else _hash(group)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _send(stack: Stack, url: str, charges: list[Mapping[str, Any]], tenant: str | None) -> None:
    entries = [{"Id": str(place), **message(charge, tenant)} for place, charge in enumerate(charges)]
    answer = stack.call("sqs", "send_message_batch", QueueUrl=url, Entries=entries)
    if failed := list(_not_taken(answer, charges)):
        raise NotEnqueued(failed)


def _not_taken(answer: Mapping[str, Any], charges: list[Mapping[str, Any]]) -> Iterator[NotTaken]:
    for each in answer.get("Failed", []):
        yield NotTaken(str(charges[int(each["Id"])]["key"]), each.get("Message") or each["Code"])
