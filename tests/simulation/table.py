"""The ledger's table: what DynamoDB does with a command that reaches it, and a journal of every row it ever wrote."""

from collections.abc import Callable
from typing import Any, NamedTuple

from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry, entry_from_record, record_of
from shared.ledger.protocol import Commit, Committed, Found, FoundEntry, Lookup, Outcome, Read, TurnedDown
from shared.ledger.reducer import Change


class Row(NamedTuple):
    """An entry as the table holds it: its text and its hash."""

    record: str
    digest: str

    @property
    def entry(self) -> Entry:
        return entry_from_record(self.record, self.digest)


class LedgerTable:
    """`journal` has every row in the order in which it was written, whatever became of it; `on_row` is the stream."""

    def __init__(self, on_row: Callable[[Account, Row], None]) -> None:
        self.states: dict[Account, AccountState] = {}
        self.rows: dict[Account, dict[str, Row]] = {}
        self.journal: dict[Account, list[Row]] = {}
        self._on_row = on_row
        self._execute: dict[type, Callable[[Any], Outcome]] = {
            Read: self._read,
            Lookup: self._look_up,
            Commit: self._commit,
        }

    def execute(self, command: Any) -> Outcome:
        return self._execute[type(command)](command)

    def _read(self, command: Read) -> Outcome:
        return Found(self.states.get(command.account))

    def _look_up(self, command: Lookup) -> Outcome:
        row = self.rows.get(command.account, {}).get(command.key)
        return FoundEntry(row.entry if row else None)

    def _commit(self, command: Commit) -> Outcome:
        change = command.change
        account = change.seen.account
        rows = self.rows.setdefault(account, {})
        in_the_way = tuple(rows[entry.key].entry for entry in change.entries if entry.key in rows)
        state = self.states.get(account)
        moved = state if state is not None and state.seq != change.seen.seq else None
        if in_the_way or moved is not None:
            return TurnedDown(in_the_way, moved)
        self._write(account, change)
        return Committed()

    def _write(self, account: Account, change: Change) -> None:
        rows, journal = self.rows[account], self.journal.setdefault(account, [])
        for entry in change.entries:
            row = Row(record_of(entry), entry.hash)
            rows[entry.key] = row
            journal.append(row)
            self._on_row(account, row)
        self.states[account] = change.state
