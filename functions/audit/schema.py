from collections.abc import Mapping
from typing import Any

from shared.usecases.keep_audit import Message


def messages(event: Mapping[str, Any]) -> list[Message]:
    """The messages of a queue event; the body of each is an event of the bus."""
    return [Message(record["messageId"], record["body"], _is_repeated(record)) for record in event["Records"]]


def _is_repeated(record: Mapping[str, Any]) -> bool:
    return str(record.get("attributes", {}).get("ApproximateReceiveCount", "1")) != "1"
