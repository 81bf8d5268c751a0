"""The failure queue of the ingest queue: where a message goes that can never be recorded."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from shared.ports.ingest import Message, Rejection

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

LONGEST_WHY: Final = 1_000


class SqsPoisonQueue:
    """Keeps the message as it came, in its group, with what is wrong beside it. `fail` logs a message and its cause."""

    def __init__(self, queue_url: str, client: "SQSClient", fail: Callable[[str, Exception], None]) -> None:
        self._queue_url = queue_url
        self._client = client
        self._fail = fail

    def set_aside(self, letter: Message, poison: Rejection) -> bool:
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=letter.body,
                MessageGroupId=letter.group,
                # The same message, set aside again because its deletion was lost, is dropped here.
                MessageDeduplicationId=letter.id,
                MessageAttributes=_attributes(letter, poison),
            )
        except (BotoCoreError, ClientError) as error:
            self._fail("failure queue did not take a message", error)
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
