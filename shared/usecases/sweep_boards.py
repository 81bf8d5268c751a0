"""Deletes the texts of boards that no pointer names: whoever is killed between keeping a text and pointing to it, or
between that and deleting what it replaced, leaves some behind.

No clock decides: see `unused`. It may run beside everything else, be stopped at any time, and run again.
"""

from collections.abc import Callable

from shared.ledger.frozen import dataclass
from shared.ports.boards import BoardPlace, BoardStore
from shared.usecases.merge_boards import unused


@dataclass(frozen=True, slots=True)
class Swept:
    """Of so many `texts` so many were `deleted`. `next` continues, None at the end."""

    texts: int
    deleted: int
    next: str | None


def sweep_boards(after: str | None, store: BoardStore, is_time_up: Callable[[], bool]) -> Swept:
    """From `after` on (None: from the first), as far as time allows; at least one page."""
    texts = deleted = 0
    while True:
        page = store.listed(after)
        by_place: dict[BoardPlace, list[str]] = {}
        for place, name in page.texts:
            by_place.setdefault(place, []).append(name)
        deleted += sum(_swept(place, names, store) for place, names in by_place.items())
        texts, after = texts + len(page.texts), page.next
        if after is None or is_time_up():
            return Swept(texts, deleted, after)


def _swept(place: BoardPlace, names: list[str], store: BoardStore) -> int:
    left_behind = unused(names, store.pointer(place))
    if left_behind:
        store.drop(place, left_behind)
    return len(left_behind)
