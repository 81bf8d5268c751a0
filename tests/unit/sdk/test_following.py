"""Following a tenant: every item once, none lost, whatever order batches become visible in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millicent.following import Following, follow
from millicent.models import ActivityItem, ActivityPage
from millicent.recent import Recent

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SETTLED_S = 15


def item(number: int) -> ActivityItem:
    return ActivityItem(
        type="entry", id=f"id-{number}", actor="a", at=BEGIN + timedelta(seconds=number), kind="charge",
        outcome="applied", available_after=Decimal(1), seq=number,
    )  # fmt: skip


@dataclass
class FakeFeed:
    """Items, each with the second at which it came, and the one from which it is visible."""

    now_s: int = 0
    items: list[tuple[int, int, ActivityItem]] = field(default_factory=list)
    page_size: int = 3

    def add(self, number: int, *, came_s: int | None = None, visible_s: int | None = None) -> None:
        came_s = self.now_s if came_s is None else came_s
        self.items.append((came_s, came_s if visible_s is None else visible_s, item(number)))

    def activity_page(
        self, *, after: str | None = None, newer_than: str | None = None, limit: int = 100, **filters: str | None
    ) -> ActivityPage:
        wanted = [
            (came_s, each)
            for came_s, visible_s, each in self.items
            if visible_s <= self.now_s and came_s >= int(newer_than or -100)
        ]
        newest = [each for _, each in sorted(wanted, key=lambda one: (one[0], one[1].at), reverse=True)]
        skipped = int(after or 0)
        size = min(limit, self.page_size)
        more = str(skipped + size) if len(newest) > skipped + size else None
        return ActivityPage(items=tuple(newest[skipped : skipped + size]), newer=str(self.now_s - SETTLED_S), next=more)


def numbers(items: list[ActivityItem]) -> list[int]:
    return [each.seq or 0 for each in items]


def test_it_begins_with_the_newest_and_all_of_the_last_seconds() -> None:
    feed = FakeFeed()
    for number in range(10):
        feed.add(number, came_s=-50 + number)
    feed.add(20, came_s=-1)
    feed.add(21, came_s=0)
    assert numbers(Following(feed).begin(4)) == [8, 9, 20, 21]
    assert numbers(Following(feed).begin(1)) == [20, 21]


def test_a_poll_without_news_shows_nothing_again() -> None:
    feed = FakeFeed()
    for number in range(7):
        feed.add(number)
    following = Following(feed)
    following.begin(100)
    assert [following.poll() for _ in range(3)] == [[], [], []]


def test_what_becomes_visible_below_what_was_shown_is_shown_too() -> None:
    feed = FakeFeed(now_s=100)
    following = Following(feed)
    following.begin(5)
    feed.add(7, came_s=101)
    feed.add(6, came_s=100, visible_s=104)
    feed.now_s = 102
    assert numbers(following.poll()) == [7]
    feed.now_s = 104
    assert numbers(following.poll()) == [6]


CAME = st.lists(st.tuples(st.integers(0, 60), st.integers(0, SETTLED_S - 1)), max_size=30)


@given(CAME, st.lists(st.integers(1, 20), min_size=1, max_size=15), st.integers(1, 4))
def test_every_item_is_shown_once_whenever_polls_come(
    came: list[tuple[int, int]], pauses: list[int], size: int
) -> None:
    """`came`: when each batch came, and how much later it was visible, within what the service allows for."""
    feed = FakeFeed(page_size=size)
    for number, (came_s, late_s) in enumerate(came):
        feed.add(number, came_s=came_s, visible_s=came_s + late_s)
    following = Following(feed)
    shown = numbers(following.begin(1000))
    for pause_s in [*pauses, 100]:
        feed.now_s += pause_s
        shown += numbers(following.poll())
    assert sorted(shown) == list(range(len(came)))


def test_follow_goes_on_with_what_comes_between_its_polls() -> None:
    feed = FakeFeed(now_s=100)
    feed.add(1)

    def sleep(_: float) -> None:
        feed.now_s += 2
        feed.add(feed.now_s)

    shown = list(islice(follow(feed, begin_with=1, sleep=sleep), 4))
    assert numbers(shown) == [1, 102, 104, 106]


def test_a_poll_that_failed_is_made_up_for_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = FakeFeed(now_s=100)
    following = Following(feed)
    following.begin(1)
    feed.add(5)
    with monkeypatch.context() as away:
        away.setattr(feed, "activity_page", _away)
        with pytest.raises(ConnectionError):
            following.poll()
    feed.now_s += 60
    assert numbers(following.poll()) == [5]


def _away(**_: object) -> None:
    raise ConnectionError


def test_recent_names_are_known_and_old_ones_forgotten() -> None:
    recent = Recent(2)
    assert [recent.is_new(name) for name in "abacb"] == [True, True, False, True, False]
    assert recent.is_new("a")
