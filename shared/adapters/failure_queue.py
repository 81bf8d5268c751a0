"""The failure queue on SQS: receives stream records that can never be published."""

from typing import TYPE_CHECKING, Final, cast

import msgspec
from botocore.config import Config

from shared.adapters.aws_session import shared_session

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_RECORD_CHARACTERS: Final = 50_000
"""Characters of a record: at most four bytes each, and still below the 256 KB of a message."""


def sqs_client() -> "SQSClient":
    client = shared_session().create_client("sqs", config=Config(connect_timeout=1, read_timeout=3))
    return cast("SQSClient", client)


class SqsFailureQueue:
    def __init__(self, queue_url: str, client: "SQSClient") -> None:
        self._queue_url = queue_url
        self._client = client

    def send(self, record: object, why: str) -> None:
        """Sends the record as JSON text, cut to fit a message. Errors of the queue propagate."""
        text = msgspec.json.encode(record).decode()
        message = {"why": why, "record": text[:MAX_RECORD_CHARACTERS], "is_cut": len(text) > MAX_RECORD_CHARACTERS}
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=msgspec.json.encode(message).decode())
