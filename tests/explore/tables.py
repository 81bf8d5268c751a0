"""The tables that the ledger comes to have. Each is there once, however many histories lead to it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import References
from shared.ledger.due import DueHolds, in_due_order
from shared.ledger.holds import Hold
from shared.ledger.operations import Terms, names_nothing
from shared.ledger.protocol import CommandOutcome, Commit, Committed, FindDue, Found, Read
from shared.ledger.reducer import NOTHING_NAMED, Change
from tests.explore.names import Name, Names
from tests.simulation.table import LedgerTable

_APART_MS: Final = 120_000
"""Between two writes: the oracle then takes no hold for one that the index need not have had."""


class Table(LedgerTable):
    """The simulator's table, whose index of open holds also gives what it gave before the last change of a hold."""

    def __init__(self, *, is_index_late: bool) -> None:
        super().__init__(lambda _account, _row: None, self._written_at_ms)
        self.is_index_late = is_index_late
        self.listed_before: dict[Account, tuple[Hold, ...]] = {}

    def copied(self) -> "Table":
        copy = Table(is_index_late=self.is_index_late)
        copy.begun = set(self.begun)
        copy.states, copy.policies = dict(self.states), dict(self.policies)
        copy.rows = {account: dict(rows) for account, rows in self.rows.items()}
        copy.journal = {account: list(rows) for account, rows in self.journal.items()}
        copy.holds, copy.tallies = dict(self.holds), dict(self.tallies)
        copy.listed_before = dict(self.listed_before)
        return copy

    def listings(self, command: FindDue) -> list[DueHolds]:
        """What the index may say: the newest first."""
        account = command.account
        found = [_due(self._open(account), command.now_ms)]
        if self.is_index_late and account in self.listed_before:
            late = _due(self.listed_before[account], command.now_ms)
            found += [late] if late not in found else []
        return found

    def name(self, names: Names) -> Name:
        journal = tuple(
            sorted((account.actor, *(row.digest for row in rows)) for account, rows in self.journal.items())
        )
        stored: list[dict[Any, Any]] = [self.states, self.policies, self.holds, self.tallies]
        if self.is_index_late:
            stored.append(self.listed_before)
        # In one order, since the same may have been written in another.
        return names.number((journal, *(frozenset(map(names.of, each.items())) for each in stored)))

    def _write(self, account: Account, change: Change) -> None:
        if change.holds:
            self.listed_before[account] = self._open(account)
        super()._write(account, change)

    def _open(self, account: Account) -> tuple[Hold, ...]:
        return tuple(hold for (owner, _), hold in self.holds.items() if owner == account and hold.status == "open")

    def _written_at_ms(self) -> int:
        return 0 if self.is_index_late else _APART_MS * sum(map(len, self.journal.values()))


def _due(open_holds: tuple[Hold, ...], now_ms: int) -> DueHolds:
    others = [hold.expires_at_ms for hold in open_holds if not hold.is_due(now_ms)]
    return DueHolds(
        in_due_order([hold for hold in open_holds if hold.is_due(now_ms)]), min(others, default=None), len(open_holds)
    )


class _More(Exception):
    """The next item was read, and it is not the last."""


@dataclass(slots=True)
class Reading:
    """A read under way: what it has read so far, item by item, the way DynamoDB is asked."""

    read: Read
    found: list[Any] = field(default_factory=list)

    def next_item(self, table: Table) -> "Reading | Found":
        reader = _Reader(table, self.found)
        try:
            return self.read.found(reader.state, reader.named)
        except _More:
            return Reading(self.read, reader.found)


class _Reader:
    """Gives what was found before, then reads one item more."""

    def __init__(self, table: Table, found: list[Any]) -> None:
        self.found: list[Any] = []
        self._table = table
        self._before = found

    def state(self, account: Account) -> AccountState | None:
        state: AccountState | None = self._next(lambda: self._table.states.get(account))
        if state is None or not state.policy_seq:
            return state
        policy = self._next(lambda: self._table.policies.get(account))
        return replace(state, policy=policy)

    def named(self, account: Account, terms: Terms) -> References:
        if names_nothing(terms):
            return NOTHING_NAMED
        references: References = self._next(lambda: self._table.references(account, terms))
        return references

    def _next(self, now: Callable[[], Any]) -> Any:
        done = len(self.found)
        if done > len(self._before):
            raise _More
        self.found.append(self._before[done] if done < len(self._before) else now())
        return self.found[-1]


class Shelf:
    """All tables, by number."""

    def __init__(self, names: Names) -> None:
        self.tables: list[Table] = []
        self.commits: list[Commit] = []
        self._names = names
        self._table_numbers: dict[Name, int] = {}
        self._commit_numbers: dict[Name, int] = {}
        self._committed: dict[tuple[int, int], tuple[CommandOutcome, int]] = {}

    def number_of(self, table: Table) -> int:
        number = self._table_numbers.setdefault(table.name(self._names), len(self.tables))
        if number == len(self.tables):
            self.tables.append(table)
        return number

    def commit_number_of(self, commit: Commit) -> int:
        number = self._commit_numbers.setdefault(self._names.of(commit), len(self.commits))
        if number == len(self.commits):
            self.commits.append(commit)
        return number

    def commit(self, table: int, commit: int) -> tuple[CommandOutcome, int]:
        """What the table says to a commit, and which table there is then."""
        known = self._committed.get((table, commit))
        if known is None:
            after = self.tables[table].copied()
            outcome = after.execute(self.commits[commit])
            known = outcome, self.number_of(after) if isinstance(outcome, Committed) else table
            self._committed[table, commit] = known
        return known

    def would_apply(self, table: int, commit: int) -> bool:
        return isinstance(self.commit(table, commit)[0], Committed)
