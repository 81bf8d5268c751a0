"""Follows the activity of a tenant: what there is, then what comes, each item once and none left out.

for item in follow(client, kind="charge"):
    print(item.at, item.actor, item.amount)
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from millicent.calls import MAX_PAGE
from millicent.models import ActivityItem, ActivityPage

POLL_S: Final = 2.0


class _Paging(Protocol):
    def activity_page(
        self, *, after: str | None = None, newer_than: str | None = None, limit: int = MAX_PAGE, **filters: str | None
    ) -> ActivityPage: ...


class Following:
    """Polls. The service repeats with each poll what came in the last seconds, since a batch can become visible late:
    what the poll before has shown is left out.
    """

    def __init__(self, client: _Paging, **filters: str | None) -> None:
        self._client = client
        self._filters = filters
        self._newer_than: str | None = None
        self._shown: frozenset[str] = frozenset()

    def begin(self, limit: int) -> list[ActivityItem]:
        """The newest items, oldest first: so many, and all that came in the last seconds."""
        page = first = self._page(limit=max(1, min(limit, MAX_PAGE)))
        items = list(page.items)
        while len(items) < limit and page.next is not None:
            page = self._page(after=page.next)
            items += page.items
        self._newer_than, self._shown = first.newer, frozenset(item.id for item in items[:limit])
        return _oldest_first([*items[:limit], *self.poll()])

    def poll(self) -> list[ActivityItem]:
        """What came since, oldest first."""
        first = page = self._page(newer_than=self._newer_than)
        items = {item.id: item for item in page.items}
        while page.next is not None:
            page = self._page(after=page.next, newer_than=self._newer_than)
            items |= {item.id: item for item in page.items}
        news = [item for name, item in items.items() if name not in self._shown]
        self._newer_than, self._shown = first.newer, frozenset(items)
        return _oldest_first(news)

    def _page(self, *, after: str | None = None, newer_than: str | None = None, limit: int = MAX_PAGE) -> ActivityPage:
        return self._client.activity_page(after=after, newer_than=newer_than, limit=limit, **self._filters)


def follow(
    client: _Paging,
    *,
    begin_with: int = 0,
    every_s: float = POLL_S,
    sleep: Callable[[float], None] = time.sleep,
    **filters: str | None,
) -> Iterator[ActivityItem]:
    """The newest `begin_with` items, then all that come, without end. Filters are those of `Millicent.activity`."""
    following = Following(client, **filters)
    yield from following.begin(begin_with)
    while True:
        sleep(every_s)
        yield from following.poll()


def _oldest_first(items: Iterable[ActivityItem]) -> list[ActivityItem]:
    return sorted({item.id: item for item in items}.values(), key=lambda item: (item.at, item.actor, item.seq or 0))
