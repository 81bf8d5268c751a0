from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from shared.usecases.publish_entries import StreamRecord

TextOf: TypeAlias = Callable[[str | bytes], str]
"""Gives the text of a stored record. Raises ValueError if it has none."""


def new_entries(event: Mapping[str, Any], is_entry_sk: Callable[[str], bool], text_of: TextOf) -> list[StreamRecord]:
    """The new entries in a stream event, in order, without other items, updates and deletions."""
    return [_record(each, text_of) for each in event["Records"] if _is_new_entry(each, is_entry_sk)]


def _is_new_entry(stream_record: Mapping[str, Any], is_entry_sk: Callable[[str], bool]) -> bool:
    sk = _text(stream_record["dynamodb"].get("Keys", {}), "sk")
    return stream_record["eventName"] == "INSERT" and sk is not None and is_entry_sk(sk)


def _record(stream_record: Mapping[str, Any], text_of: TextOf) -> StreamRecord:
    image = stream_record["dynamodb"].get("NewImage", {})
    return StreamRecord(
        sequence_number=stream_record["dynamodb"]["SequenceNumber"],
        record=_stored_text(image, text_of),
        digest=_text(image, "hash"),
        raw=stream_record,
    )


def _stored_text(image: Mapping[str, Any], text_of: TextOf) -> str | None:
    """The text of the record; None if it is missing or cannot be read. The stream spells bytes in base64."""
    binary = image.get("record", {}).get("B")
    if binary is None:
        return _text(image, "record")
    try:
        return text_of(b64decode(binary, validate=True))
    except (ValueError, TypeError):
        return None


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    """A string attribute; None if it is missing or of another type."""
    value = attributes.get(name, {}).get("S")
    return value if isinstance(value, str) else None
