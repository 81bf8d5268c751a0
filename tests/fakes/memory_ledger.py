"""A ledger in memory: the real protocol, reducer and driver over two dictionaries."""

from threading import Lock

from shared.adapters.driver import REAL_PACE, Pace, drive
from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.operations import Operation
from shared.ledger.ports import EntryFilter, Page
from shared.ledger.protocol import (
    Command,
    Commit,
    Committed,
    Found,
    FoundEntry,
    Lookup,
    Outcome,
    Pause,
    Read,
    Recorded,
    TurnedDown,
    record,
)
from shared.ledger.reducer import Change


class MemoryLedger:
    """Implements ports.Ledger. Safe to use from many threads."""

    def __init__(self, deadline_ms: int = 5000, *, pace: Pace = REAL_PACE) -> None:
        self._deadline_ms = deadline_ms
        self._pace = pace
        self._lock = Lock()
        self._states: dict[Account, AccountState] = {}
        self._entries: dict[Account, dict[str, Entry]] = {}

    def record(self, operation: Operation, now_ms: int) -> Recorded:
        return drive(record(operation, now_ms), self.execute, self._pace, self._deadline_ms)

    def state(self, account: Account) -> AccountState | None:
        return self._states.get(account)

    def entry(self, account: Account, key: str) -> Entry | None:
        return self._entries.get(account, {}).get(key)

    def entries(self, account: Account, wanted: EntryFilter) -> Page[Entry]:
        matching = [entry for entry in self._newest_first(account) if _matches(entry, wanted)]
        return page_of(matching, wanted.limit)

    def execute(self, command: Command) -> Outcome:
        match command:
            case Read(account):
                return Found(self.state(account))
            case Lookup(account, key):
                return FoundEntry(self.entry(account, key))
            case Commit(change):
                with self._lock:
                    return self._commit(change)
            case Pause():
                raise TypeError("a pause is the driver's")

    def _commit(self, change: Change) -> Committed | TurnedDown:
        account = change.seen.account
        recorded = self._entries.setdefault(account, {})
        in_the_way = tuple(recorded[entry.key] for entry in change.entries if entry.key in recorded)
        current = self._states.get(account)
        moved = current if current is not None and current.seq != change.seen.seq else None
        if in_the_way or moved is not None:
            return TurnedDown(in_the_way, moved)
        recorded.update((entry.key, entry) for entry in change.entries)
        self._states[account] = change.state
        return Committed()

    def _newest_first(self, account: Account) -> list[Entry]:
        with self._lock:
            recorded = list(self._entries.get(account, {}).values())
        return sorted(recorded, key=lambda entry: entry.seq, reverse=True)


def page_of(newest_first: list[Entry], limit: int) -> Page[Entry]:
    items = tuple(newest_first[:limit])
    return Page(items, items[-1].seq if len(newest_first) > limit else None)


def _matches(entry: Entry, wanted: EntryFilter) -> bool:
    return (
        (wanted.before_seq is None or entry.seq < wanted.before_seq)
        and (wanted.kind is None or entry.kind == wanted.kind)
        and (wanted.from_ms is None or entry.at_ms >= wanted.from_ms)
        and (wanted.to_ms is None or entry.at_ms < wanted.to_ms)
    )
