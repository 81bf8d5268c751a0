from collections.abc import Callable, Mapping
from typing import Any

from shared.usecases.publish_entries import StreamRecord


def new_entries(event: Mapping[str, Any], is_entry_sk: Callable[[str], bool]) -> list[StreamRecord]:
    """The new entries in a stream event, in order, without other items, updates and deletions."""
    return [_record(each) for each in event["Records"] if _is_new_entry(each, is_entry_sk)]


def _is_new_entry(stream_record: Mapping[str, Any], is_entry_sk: Callable[[str], bool]) -> bool:
    sk = _text(stream_record["dynamodb"].get("Keys", {}), "sk")
    return stream_record["eventName"] == "INSERT" and sk is not None and is_entry_sk(sk)


def _record(stream_record: Mapping[str, Any]) -> StreamRecord:
    image = stream_record["dynamodb"].get("NewImage", {})
    return StreamRecord(
        sequence_number=stream_record["dynamodb"]["SequenceNumber"],
        record=_text(image, "record"),
        digest=_text(image, "hash"),
        raw=stream_record,
    )


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    """A string attribute; None if it is missing or of another type."""
    value = attributes.get(name, {}).get("S")
    return value if isinstance(value, str) else None
