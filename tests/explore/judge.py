"""The judge: what must hold in every state, whatever happened on the way to it.

Two look at each table, once: the simulator's oracle, with an arithmetic of its own, and the ledger's own verification.
What a caller is told is compared with the table in every state from then on.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from types import SimpleNamespace
from typing import Any, Final

from shared.ledger.accounts import Account, Begun
from shared.ledger.entries import Entry, records
from shared.ledger.errors import (
    IdempotencyKeyReused,
    InvalidOperation,
    LedgerError,
    RecordDamaged,
    TooManyGrants,
    TooManyHolds,
)
from shared.ledger.operations import SYSTEM_CALLER, Operation
from shared.ledger.protocol import Recorded
from shared.ledger.reducer import Replay, replay
from shared.verification.accounts import compare_halves, other_halves, verify_account
from shared.verification.companions import compare_companions, of_any_entry, of_entries, with_policy
from tests.explore.requests import Place, Requests
from tests.explore.tables import Shelf, Table
from tests.simulation.oracle import Oracle
from tests.simulation.verdict import Verdict

_NOBODY: Final[Any] = SimpleNamespace(tickets=[], turned_away={}, history=[])
"""No clients: what they are told is judged here."""
_NO_ENTRY: Final = (InvalidOperation, TooManyGrants, TooManyHolds)
"""Answers of which nothing is recorded."""


class Judge:
    def __init__(self, shelf: Shelf, requests: Requests) -> None:
        self._shelf = shelf
        self._requests = requests
        self._of_table: dict[int, str | None] = {}
        self._of_place: dict[tuple[int, int], str | None] = {}

    def problem_of(self, state: tuple[int, tuple[int, ...], tuple[int, ...]]) -> str | None:
        """The first thing that is wrong."""
        table, _, places = state
        if table not in self._of_table:
            self._of_table[table] = next(self._problems_of_table(self._shelf.tables[table]), None)
        if (problem := self._of_table[table]) is not None:
            return problem
        for place in places:
            if (problem := self._problem_of_place(table, place)) is not None:
                return problem
        return None

    def problem_when_told(self, table: int, number: int) -> str | None:
        """What is wrong with the answer that a request is given just now, and need not be so later."""
        place = self._requests.places[number]
        if place.answer is None:
            return None
        told = ((each, _told(place, each)) for each in self._operations_of(place))
        problems = (_problem_of_error(self._shelf.tables[table], *each) for each in told)
        return next((problem for problem in problems if problem is not None), None)

    def _operations_of(self, place: Place) -> tuple[Operation, ...]:
        return self._requests.callers[place.caller].attempts[place.attempt].operations

    def _problem_of_place(self, table: int, number: int) -> str | None:
        place = self._requests.places[number]
        if place.problem is not None or (place.answer is None and not place.unwritten):
            return place.problem
        if (table, number) not in self._of_place:
            self._of_place[table, number] = next(self._problems_of_told(self._shelf.tables[table], place), None)
        return self._of_place[table, number]

    def _problems_of_table(self, table: Table) -> Iterator[str]:
        try:
            yield from _problems_of_record(table)
            yield from self._problems_of_content(table)
        except Exception as crash:  # noqa: BLE001 - a table that cannot be judged is no good one
            yield f"{type(crash).__name__} {crash}"

    def _problems_of_content(self, table: Table) -> Iterator[str]:
        """Each entry is what the request that wrote it asked for."""
        for row in chain.from_iterable(rows.values() for rows in table.rows.values()):
            entry = row.entry
            asked = self._requests.operation_of(entry.key, entry.correlation_id)
            is_of_a_caller = entry.by != SYSTEM_CALLER and entry.member is None
            if is_of_a_caller and asked is None and self._requests.is_of_a_request(entry.correlation_id):
                yield f"{entry.key} is on the record, and its request never asked for it"
            if asked is not None and (asked.account != entry.account or not records(entry, asked)):
                yield f"{entry.key} records something else than what was asked"

    def _problems_of_told(self, table: Table, place: Place) -> Iterator[str]:
        for operation in place.unwritten:
            entry = _entry(table, operation)
            if entry is not None and entry.correlation_id == operation.correlation_id:
                yield f"{operation.correlation_id} was told that nothing was recorded of {operation.key}"
        if place.answer is None:
            return
        for operation in self._operations_of(place):
            told = _told(place, operation)
            problem = _problem_of_answer(table, operation, told)
            # Where a request before had no answer, its write may land yet: only an entry is final.
            problem = problem or (_problem_of_error(table, operation, told) if place.attempt == 0 else None)
            if problem is not None:
                yield f"{operation.correlation_id} {problem}"


def _told(place: Place, operation: Operation) -> object:
    return place.answer.get(operation.key) if isinstance(place.answer, Mapping) else place.answer


def _problem_of_answer(table: Table, operation: Operation, told: object) -> str | None:
    entry = _entry(table, operation)
    if isinstance(told, Recorded):
        return _problem_of_entry(operation, told, entry)
    if isinstance(told, IdempotencyKeyReused) and (entry is None or records(entry, operation)):
        return f"was told that {operation.key} was used for something else"
    if isinstance(told, RecordDamaged):
        return "was told that the record is damaged"
    return None if isinstance(told, LedgerError) else f"was told {told!r}"


def _problem_of_entry(operation: Operation, told: Recorded, entry: Entry | None) -> str | None:
    if entry is None:
        return f"was told {told.entry.outcome}, and {operation.key} is not on the record"
    if entry != told.entry or entry.hash != told.entry.hash:
        return f"was told {_said(told.entry)}, and on the record under {operation.key} is {_said(entry)}"
    if not records(entry, operation):
        return f"was given the answer to another operation under {operation.key}"
    if told.replayed == (entry.correlation_id == operation.correlation_id):
        return f"was told that it is {'' if told.replayed else 'not '}replayed; {entry.correlation_id} wrote it"
    return None


def _problem_of_error(table: Table, operation: Operation, told: object) -> str | None:
    """Of an answer of which nothing is recorded: that it is recorded."""
    entry = _entry(table, operation)
    if isinstance(told, _NO_ENTRY) and entry is not None and records(entry, operation):
        return f"was told {told.code}, and on the record under {operation.key} is {_said(entry)}"
    return None


def _entry(table: Table, operation: Operation) -> Entry | None:
    row = table.rows.get(operation.account, {}).get(operation.key)
    return row.entry if row else None


def _said(entry: Entry) -> str:
    return f"{entry.outcome} {entry.amount} as seq {entry.seq}"


def _problems_of_record(table: Table) -> Iterator[str]:
    verdict = Verdict()
    audited: dict[Any, Any] = {account: dict(enumerate(journal, start=1)) for account, journal in table.journal.items()}
    Oracle(verdict).judge(table, _NOBODY, audited)
    for wrong in verdict.examples:
        yield f"{wrong.account.actor}: {wrong.figure}: {wrong.key or 'the record'}: {wrong.what}"
    for account, journal in table.journal.items():
        yield from _problems_of_account(table, account, [row.entry for row in journal])


def _problems_of_account(table: Table, account: Account, entries: list[Entry]) -> Iterator[str]:
    state = table.states[account]
    kept = [hold for (owner, _), hold in table.holds.items() if owner == account]
    tallies = [tally for (owner, _), tally in table.tallies.items() if owner == account]
    policies = [table.policies[account]] if account in table.policies else []
    beside = of_entries(account, entries)
    whole = with_policy(state, beside)
    findings = [
        *verify_account(account, entries, whole),
        *compare_companions(
            account, {**beside, **of_any_entry(entries)}, [*kept, *tallies, *policies, Begun()], state.seq, state.seq
        ),
    ]
    for entry in entries:
        for half in other_halves(entry):
            row = table.rows.get(half.account, {}).get(half.key)
            findings += compare_halves(entry, half, row.entry if row else None)
    for finding in findings:
        yield f"{account.actor}: entry {finding.seq}: {finding.problem}"
    if replay(account, entries) != whole:
        yield f"{account.actor}: the state is not what its entries lead to"
    if len({entry.key for entry in entries}) != len(entries):
        yield f"{account.actor}: a key has two entries"
    yield from _unpaid_by_parent(account, entries)
    if state.available + state.held + state.spent + state.expired != state.funded:
        yield f"{account.actor}: available, held, spent and expired are not what was funded"
    if state.available < -state.overdraft_limit:
        yield f"{account.actor}: {state.available} available"


def _unpaid_by_parent(account: Account, entries: list[Entry]) -> Iterator[str]:
    """Who has a parent when an operation is recorded pays together with it."""
    history = Replay(account)
    for entry in entries:
        policy = history.state.policy
        parent, paid_by = policy.parent if policy else None, (entry.parent or {}).get("actor")
        if entry.kind in {"charge", "hold"} and not entry.is_refused and paid_by != parent:
            yield f"{account.actor}: {entry.key}: paid by {paid_by}, and its parent is {parent}"
        history.step(entry)
