"""The usage of accounts in memory, and a ledger in memory read forward."""

from threading import Lock

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.usage import Grouping, Slot, Sums, Tally
from shared.ports.ledger import EntryFilter, Ledger
from shared.ports.usage import DayRange, UsagePage

ALL = EntryFilter(1_000_000)


class EntriesOfLedger:
    """Implements usage_ports.EntriesForward. `hidden` are the seqs that the listing does not have yet.

    `listings` says how often entries were listed.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.hidden: set[int] = set()
        self.listings = 0

    def following(self, account: Account, after_seq: int, limit: int) -> tuple[Entry, ...]:
        self.listings += 1
        entries = self._ledger.entries(account, ALL).items[::-1]
        return tuple(each for each in entries if each.seq > after_seq and each.seq not in self.hidden)[:limit]

    def entry(self, account: Account, key: str) -> Entry | None:
        return self._ledger.entry(account, key)


class MemoryUsageBook:
    """Implements usage_ports.UsageBook."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counted: dict[Account, int] = {}
        self._sums: dict[Account, dict[Slot, Sums]] = {}

    @property
    def accounts(self) -> tuple[Account, ...]:
        return tuple(self._sums)

    def sums_of(self, account: Account) -> dict[Slot, Sums]:
        return dict(self._sums.get(account, {}))

    def counted_through(self, account: Account) -> int:
        return self._counted.get(account, 0)

    def add(self, account: Account, tally: Tally) -> bool:
        with self._lock:
            if self.counted_through(account) != tally.after:
                return False
            sums = self._sums.setdefault(account, {})
            for slot, added in tally.sums.items():
                sums[slot] = sums.get(slot, Sums()) + added
            self._counted[account] = tally.through
        return True

    def usage(self, account: Account, grouping: Grouping, period: DayRange, after: str | None, limit: int) -> UsagePage:
        found: dict[str, Sums] = {}
        sums_of = self._sums.get(account, {})
        for slot in sorted(sums_of, key=lambda slot: _text(slot.name, slot.day)):
            name = slot.day if grouping == "day" else slot.name
            if slot.grouping == grouping and period.first <= slot.day <= period.last:
                found[name] = found.get(name, Sums()) + sums_of[slot]
        rest = [(name, sums) for name, sums in found.items() if after is None or _text(name) > _text(after)]
        return UsagePage(tuple(rest[:limit]), rest[limit - 1][0] if len(rest) > limit else None)


def _text(name: str, day: str = "") -> str:
    """Sorts as the keys of the table do: a name with a "!" behind it comes before the name alone."""
    return f"{name}#{day}"
