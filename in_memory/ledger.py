"""A ledger in memory: the real protocol, reducer and driver over two dictionaries."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from shared.adapters.driver import REAL_PACE, Pace, drive
from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import References
from shared.ledger.due import DueHolds, in_due_order
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerError
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import Operation, Terms, named_charge, named_hold
from shared.ledger.protocol import (
    Command,
    CommandOutcome,
    Commit,
    Committed,
    Conflict,
    Damaged,
    FindDue,
    FoundDue,
    FoundEntry,
    Lookup,
    Pause,
    Read,
    Recorded,
    do_what_is_due,
    record,
    record_batch,
)
from shared.ledger.reducer import Change
from shared.ports.ledger import EntryFilter, Page


class MemoryLedger:
    """Implements ports.Ledger. Safe to use from many threads."""

    def __init__(self, deadline_ms: int = 5000, *, pace: Pace = REAL_PACE) -> None:
        self._deadline_ms = deadline_ms
        self._pace = pace
        self._lock = Lock()
        self._begun: set[Account] = set()
        self._states: dict[Account, AccountState] = {}
        self._entries: dict[Account, dict[str, Entry]] = {}
        self._holds: dict[tuple[Account, str], Hold] = {}
        self._tallies: dict[tuple[Account, str], RefundTally] = {}

    def record(self, operation: Operation, now_ms: int) -> Recorded:
        return drive(record(operation, now_ms), self.execute, self._pace, self._deadline_ms)

    def record_batch(self, operations: Sequence[Operation], now_ms: int) -> dict[str, Recorded | LedgerError]:
        return drive(record_batch(operations, now_ms), self.execute, self._pace, self._deadline_ms)

    def do_what_is_due(self, account: Account, correlation_id: str, now_ms: int) -> int:
        return drive(do_what_is_due(account, correlation_id, now_ms), self.execute, self._pace, self._deadline_ms)

    def open_holds(self, account: Account) -> tuple[Hold, ...]:
        with self._lock:
            holds = [hold for (owner, _), hold in self._holds.items() if owner == account]
        return tuple(sorted((hold for hold in holds if hold.status == "open"), key=lambda hold: hold.expires_at_ms))

    def all_holds(self) -> list[tuple[Account, Hold]]:
        with self._lock:
            return [(account, hold) for (account, _), hold in self._holds.items()]

    def all_accounts(self) -> list[Account]:
        with self._lock:
            return list(self._begun)

    def hold(self, account: Account, hold_id: str) -> Hold | None:
        return self._holds.get((account, hold_id))

    def state(self, account: Account) -> AccountState | None:
        return self._states.get(account)

    def entry(self, account: Account, key: str) -> Entry | None:
        return self._entries.get(account, {}).get(key)

    def entries(self, account: Account, wanted: EntryFilter) -> Page[Entry]:
        matching = [entry for entry in self._newest_first(account) if _matches(entry, wanted)]
        return page_of(matching, wanted.limit)

    def execute(self, command: Command) -> CommandOutcome:
        match command:
            case Read():
                return command.found(self.state, self._references)
            case FindDue(account, now_ms):
                return FoundDue(due_holds(self.open_holds(account), now_ms))
            case Lookup(account, key):
                return FoundEntry(self.entry(account, key))
            case Commit(change):
                with self._lock:
                    return self._commit(change)
            case Pause():
                raise TypeError("the driver handles pauses")

    def _commit(self, change: Change) -> Committed | Conflict | Damaged:
        parts = list(change.parts)
        for part in parts:
            conflict = self._in_the_way(part)
            if conflict is None and part.seen.seq == 0 and part.seen.account in self._begun:
                return Damaged(part.seen.account)
            if conflict is not None:
                return conflict if part is change else Conflict((), None)
        for part in parts:
            self._write(part)
        return Committed()

    def _in_the_way(self, change: Change) -> Conflict | None:
        account = change.seen.account
        recorded = self._entries.get(account, {})
        in_the_way = tuple(recorded[entry.key] for entry in change.entries if entry.key in recorded)
        current = self._states.get(account)
        moved = current if current is not None and current.seq != change.seen.seq else None
        if not in_the_way and moved is None:
            return None
        # The policy is an item of its own, which does not come back.
        return Conflict(in_the_way, moved and replace(moved, policy=None), *self._moved_beside(change))

    def _write(self, change: Change) -> None:
        account = change.seen.account
        recorded = self._entries.setdefault(account, {})
        self._begun.add(account)
        recorded.update((entry.key, entry) for entry in change.entries)
        self._states[account] = change.state
        self._holds.update(((account, replaced.hold.id), replaced.hold) for replaced in change.holds)
        if change.tally is not None:
            self._tallies[account, change.tally.charge_key] = change.tally

    def _moved_beside(self, change: Change) -> tuple[tuple[Hold, ...], RefundTally | None]:
        # Neither moves without the state, so there is nothing to look at while that stands.
        account, seen = change.seen.account, change.references
        replaced = [self._holds.get((account, each.hold.id)) for each in change.holds]
        seen_seqs = [each.seen_seq for each in change.holds]
        moved = tuple(hold for hold, seq in zip(replaced, seen_seqs, strict=True) if hold and hold.seq != seq)
        tally = self._tallies.get((account, change.tally.charge_key)) if change.tally else None
        return moved, tally if tally != seen.tally else None

    def _references(self, account: Account, terms: Terms) -> References:
        hold_id, charge_key = named_hold(terms), named_charge(terms)
        return References(
            hold=self._holds.get((account, hold_id)) if hold_id else None,
            charge=self.entry(account, charge_key) if charge_key else None,
            tally=self._tallies.get((account, charge_key)) if charge_key else None,
        )

    def _newest_first(self, account: Account) -> list[Entry]:
        with self._lock:
            recorded = list(self._entries.get(account, {}).values())
        return sorted(recorded, key=lambda entry: entry.seq, reverse=True)


def due_holds(open_holds: Sequence[Hold], now_ms: int) -> DueHolds:
    """What a listing of all open holds says of those that are due."""
    others = [hold.expires_at_ms for hold in open_holds if not hold.is_due(now_ms)]
    due = in_due_order([hold for hold in open_holds if hold.is_due(now_ms)])
    return DueHolds(due, min(others, default=None), len(open_holds))


def page_of(newest_first: list[Entry], limit: int) -> Page[Entry]:
    items = tuple(newest_first[:limit])
    return Page(items, items[-1].seq if len(newest_first) > limit else None)


def _matches(entry: Entry, wanted: EntryFilter) -> bool:
    return (
        (wanted.before_seq is None or entry.seq < wanted.before_seq)
        and (wanted.kind is None or entry.kind == wanted.kind)
        and (wanted.from_ms is None or entry.at_ms >= wanted.from_ms)
        and (wanted.to_ms is None or entry.at_ms < wanted.to_ms)
        and wanted.admits_use(entry)
    )
