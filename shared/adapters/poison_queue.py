"""The failure queue of the ingest queue: receives messages that can never be recorded."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.ports.ingest import Message, Rejection

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

LONGEST_WHY: Final = 1_000


class SqsPoisonQueue:
    """Sends the message unchanged, in its group, with the reason as attributes."""

    def __init__(self, queue_url: str, client: "SQSClient", logger: Logger) -> None:
        self._queue_url = queue_url
        self._client = client
        self._logger = logger

    def set_aside(self, letter: Message, poison: Rejection) -> bool:
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=letter.body,
                MessageGroupId=letter.group,
                # Drops the same message if it is set aside again because its deletion was lost.
                MessageDeduplicationId=letter.id,
                MessageAttributes=_attributes(letter, poison),
            )
        except (BotoCoreError, ClientError):
            self._logger.exception("failure queue did not take a message")
            return False
        return True


def _attributes(letter: Message, poison: Rejection) -> "Mapping[str, MessageAttributeValueTypeDef]":
    values = {
        "ERROR_CODE": poison.code,
        "ERROR_MESSAGE": poison.why[:LONGEST_WHY],
        "SENDER": letter.sender,
        "tenant": letter.tenant,
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items() if value}
