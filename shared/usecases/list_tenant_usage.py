"""Sums the spending of a tenant, by meter, app, model, day or actor, from its boards."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from heapq import merge
from itertools import dropwhile, islice
from operator import itemgetter
from typing import Final, Literal, TypeAlias

from shared.ledger.boards import OWN, BoardGrouping, Totals, ranked_in, sums_in, totals_of_text
from shared.ledger.errors import LedgerUnavailable
from shared.ledger.frozen import dataclass
from shared.ledger.usage import Sums
from shared.ports.boards import BoardPlace, BoardStore, PartGone, Pointer
from shared.ports.usage import DayRange
from shared.usecases.merge_boards import ACTORS_PART, TOTALS_PART

TenantGrouping: TypeAlias = Literal[BoardGrouping, "actor"]
TRIES_MAX: Final = 5
"""Reads of texts that were replaced twice meanwhile."""

_MONTH: Final = slice(len("2026-01"))
_Items: TypeAlias = tuple[tuple[str, Sums], ...]
_Boards: TypeAlias = Sequence[tuple[BoardPlace, Pointer]]


@dataclass(frozen=True, slots=True)
class Rank:
    """A place among actors: who spent more, or as much and has a name that sorts before, comes before it."""

    net: int
    actor: str

    @property
    def order(self) -> tuple[int, str]:
        return -self.net, self.actor


@dataclass(frozen=True, slots=True)
class TenantUsageAsked:
    """`after` is the last name of the page before: of actors, the last rank. Actors are of a day or of a month."""

    grouping: TenantGrouping
    period: DayRange
    after: str | Rank | None
    limit: int


@dataclass(frozen=True, slots=True)
class TenantUsage:
    """`through_members` is the part that parents paid for members, who have the same spending on their own accounts.

    The sums last changed at `counted_at_ms`; None if there never were any.
    """

    items: tuple[tuple[str, Sums], ...]
    next_after: str | Rank | None
    through_members: Sums
    counted_at_ms: int | None


def is_day_or_month(period: DayRange) -> bool:
    return period.first == period.last or _is_month(period)


def list_tenant_usage(tenant: str, asked: TenantUsageAsked, store: BoardStore) -> TenantUsage:
    """Raises LedgerUnavailable."""
    gone: PartGone | None = None
    for _ in range(TRIES_MAX):
        boards = store.pointers(tenant, asked.period.first[_MONTH], asked.period.last[_MONTH])
        try:
            return _usage(asked, boards, store)
        except PartGone as missing:
            gone = missing
    raise LedgerUnavailable("the sums of the tenant cannot be read") from gone


def _usage(asked: TenantUsageAsked, boards: _Boards, store: BoardStore) -> TenantUsage:
    totals = [totals_of_text(text) for text in _texts(boards, TOTALS_PART, store)]
    all_sums, own = _summed(totals, "day", asked.period), _summed(totals, OWN, asked.period)
    changed_at_ms = max((pointer.changed_at_ms for _, pointer in boards), default=None)
    items: _Items
    next_after: str | Rank | None
    if asked.grouping == "actor":
        part = ACTORS_PART if _is_month(asked.period) else asked.period.first
        lines = [store.lines(place, pointer.names[part]) for place, pointer in boards if part in pointer.names]
        items, next_after = _ranked(lines, asked)
    else:
        items, next_after = _named(_summed(totals, asked.grouping, asked.period), asked)
    return TenantUsage(items, next_after, _minus(_total(all_sums), _total(own)), changed_at_ms)


def _texts(boards: _Boards, part: str, store: BoardStore) -> Sequence[str]:
    return store.texts([(place, pointer.names[part]) for place, pointer in boards if part in pointer.names])


def _summed(totals: Iterable[Totals], grouping: str, period: DayRange) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for each in totals:
        for name, sums in sums_in(each, grouping, lambda day: period.first <= day <= period.last).items():
            found[name] = found.get(name, Sums()) + sums
    return found


def _named(sums: Mapping[str, Sums], asked: TenantUsageAsked) -> tuple[_Items, str | None]:
    after = asked.after if isinstance(asked.after, str) else None
    names = sorted(name for name in sums if after is None or name > after)
    page = names[: asked.limit]
    return tuple((name, sums[name]) for name in page), page[-1] if len(names) > len(page) else None


def _ranked(
    of_shards: Iterable[Iterable[str]], asked: TenantUsageAsked
) -> tuple[tuple[tuple[str, Sums], ...], Rank | None]:
    ranking: Iterator[tuple[tuple[int, str], Sums]] = merge(*map(ranked_in, of_shards), key=itemgetter(0))
    if isinstance(asked.after, Rank):
        after = asked.after.order
        ranking = dropwhile(lambda each: each[0] <= after, ranking)
    found = list(islice(ranking, asked.limit + 1))
    page = found[: asked.limit]
    last = Rank(-page[-1][0][0], page[-1][0][1]) if len(found) > len(page) else None
    return tuple((actor, sums) for (_, actor), sums in page), last


def _is_month(period: DayRange) -> bool:
    first, last = date.fromisoformat(period.first), date.fromisoformat(period.last)
    is_last_day = last == date.max or (last + timedelta(days=1)).day == 1
    return first.day == 1 and is_last_day and period.first[_MONTH] == period.last[_MONTH]


def _total(sums: Mapping[str, Sums]) -> Sums:
    return sum(sums.values(), Sums())


def _minus(one: Sums, other: Sums) -> Sums:
    return Sums(one.charged - other.charged, one.refunded - other.refunded, one.count - other.count)
