"""The ledger's table: what DynamoDB does with a command that reaches it, and a journal of every row it ever wrote."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import References
from shared.ledger.due import DueHolds, in_due_order
from shared.ledger.entries import Entry
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import (
    CaptureHold,
    ExtendHold,
    Refund,
    ReleaseHold,
    Terms,
    named_charge,
    named_hold,
    names_nothing,
)
from shared.ledger.policies import Policy
from shared.ledger.protocol import (
    CommandOutcome,
    Commit,
    Committed,
    Conflict,
    Damaged,
    FindDue,
    Found,
    FoundDue,
    FoundEntry,
    Lookup,
    Read,
)
from shared.ledger.records import entry_from_record, record_of
from shared.ledger.reducer import NOTHING_NAMED, Change

_INDEX_LAG_MS: Final = 200
_PARTS_MAX: Final = 5
_NOTHING_MOVED: Final[tuple[tuple[Hold, ...], RefundTally | None]] = ((), None)
_NAMING: Final = frozenset({CaptureHold, ExtendHold, Refund, ReleaseHold})
"""Terms that name something which has to be read too."""


class Row(NamedTuple):
    """An entry as the table holds it: its text and its hash; and when it was written, where a clock tells."""

    record: str
    digest: str
    written_at_ms: int | None = None

    @property
    def entry(self) -> Entry:
        return entry_from_record(self.record, self.digest)


class ReadOfMore(NamedTuple):
    """A read in the middle of its work: it has read these items, and others are still to be read."""

    read: Read
    found: list[Any]


class OpenHolds:
    """The index of open holds, which learns of a change a moment later."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._holds: dict[Account, dict[str, Hold]] = {}
        self._to_learn: deque[tuple[int, Account, Hold]] = deque()

    def changed(self, account: Account, hold: Hold) -> None:
        self._to_learn.append((self._now_ms() + _INDEX_LAG_MS, account, hold))

    def due(self, account: Account, now_ms: int) -> DueHolds:
        while self._to_learn and self._to_learn[0][0] <= self._now_ms():
            self._learn(*self._to_learn.popleft()[1:])
        listed = self._holds.get(account, {}).values()
        others = [hold.expires_at_ms for hold in listed if not hold.is_due(now_ms)]
        due = in_due_order([hold for hold in listed if hold.is_due(now_ms)])
        return DueHolds(due, min(others, default=None), len(listed))

    def _learn(self, account: Account, hold: Hold) -> None:
        holds = self._holds.setdefault(account, {})
        if hold.status == "open":
            holds[hold.id] = hold
        else:
            holds.pop(hold.id, None)


def _with_policy(state: AccountState, policy: Policy | None) -> AccountState:
    return replace(state, policy=policy)


class _Reader:
    """Reads item after item: first those that were `read` before, as they were then, then those that are there now."""

    def __init__(self, table: "LedgerTable", read: Sequence[Any] = ()) -> None:
        self.found: list[Any] = []
        self._table = table
        self._read = iter(read)

    def state(self, account: Account) -> AccountState | None:
        state: AccountState | None = self._next(lambda: self._table.states.get(account))
        if state is None or not state.policy_seq:
            return state
        policy: Policy | None = self._next(lambda: self._table.policies.get(account))
        return _with_policy(state, policy)

    def named(self, account: Account, terms: Terms) -> References:
        if names_nothing(terms):
            return NOTHING_NAMED
        references: References = self._next(lambda: self._table.references(account, terms))
        return references

    def _next(self, now: Callable[[], Any]) -> Any:
        value = next(self._read, self)
        self.found.append(now() if value is self else value)
        return self.found[-1]


