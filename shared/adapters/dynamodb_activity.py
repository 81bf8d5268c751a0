"""The feed of each tenant on DynamoDB: one item for each batch that came, in four shards.

    pk = TENANT#<tenant>#ACTIVITY#<0 to 3>
    sk = <when the batch came>#<its name>     lines: the batch, deflated; expires_at: when DynamoDB may delete it

The order is that of arrival, since a batch that is late must not come below what a follower has seen. The shards share
the writes of a busy tenant; a reader merges them. Only this module spells the keys and the content.
"""

import zlib
from binascii import crc32
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final

import msgspec

from shared.adapters.attributes import BytesAttribute, IntegerAttribute
from shared.adapters.driver import REAL_PACE, Pace
from shared.adapters.keys import activity_pk
from shared.adapters.plain_items import PlainItem
from shared.adapters.pynamo import UnicodeAttribute
from shared.adapters.repeatable import RepeatableTable
from shared.ledger.times import epoch_ms, rfc3339
from shared.ports.activity import FeedBatch, FeedLine, FeedStretch, newest_first

SHARDS: Final = 4
WRITE_DEADLINE_MS: Final = 2000
"""Nobody's row waits for the feed longer than this, and a last attempt."""
READ_DEADLINE_MS: Final = 5000
LINES_MAX: Final = 200
"""Of one item: with the longest ids and notes it is still below 400 KB."""

_DAY_S: Final = 86_400
_RAW: Final = -15
"""A stream without zlib's header and checksum: DynamoDB's answers have a checksum."""
_LEVEL: Final = 6
_LINES_BYTES_MAX: Final = 4 * 1024 * 1024
_LAST: Final = "~"
"""Sorts after every sk."""

_ENCODER: Final = msgspec.json.Encoder()


_FIELDS: Final = tuple(each.name for each in fields(FeedLine))
"""Of a stored line, its values in this order, to which later releases may append."""
_DECODER: Final = msgspec.json.Decoder(list[list[Any]])


class ActivityItem(PlainItem):
    """A batch. `expires_at` in epoch seconds."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    lines = BytesAttribute()
    expires_at = IntegerAttribute()


class DynamoActivityFeed(RepeatableTable):
    """Implements ports.ActivityFeed. Items are to be deleted after `days`. Every call may be repeated."""

    def __init__(  # noqa: PLR0913 - a clock, and how long items stay
        self,
        table_name: str,
        now_ms: Callable[[], int],
        days: int = 1,
        deadline_ms: int = READ_DEADLINE_MS,
        *,
        pace: Pace = REAL_PACE,
        region: str | None = None,
        host: str | None = None,
    ) -> None:
        super().__init__(table_name, deadline_ms, pace=pace, region=region, host=host)
        self._now_ms = now_ms
        self._days = days

    @property
    def shards(self) -> int:
        return SHARDS

    @cached_property
    def _items(self) -> type[ActivityItem]:
        return self._bound(ActivityItem)

    def add(self, tenant: str, lines: Sequence[FeedLine], name: str) -> None:
        for part in range(0, len(lines), LINES_MAX):
            self._add(tenant, lines[part : part + LINES_MAX], f"{name}-{part}" if part else name)

    def _add(self, tenant: str, lines: Sequence[FeedLine], name: str) -> None:
        came_at_ms = self._now_ms()
        item = self._items(
            activity_pk(tenant, crc32(name.encode()) % SHARDS),
            f"{rfc3339(came_at_ms)}#{name}",
            lines=packed(lines),
            expires_at=came_at_ms // 1000 + self._days * _DAY_S,
        )
        self._until_deadline(lambda: bool(item.save()) or True)

    def batches(
        self, tenant: str, shard: int, below: str | None, since_ms: int | None, limit: int
    ) -> tuple[FeedBatch, ...]:
        found = self._until_deadline(lambda: self._query(tenant, shard, below or _LAST, limit))
        first = "" if since_ms is None else rfc3339(since_ms)
        return tuple(FeedBatch(item.sk, newest_first(unpacked(item.lines))) for item in found if item.sk >= first)

    def _query(self, tenant: str, shard: int, below: str, limit: int) -> list[ActivityItem]:
        pk, is_below = activity_pk(tenant, shard), self._items.sk < below
        return list(self._items.query(pk, is_below, scan_index_forward=False, consistent_read=True, limit=limit))

    def newest(self, tenant: str, since_ms: int) -> FeedStretch:
        """Of each shard a page of DynamoDB, which has a megabyte."""
        found: list[FeedLine] = []
        read_since_ms = since_ms
        for shard in range(SHARDS):
            page = self._until_deadline(partial(self._newest, tenant, shard, since_ms))
            items = [self._items.from_raw_data(raw) for raw in page["Items"]]
            found += (line for item in items for line in unpacked(item.lines))
            if page.get("LastEvaluatedKey"):
                read_since_ms = max(read_since_ms, _came_at_ms(items[-1].sk))
        # A line came after it occurred, so none of the lines since then is in an item that was not read.
        lines = [line for line in found if line.at_ms >= read_since_ms]
        return FeedStretch(newest_first(lines), read_since_ms, read_since_ms == since_ms)

    def _newest(self, tenant: str, shard: int, since_ms: int) -> dict[str, Any]:
        where = self._items.sk >= rfc3339(since_ms)
        found = self._items.query(activity_pk(tenant, shard), where, scan_index_forward=False)
        page: dict[str, Any] = next(found.page_iter)
        return page


def packed(lines: Iterable[FeedLine]) -> bytes:
    """A batch as it is stored: the values of its lines as JSON, deflated."""
    stored = [[getattr(line, name) for name in _FIELDS] for line in lines]
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return deflater.compress(_ENCODER.encode(stored)) + deflater.flush()


def unpacked(stored: bytes) -> list[FeedLine]:
    """The inverse of `packed`. No item can make its reader unpack more than one can have."""
    text = zlib.decompressobj(_RAW).decompress(stored, _LINES_BYTES_MAX)
    return [_line(dict(zip(_FIELDS, values, strict=False))) for values in _DECODER.decode(text)]


def _line(values: dict[str, Any]) -> FeedLine:
    return FeedLine(**values | {"low_balance": tuple(values.get("low_balance", ()))})


def _came_at_ms(sk: str) -> int:
    return epoch_ms(datetime.fromisoformat(sk.partition("#")[0]))
