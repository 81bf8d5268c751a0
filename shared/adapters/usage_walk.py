"""Pages of sums: over rows of one sum each, and over the sums of days.

Rows are in the order of their keys, <grouping>#<name>#<day>. So the sums of one name are adjacent, in the order of the
days. No name contains "#", so no other name's sums are among them. Names follow each other as these keys do: of all
characters of a name only "!" sorts before "#".
"""

from collections.abc import Iterable, Mapping

from shared.adapters.usage_items import UsageItem, sum_sk
from shared.ledger.usage import Grouping, Slot, Sums
from shared.ledger.usage_days import Day
from shared.ports.usage import DayRange, UsagePage


class Walk:
    """Walks from name to name over the days of a period, and skips the rows of other days."""

    def __init__(self, grouping: Grouping, period: DayRange, after: str | None, limit: int) -> None:
        self._grouping = grouping
        self._period = period
        self._limit = limit
        self._found: dict[str, Sums] = {}
        self._name: str | None = None
        self._last_whole = after
        self.is_full = False
        self.position = self._start(after)
        """The first sk that was not visited."""

    @property
    def page(self) -> UsagePage:
        """All sums found, as the last page."""
        return UsagePage(tuple(self._found.items()), None)

    @property
    def part(self) -> UsagePage:
        """The sums of the names that were visited completely."""
        whole = tuple((name, sums) for name, sums in self._found.items() if name != self._name)
        return UsagePage(whole, self._last_whole)

    def over(self, rows: tuple[UsageItem, ...]) -> bool:
        """Visits rows until the page is full or there are days to skip. Returns whether it visited all."""
        for row in rows:
            slot = row.slot
            self._come_to(slot.day if self._grouping == "day" else slot.name)
            if self.is_full or not self._is_within(slot):
                return False
            self._found[self._name or ""] = self._found.get(self._name or "", Sums()) + row.sums
            self.position = _past(row.sk)
        return True

    def _come_to(self, name: str) -> None:
        if name == self._name:
            return
        if self._name is not None:
            self._last_whole = self._name
        self._name = name
        self.is_full = len(self._found) == self._limit

    def _is_within(self, slot: Slot) -> bool:
        if slot.day < self._period.first:
            self.position = sum_sk(Slot(slot.grouping, slot.name, self._period.first))
        elif slot.day > self._period.last:
            self.position = _past_name(slot.grouping, slot.name)
        return self._period.first <= slot.day <= self._period.last

    def _start(self, after: str | None) -> str:
        if self._grouping == "day":
            first = sum_sk(Slot("day", "", self._period.first))
            return first if after is None else _past(sum_sk(Slot("day", "", after)))
        return f"{self._grouping}#" if after is None else _past_name(self._grouping, after)


def with_days(rows: UsagePage, days: Iterable[Day], grouping: Grouping, after: str | None, limit: int) -> UsagePage:
    """A page of rows with the sums of days added. It ends where the page of rows ends, or sooner."""
    found = dict(rows.items)
    for name, sums in _names(days, grouping).items():
        is_after = after is None or _order(name) > _order(after)
        if is_after and (rows.next_after is None or _order(name) <= _order(rows.next_after)):
            found[name] = found.get(name, Sums()) + sums
    items = sorted(found.items(), key=lambda item: _order(item[0]))
    if len(items) > limit:
        return UsagePage(tuple(items[:limit]), items[limit - 1][0])
    return UsagePage(tuple(items), rows.next_after)


def _names(days: Iterable[Day], grouping: Grouping) -> Mapping[str, Sums]:
    found: dict[str, Sums] = {}
    for day in days:
        for slot, sums in day.sums.items():
            if slot.grouping == grouping:
                name = slot.day if grouping == "day" else slot.name
                found[name] = found.get(name, Sums()) + sums
    return found


def _order(name: str) -> str:
    """Sorts as the keys do: a name with a "!" behind it comes before the name alone."""
    return f"{name}#"


def _past(sk: str) -> str:
    """Sorts after this sk and before any other possible sk."""
    return f"{sk}~"


def _past_name(grouping: Grouping, name: str) -> str:
    return f"{grouping}#{name}#~"
