"""The pages of a tenant's activity: every line once, in order, whatever comes meanwhile."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ports.activity import ActivityFilter, FeedBatch, FeedLine, FeedStretch, newest_first
from shared.usecases.list_activity import (
    BATCHES_OF_A_PAGE,
    SETTLED_MS,
    ActivityAsked,
    ActivityPage,
    FeedPlace,
    list_activity,
)

NOW_MS = 1_763_900_000_000
ANY = ActivityFilter()
LINE = FeedLine("charge", "applied", "user:alice", NOW_MS, "k", 1, -5, 95)


class ShardedFeed:
    """Batches by shard, named by a number that rises."""

    def __init__(self, shards: int = 4) -> None:
        self.shards = shards
        self.held: list[list[tuple[int, FeedBatch]]] = [[] for _ in range(shards)]
        self.reads = 0

    def put(self, shard: int, lines: Sequence[FeedLine], came_at_ms: int = NOW_MS) -> None:
        number = sum(map(len, self.held))
        batch = FeedBatch(f"{came_at_ms:015d}#{number:06d}", newest_first(lines))
        self.held[shard % self.shards].append((came_at_ms, batch))

    def add(self, tenant: str, lines: Sequence[FeedLine], name: str) -> None:
        raise NotImplementedError

    def batches(
        self, tenant: str, shard: int, below: str | None, since_ms: int | None, limit: int
    ) -> tuple[FeedBatch, ...]:
        assert tenant == "main"
        newest = sorted(self.held[shard], key=lambda each: each[1].name, reverse=True)
        wanted = [
            batch
            for came_at_ms, batch in newest
            if (below is None or batch.name < below) and came_at_ms >= (since_ms or 0)
        ][:limit]
        self.reads += len(wanted)
        return tuple(wanted)

    def newest(self, tenant: str, since_ms: int) -> FeedStretch:
        raise NotImplementedError


def numbered(*numbers: int) -> list[FeedLine]:
    return [replace(LINE, seq=number, at_ms=NOW_MS + number) for number in numbers]


def page(
    feed: ShardedFeed,
    limit: int,
    wanted: ActivityFilter = ANY,
    *,
    after: FeedPlace | None = None,
    since_ms: int | None = None,
) -> ActivityPage:
    return list_activity("main", ActivityAsked(limit, wanted, after, since_ms), feed, NOW_MS)


def all_pages(feed: ShardedFeed, limit: int, wanted: ActivityFilter = ANY) -> list[ActivityPage]:
    pages = [page(feed, limit, wanted)]
    while (after := pages[-1].next) is not None:
        pages.append(page(feed, limit, wanted, after=after))
    return pages


def seqs(pages: list[ActivityPage]) -> list[int]:
    return [line.seq for each in pages for line in each.lines]


def test_a_tenant_in_which_nothing_happened_has_one_empty_page() -> None:
    assert [(each.lines, each.next) for each in all_pages(ShardedFeed(), 10)] == [((), None)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_batches_of_several_shards_are_one_listing_newest_first(limit: int) -> None:
    feed = ShardedFeed()
    feed.put(0, numbered(1, 3, 5))
    feed.put(1, numbered(2, 4))
    feed.put(0, numbered(6))
    feed.put(3, numbered(7, 8, 9))
    assert seqs(all_pages(feed, limit)) == [9, 8, 7, 6, 5, 4, 3, 2, 1]


BATCHES = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True)), max_size=12
)


@given(BATCHES, st.integers(1, 9))
def test_every_line_is_on_one_page_whatever_the_batches(batches: list[tuple[int, list[int]]], limit: int) -> None:
    feed, put = ShardedFeed(), []
    for number, (shard, offsets) in enumerate(batches):
        lines = [replace(LINE, seq=100 * number + offset, at_ms=NOW_MS + offset) for offset in offsets]
        feed.put(shard, lines)
        put += [line.seq for line in lines]
    pages = all_pages(feed, limit)
    assert sorted(seqs(pages)) == sorted(put)
    for each in pages:
        assert [line.order for line in each.lines] == sorted((line.order for line in each.lines), reverse=True)
        assert len(each.lines) <= limit


@given(BATCHES, BATCHES, st.integers(1, 9))
def test_what_comes_between_two_pages_moves_nothing_on_the_next(
    before: list[tuple[int, list[int]]], between: list[tuple[int, list[int]]], limit: int
) -> None:
    feed = ShardedFeed()
    for number, (shard, offsets) in enumerate(before):
        feed.put(shard, [replace(LINE, seq=100 * number + each, at_ms=NOW_MS + each) for each in offsets])
    expected = seqs(all_pages(feed, limit))
    first = page(feed, limit)
    for number, (shard, offsets) in enumerate(between):
        feed.put(shard, [replace(LINE, seq=-100 * number - each - 1, at_ms=NOW_MS + each) for each in offsets])
    listed = [first]
    while (after := listed[-1].next) is not None:
        listed.append(page(feed, limit, after=after))
    # An empty shard is at its end with the first page, and stays there.
    assert seqs(listed) == expected


def test_a_message_that_was_delivered_twice_is_listed_once() -> None:
    feed = ShardedFeed()
    feed.put(0, numbered(1, 2))
    feed.put(1, numbered(2, 3))
    assert seqs([page(feed, 10)]) == [3, 2, 1]


def test_a_filter_leaves_out_what_it_does_not_admit() -> None:
    feed = ShardedFeed()
    feed.put(0, [replace(LINE, seq=1, kind="grant"), replace(LINE, seq=2, outcome="refused")])
    feed.put(1, [replace(LINE, seq=3, actor="user:bob"), replace(LINE, seq=4)])
    assert seqs(all_pages(feed, 10, ActivityFilter(kind="grant"))) == [1]
    assert seqs(all_pages(feed, 10, ActivityFilter(outcome="refused"))) == [2]
    assert seqs(all_pages(feed, 10, ActivityFilter(actor="user:bob"))) == [3]


def test_a_search_ends_its_page_early_and_goes_on_with_the_next() -> None:
    feed = ShardedFeed(1)
    feed.put(0, [replace(LINE, seq=1, kind="grant")])
    for number in range(3 * BATCHES_OF_A_PAGE):
        feed.put(0, numbered(number + 2))
    pages = all_pages(feed, 10, ActivityFilter(kind="grant"))
    assert (len(pages), seqs(pages)) == (4, [1])
    assert pages[0].lines == ()


def test_a_page_of_a_busy_tenant_reads_a_few_batches_alone() -> None:
    feed = ShardedFeed()
    for number in range(200):
        feed.put(number, numbered(*range(100 * number, 100 * number + 100)))
    page(feed, 20)
    assert feed.reads <= 2 * feed.shards


def test_who_follows_gets_what_came_since_and_all_that_was_not_settled() -> None:
    feed = ShardedFeed()
    feed.put(0, numbered(1), came_at_ms=NOW_MS - SETTLED_MS - 1)
    feed.put(1, numbered(2), came_at_ms=NOW_MS - SETTLED_MS)
    first = page(feed, 10)
    feed.put(2, numbered(3), came_at_ms=NOW_MS - 500)
    feed.put(3, numbered(4), came_at_ms=NOW_MS + 500)
    assert seqs([page(feed, 10, since_ms=first.newer_ms)]) == [4, 3, 2]
