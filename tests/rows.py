"""Rows of the tables as tests read and alter them."""

from collections.abc import Mapping
from typing import Any

from shared.adapters.stored_records import stored, text_of


def record_text(item: Mapping[str, Any]) -> str:
    """The text of the record in a row, however it is stored."""
    ((_, record),) = item["record"].items()
    return text_of(record)


def with_record(item: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The row with another record, stored as this release does."""
    return {**item, "record": {"B": stored(text)}}


def with_replaced(item: Mapping[str, Any], right: str, wrong: str) -> dict[str, Any]:
    """The row with a part of its record replaced."""
    text = record_text(item)
    assert right in text, text
    return with_record(item, text.replace(right, wrong))


def as_old_release_stored_it(item: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the text of its record itself."""
    return {**item, "record": {"S": record_text(item)}}
