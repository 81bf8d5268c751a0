"""Lists what happened in a tenant, newest first: the batches of its feed, whose shards are merged.

A batch has what came at once, so neighbouring batches overlap by seconds. A page is in order; from page to page the
order can differ by as much as batches overlap. Nothing is left out or listed twice by that: a cursor says how far each
shard was listed.
"""

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Final, TypeAlias

from shared.ledger.frozen import dataclass
from shared.ports.activity import ActivityFeed, ActivityFilter, FeedBatch, FeedLine, newest_first

BATCHES_OF_A_PAGE: Final = 64
"""Of one shard, that a page reads in search of lines that its filter admits."""
SETTLED_MS: Final = 15_000
"""So long after it came, a batch is in the table, and the clocks of two functions differ by less."""

_FIRST_READ: Final = 2
"""Batches of one query of a page; each next one reads twice as many. A few of a busy tenant make a page."""
_ABOVE: Final = "~"
"""Sorts a name after the batch that has it, and before the next one."""


@dataclass(frozen=True, slots=True)
class ShardPlace:
    """How far a shard was listed: `lines` of its batch `batch`, None: all of it. At its end, `batch` is None."""

    batch: str | None
    lines: int | None = None


FeedPlace: TypeAlias = tuple[ShardPlace, ...]
"""A place in every shard."""


@dataclass(frozen=True, slots=True)
class ActivityAsked:
    """At most `limit` lines that `filter` admits, after a place, of batches that came at `since_ms` or later."""

    limit: int
    filter: ActivityFilter
    after: FeedPlace | None = None
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Newest first. `next` continues the listing, None at its end; a page before that can have few lines, or none.

    A listing of the batches since `newer_ms` has everything that this one cannot have had yet, and some of what it had.
    """

    lines: tuple[FeedLine, ...]
    next: FeedPlace | None
    newer_ms: int


def list_activity(tenant: str, asked: ActivityAsked, feed: ActivityFeed, now_ms: int) -> ActivityPage:
    """`now_ms` is an instant before the feed is read."""
    shards = [
        _Shard(tenant, number, asked, feed, asked.after[number] if asked.after else None)
        for number in range(feed.shards)
    ]
    lines = tuple(_merged(shards, asked.limit))
    places = tuple(shard.place for shard in shards)
    is_end = all(place.batch is None for place in places)
    return ActivityPage(newest_first(lines), None if is_end else places, now_ms - SETTLED_MS)


def _merged(shards: list["_Shard"], limit: int) -> Iterator[FeedLine]:
    """The newest of what each shard has next, until one of them has to be continued on another page."""
    listed: set[tuple[str, int, str]] = set()
    while len(listed) < limit and not any(shard.is_cut for shard in shards):
        heads = [(shard.head, shard) for shard in shards if shard.head is not None]
        if not heads:
            return
        line, shard = max(heads, key=lambda each: each[0].order)
        shard.take()
        # A message that was delivered twice made two lines.
        if line.name not in listed:
            listed.add(line.name)
            yield line


class _Shard:
    """A shard from a place on, read as its lines are taken. `is_cut`: this page reads no more of it."""

    def __init__(
        self, tenant: str, number: int, asked: ActivityAsked, feed: ActivityFeed, place: ShardPlace | None
    ) -> None:
        self._asked = asked
        self._fetch = partial(feed.batches, tenant, number)
        self._place = place or ShardPlace(None)
        self._batches: deque[FeedBatch] = deque()
        self._is_read = place is not None and place.batch is None
        self._fetched = 0
        self._size = _FIRST_READ
        self.is_cut = False
        self.head = self._next()
        """The next line; None at the end of the shard, or where it is cut."""

    @property
    def place(self) -> ShardPlace:
        """Where the listing goes on."""
        is_end = self.head is None and not self.is_cut
        return ShardPlace(None) if is_end else self._place

    def take(self) -> None:
        self._place = ShardPlace(self._place.batch, (self._place.lines or 0) + 1)
        self.head = self._next()

    def _next(self) -> FeedLine | None:
        """The first line from the place on that is wanted; the place is then before it."""
        while self._batches or self._fetch_more():
            batch = self._batches[0]
            listed = (self._place.lines or 0) if self._place.batch == batch.name else 0
            for number, line in enumerate(batch.lines[listed:], start=listed):
                if self._asked.filter.admits(line):
                    self._place = ShardPlace(batch.name, number)
                    return line
            self._place = ShardPlace(batch.name)
            self._batches.popleft()
        return None

    def _fetch_more(self) -> bool:
        """Whether there are batches after the place, which are then fetched."""
        self.is_cut = not self._is_read and self._fetched >= BATCHES_OF_A_PAGE
        if self._is_read or self.is_cut:
            return False
        place = self._place
        below = place.batch if place.batch is None or place.lines is None else f"{place.batch}{_ABOVE}"
        size = min(self._size, BATCHES_OF_A_PAGE - self._fetched)
        found = self._fetch(below, self._asked.since_ms, size)
        self._is_read = len(found) < size
        self._fetched += size
        self._size *= 2
        self._batches.extend(found)
        return bool(found)