class LedgerTable:
    """`journal` has every row in the order in which it was written, whatever became of it; `on_row` is the stream."""

    def __init__(self, on_row: Callable[[Account, Row], None], now_ms: Callable[[], int] = lambda: 0) -> None:
        self.begun: set[Account] = set()
        """Accounts that have had an entry, whatever became of it."""
        self.states: dict[Account, AccountState] = {}
        self.rows: dict[Account, dict[str, Row]] = {}
        self.journal: dict[Account, list[Row]] = {}
        self.holds: dict[tuple[Account, str], Hold] = {}
        self.tallies: dict[tuple[Account, str], RefundTally] = {}
        self.policies: dict[Account, Policy] = {}
        """Items of their own: no state in `states` has one."""
        self._now_ms = now_ms
        self._parts_read = 0
        self._on_row = on_row
        self._open_holds = OpenHolds(now_ms)
        self._execute: dict[type, Callable[[Any], CommandOutcome]] = {
            Read: self._read,
            ReadOfMore: self._read_more,
            FindDue: self._find_due,
            Lookup: self._look_up,
            Commit: self._commit,
        }

    def begin(self, command: Any) -> Any:
        """What a call that is several reads is after the first of them."""
        if type(command) is not Read:
            return command
        state = self.states.get(command.account)
        if state is not None and state.policy_seq:
            # Of so many reads now one is done when the others begin, now two, and so on.
            self._parts_read = self._parts_read % _PARTS_MAX + 1
            reader = _Reader(self)
            command.found(reader.state, reader.named)
            return ReadOfMore(command, reader.found[: self._parts_read])
        is_more = type(command.terms) in _NAMING or command.others
        return ReadOfMore(command, [state]) if is_more else command

    def execute(self, command: Any) -> CommandOutcome:
        return self._execute[type(command)](command)

    def _read(self, command: Read) -> CommandOutcome:
        state = self.states.get(command.account)
        return self._read_more(ReadOfMore(command, [])) if state is not None and state.policy_seq else Found(state)

    def _read_more(self, command: ReadOfMore) -> CommandOutcome:
        reader = _Reader(self, command.found)
        return command.read.found(reader.state, reader.named)

    def references(self, account: Account, terms: Terms) -> References:
        hold_id, charge_key = named_hold(terms), named_charge(terms)
        if charge_key is None:
            return References(hold=self.holds.get((account, hold_id or "")))
        row = self.rows.get(account, {}).get(charge_key)
        return References(charge=row.entry if row else None, tally=self.tallies.get((account, charge_key)))

    def _find_due(self, command: FindDue) -> CommandOutcome:
        return FoundDue(self._open_holds.due(command.account, command.now_ms))

    def _look_up(self, command: Lookup) -> CommandOutcome:
        row = self.rows.get(command.account, {}).get(command.key)
        return FoundEntry(row.entry if row else None)

    def _commit(self, command: Commit) -> CommandOutcome:
        change = command.change
        account = change.seen.account
        rows = self.rows.setdefault(account, {})
        in_the_way = tuple([rows[entry.key].entry for entry in change.entries if entry.key in rows])
        state = self.states.get(account)
        moved = state if state is not None and state.seq != change.seen.seq else None
        beside = self._moved_beside(account, change) if change.holds or change.tally else _NOTHING_MOVED
        policy = self._moved_policy(account, change)
        # What stands in the way in a parent account is not among what comes back.
        is_parent_moved = change.parent is not None and self._is_in_the_way(change.parent)
        if in_the_way or moved is not None or beside != _NOTHING_MOVED or policy is not None or is_parent_moved:
            moved = moved and _with_policy(moved, policy)
            return Conflict(in_the_way, moved, *beside)
        for part in change.parts:
            if part.seen.seq == 0 and part.seen.account in self.begun:
                return Damaged(part.seen.account)
        for part in change.parts:
            self._write(part.seen.account, part)
        return Committed()

    def _moved_policy(self, account: Account, change: Change) -> Policy | None:
        """What came in the place of the policy that was seen, where the change replaces that."""
        seen = change.seen.policy
        if change.state.policy is seen:
            return None
        stored = self.policies.get(account)
        return stored if stored is not None and stored.seq != (seen.seq if seen else 0) else None

    def _is_in_the_way(self, above: Change) -> bool:
        return any(
            any(entry.key in self.rows.get(part.seen.account, ()) for entry in part.entries)
            or self._seq(part.seen.account) != part.seen.seq
            or self._moved_beside(part.seen.account, part) != _NOTHING_MOVED
            or self._moved_policy(part.seen.account, part) is not None
            for part in above.parts
        )

    def _seq(self, account: Account) -> int:
        state = self.states.get(account)
        return state.seq if state else 0

    def _moved_beside(self, account: Account, change: Change) -> tuple[tuple[Hold, ...], RefundTally | None]:
        moved = []
        for replaced in change.holds:
            hold = self.holds.get((account, replaced.hold.id))
            if hold is not None and hold.seq != replaced.seen_seq:
                moved.append(hold)
        tally = self.tallies.get((account, change.tally.charge_key)) if change.tally else None
        return tuple(moved), tally if tally != change.references.tally else None

    def _write(self, account: Account, change: Change) -> None:
        rows, journal = self.rows.setdefault(account, {}), self.journal.setdefault(account, [])
        self.begun.add(account)
        for entry in change.entries:
            row = Row(record_of(entry), entry.hash, self._now_ms())
            rows[entry.key] = row
            journal.append(row)
            self._on_row(account, row)
        policy = change.state.policy
        self.states[account] = change.state if policy is None else _with_policy(change.state, None)
        if policy is not None and policy is not change.seen.policy:
            self.policies[account] = policy
        for replaced in change.holds:
            self.holds[account, replaced.hold.id] = replaced.hold
            self._open_holds.changed(account, replaced.hold)
        if change.tally is not None:
            self.tallies[account, change.tally.charge_key] = change.tally
