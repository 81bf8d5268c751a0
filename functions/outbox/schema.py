from collections.abc import Mapping
from typing import Any

from shared.usecases.publish_entries import StreamRecord

_ENTRY_PREFIX = "OP#"


def new_entries(event: Mapping[str, Any]) -> list[StreamRecord]:
    """The new entries in a stream event, in order. States, holds, updates and deletions are not the outbox's."""
    return [_record(each) for each in event["Records"] if _is_new_entry(each)]


def _is_new_entry(stream_record: Mapping[str, Any]) -> bool:
    sk = _text(stream_record["dynamodb"].get("Keys", {}), "sk")
    return stream_record["eventName"] == "INSERT" and sk is not None and sk.startswith(_ENTRY_PREFIX)


def _record(stream_record: Mapping[str, Any]) -> StreamRecord:
    image = stream_record["dynamodb"].get("NewImage", {})
    return StreamRecord(
        sequence_number=stream_record["dynamodb"]["SequenceNumber"],
        record=_text(image, "record"),
        digest=_text(image, "hash"),
        raw=stream_record,
    )


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    """A string attribute; None where it is missing or of another type."""
    value = attributes.get(name, {}).get("S")
    return value if isinstance(value, str) else None
