"""The ledger's table: what DynamoDB does with a command that reaches it, and a journal of every row it ever wrote."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from shared.ledger.accounts import Account, AccountState
from shared.ledger.effects import References
from shared.ledger.entries import Entry, entry_from_record, record_of
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import CaptureHold, ExtendHold, Refund, ReleaseHold, Terms, named_charge, named_hold
from shared.ledger.protocol import (
    Commit,
    Committed,
    FindDue,
    Found,
    FoundDue,
    FoundEntry,
    Lookup,
    Outcome,
    Read,
    TurnedDown,
)
from shared.ledger.reducer import Change

_INDEX_LAG_MS: Final = 200
_NAMING: Final = frozenset({CaptureHold, ExtendHold, Refund, ReleaseHold})
"""Terms that name something which has to be read too."""


class Row(NamedTuple):
    """An entry as the table holds it: its text and its hash."""

    record: str
    digest: str

    @property
    def entry(self) -> Entry:
        return entry_from_record(self.record, self.digest)


class ReadOfMore(NamedTuple):
    """A read in the middle of its work: it has the state, and what the terms name is still to be read."""

    read: Read
    state: AccountState | None


class OpenHolds:
    """The index of open holds, which learns of a change a moment later."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._holds: dict[Account, dict[str, Hold]] = {}
        self._to_learn: deque[tuple[int, Account, Hold]] = deque()

    def changed(self, account: Account, hold: Hold) -> None:
        self._to_learn.append((self._now_ms() + _INDEX_LAG_MS, account, hold))

    def due(self, account: Account, now_ms: int) -> tuple[Hold, ...]:
        while self._to_learn and self._to_learn[0][0] <= self._now_ms():
            self._learn(*self._to_learn.popleft()[1:])
        return tuple(hold for hold in self._holds.get(account, {}).values() if hold.is_due(now_ms))

    def _learn(self, account: Account, hold: Hold) -> None:
        holds = self._holds.setdefault(account, {})
        if hold.status == "open":
            holds[hold.id] = hold
        else:
            holds.pop(hold.id, None)


class LedgerTable:
    """`journal` has every row in the order in which it was written, whatever became of it; `on_row` is the stream."""

    def __init__(self, on_row: Callable[[Account, Row], None], now_ms: Callable[[], int] = lambda: 0) -> None:
        self.states: dict[Account, AccountState] = {}
        self.rows: dict[Account, dict[str, Row]] = {}
        self.journal: dict[Account, list[Row]] = {}
        self.holds: dict[tuple[Account, str], Hold] = {}
        self.tallies: dict[tuple[Account, str], RefundTally] = {}
        self._on_row = on_row
        self._open_holds = OpenHolds(now_ms)
        self._execute: dict[type, Callable[[Any], Outcome]] = {
            Read: self._read,
            ReadOfMore: self._read_more,
            FindDue: self._find_due,
            Lookup: self._look_up,
            Commit: self._commit,
        }

    def begin(self, command: Any) -> Any:
        """What a call that is several reads is after the first of them."""
        if type(command) is Read and type(command.terms) in _NAMING:
            return ReadOfMore(command, self.states.get(command.account))
        return command

    def execute(self, command: Any) -> Outcome:
        return self._execute[type(command)](command)

    def _read(self, command: Read) -> Outcome:
        return Found(self.states.get(command.account))

    def _read_more(self, command: ReadOfMore) -> Outcome:
        return Found(command.state, self._references(command.read.account, command.read.terms))

    def _references(self, account: Account, terms: Terms) -> References:
        hold_id, charge_key = named_hold(terms), named_charge(terms)
        if charge_key is None:
            return References(hold=self.holds.get((account, hold_id or "")))
        row = self.rows.get(account, {}).get(charge_key)
        return References(charge=row.entry if row else None, tally=self.tallies.get((account, charge_key)))

    def _find_due(self, command: FindDue) -> Outcome:
        return FoundDue(self._open_holds.due(command.account, command.now_ms))

    def _look_up(self, command: Lookup) -> Outcome:
        row = self.rows.get(command.account, {}).get(command.key)
        return FoundEntry(row.entry if row else None)

    def _commit(self, command: Commit) -> Outcome:
        change = command.change
        account = change.seen.account
        rows = self.rows.setdefault(account, {})
        in_the_way = tuple([rows[entry.key].entry for entry in change.entries if entry.key in rows])
        state = self.states.get(account)
        moved = state if state is not None and state.seq != change.seen.seq else None
        beside = self._moved_beside(account, change) if change.hold or change.tally else (None, None)
        if in_the_way or moved is not None or beside != (None, None):
            return TurnedDown(in_the_way, moved, *beside)
        self._write(account, change)
        return Committed()

    def _moved_beside(self, account: Account, change: Change) -> tuple[Hold | None, RefundTally | None]:
        seen = change.references
        hold = self.holds.get((account, change.hold.id)) if change.hold else None
        tally = self.tallies.get((account, change.tally.charge_key)) if change.tally else None
        return hold if hold != seen.hold else None, tally if tally != seen.tally else None

    def _write(self, account: Account, change: Change) -> None:
        rows, journal = self.rows[account], self.journal.setdefault(account, [])
        for entry in change.entries:
            row = Row(record_of(entry), entry.hash)
            rows[entry.key] = row
            journal.append(row)
            self._on_row(account, row)
        self.states[account] = change.state
        if change.hold is not None:
            self.holds[account, change.hold.id] = change.hold
            self._open_holds.changed(account, change.hold)
        if change.tally is not None:
            self.tallies[account, change.tally.charge_key] = change.tally
