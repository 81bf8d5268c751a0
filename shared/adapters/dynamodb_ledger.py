"""The ledger on DynamoDB: executes the protocol's commands and translates the answers, nothing else.

One mutation is one transaction. What its conditions guard, over the life of an account and of a key:

    time ──────────────────────────────────────────────────────────────────────────────────────────────────►

    STATE     absent        seq 1        seq 2        seq 3        seq 4
               │             ▲            ▲            ▲            ▲
               │ read        │ put if     │ put if     │            │
               └─────────────┘ absent     │ seq = 1    │ …          │ …

    OP#a      absent ────────► recorded, for good
    OP#b      absent ─────────────────────► recorded, for good

    the first attempt          both conditions hold: STATE is as it was read, the key is free
    a duplicate, at any time   OP#<key> is there: turned down, whatever STATE says; the entry comes back and answers
    a race with another key    STATE has another seq: turned down; the new STATE comes back, the next try starts there
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pynamodb.exceptions import CancellationReason, DoesNotExist, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from shared.adapters.driver import REAL_PACE, Pace, drive, insist
from shared.adapters.dynamodb_answers import FAILURES, TRANSACTION_CANCELED, error_code, translated
from shared.adapters.tables import STATE_SK, account_pk, entry_sk, is_entry_sk, ledger_table
from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.operations import Operation
from shared.ledger.ports import EntryFilter, Page
from shared.ledger.protocol import (
    Busy,
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
    Unknown,
    record,
)
from shared.ledger.reducer import Change

DEADLINE_MS: Final = 5000
ALL_OLD: Final = "ALL_OLD"

_CONFLICT: Final = "TransactionConflict"
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_THROTTLED: Final = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
_SCAN_SIZE: Final = 500
"""Entries evaluated by one query where a filter may leave few of them."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """What one query found; `next_before_seq` is None where it reached the end."""

    entries: tuple[Entry, ...]
    next_before_seq: int | None


class DynamoLedger:
    """Implements ports.Ledger. `deadline_ms` is for one call; a last attempt may outlast it by the socket timeouts."""

    def __init__(
        self,
        table_name: str,
        deadline_ms: int = DEADLINE_MS,
        *,
        pace: Pace = REAL_PACE,
        region: str | None = None,
        host: str | None = None,
    ) -> None:
        self._table = ledger_table(table_name, region=region, host=host)
        self._deadline_ms = deadline_ms
        self._pace = pace

    def record(self, operation: Operation, now_ms: int) -> Recorded:
        return drive(record(operation, now_ms), self.execute, self._pace, self._deadline_ms)

    def state(self, account: Account) -> AccountState | None:
        return insist(lambda: self._read(account), self._pace, self._deadline_ms).state

    def entry(self, account: Account, key: str) -> Entry | None:
        return insist(lambda: self._look_up(account, key), self._pace, self._deadline_ms).entry

    def entries(self, account: Account, wanted: EntryFilter) -> Page[Entry]:
        """Full pages but the last, unless the deadline passes in the middle of a long search."""
        ends_at_ms = self._pace.monotonic_ms() + self._deadline_ms
        found: list[Entry] = []
        before_seq = wanted.before_seq
        while True:
            remaining_ms = ends_at_ms - self._pace.monotonic_ms()
            part = self._slice(account, wanted, before_seq, remaining_ms)
            found += part.entries
            before_seq = part.next_before_seq
            if len(found) > wanted.limit:
                return Page(tuple(found[: wanted.limit]), found[wanted.limit - 1].seq)
            if before_seq is None or self._pace.monotonic_ms() >= ends_at_ms:
                return Page(tuple(found), before_seq)

    def execute(self, command: Command) -> Outcome:
        """Executes one command of the protocol."""
        match command:
            case Read(account):
                return self._read(account)
            case Commit(change):
                return self._commit(change)
            case Lookup(account, key):
                return self._look_up(account, key)
            case Pause():
                raise TypeError("a pause is the driver's")

    def _read(self, account: Account) -> Found | Busy | Unknown:
        try:
            item = self._table.states.get(account_pk(account), STATE_SK, consistent_read=True)
        except DoesNotExist:
            return Found(None)
        except FAILURES as failure:
            return translated(failure)
        return Found(item.state_of(account))

    def _look_up(self, account: Account, key: str) -> FoundEntry | Busy | Unknown:
        try:
            item = self._table.entries.get(account_pk(account), entry_sk(key), consistent_read=True)
        except DoesNotExist:
            return FoundEntry(None)
        except FAILURES as failure:
            return translated(failure)
        return FoundEntry(item.entry)

    def _commit(self, change: Change) -> Committed | TurnedDown | Busy | Unknown:
        try:
            self._write(change)
        except TransactWriteError as failure:
            if error_code(failure) == TRANSACTION_CANCELED:
                return self._canceled(failure, change.seen.account)
            return translated(failure)
        except FAILURES as failure:
            return translated(failure)
        return Committed()

    def _write(self, change: Change) -> None:
        table = self._table
        # Holds unless an operation with this key is on the record. Entries are never deleted, so it fails for good.
        key_is_free = table.entries.pk.does_not_exist()
        # The SDK makes a token for each call: it makes a call that the network repeats one, and is no business of ours.
        with TransactWrite(connection=table.connection) as transaction:
            for entry in change.entries:
                transaction.save(table.entries.of(entry), condition=key_is_free, return_values=ALL_OLD)
            unmoved = self._is_unmoved(change.seen)
            transaction.save(table.states.of(change.state), condition=unmoved, return_values=ALL_OLD)

    def _is_unmoved(self, seen: AccountState) -> Condition:
        # Holds for the first entry of an account. A STATE without an entry before it cannot be.
        has_no_state = self._table.states.pk.does_not_exist()
        # Holds while the entry that was the newest when STATE was read still is.
        has_the_seq_that_was_seen = self._table.states.seq == seen.seq
        return has_no_state if seen.seq == 0 else has_the_seq_that_was_seen

    def _canceled(self, failure: TransactWriteError, account: Account) -> TurnedDown | Busy | Unknown:
        reasons = [reason for reason in failure.cancellation_reasons if reason is not None]
        entries, state = self._in_the_way(reasons, account)
        if entries or state is not None:
            return TurnedDown(entries, state)
        codes = {reason.code for reason in reasons}
        if not codes or _CONDITION_FAILED in codes:
            # No reason given, or a condition on an item that is not there: a STATE that was read before is gone. That
            # account must not start again from nothing.
            return Unknown()
        if codes <= {_CONFLICT, *_THROTTLED}:
            return Busy(throttled=not codes.isdisjoint(_THROTTLED))
        raise failure

    def _in_the_way(
        self, reasons: Iterable[CancellationReason], account: Account
    ) -> tuple[tuple[Entry, ...], AccountState | None]:
        # By what they are: PynamoDB sorts what it sends, so a reason's place says nothing about our calls.
        items = {item["sk"]["S"]: item for reason in reasons if (item := reason.raw_item)}
        entries = (self._table.entries.from_raw_data(item).entry for sk, item in items.items() if is_entry_sk(sk))
        state = self._table.states.from_raw_data(items[STATE_SK]).state_of(account) if STATE_SK in items else None
        return tuple(entries), state

    def _slice(self, account: Account, wanted: EntryFilter, before_seq: int | None, remaining_ms: int) -> _Slice:
        return insist(lambda: self._query(account, wanted, before_seq), self._pace, remaining_ms)

    def _query(self, account: Account, wanted: EntryFilter, before_seq: int | None) -> _Slice | Busy | Unknown:
        table = self._table.entries
        conditions = self._filter(wanted)
        results = table.by_seq.query(
            account_pk(account),
            range_key_condition=None if before_seq is None else table.entry_seq < before_seq,
            filter_condition=conditions,
            scan_index_forward=False,
            page_size=wanted.limit + 1 if conditions is None else _SCAN_SIZE,
        )
        try:
            page = next(results.page_iter)
        except FAILURES as failure:
            return translated(failure)
        last = page.get("LastEvaluatedKey")
        return _Slice(
            entries=tuple(table.from_raw_data(item).entry for item in page["Items"]),
            next_before_seq=None if last is None else int(last["entry_seq"]["N"]),
        )

    def _filter(self, wanted: EntryFilter) -> Condition | None:
        table = self._table.entries
        conditions: Condition | None = None
        if wanted.kind is not None:
            conditions &= table.kind == wanted.kind
        if wanted.from_ms is not None:
            conditions &= table.at_ms >= wanted.from_ms
        if wanted.to_ms is not None:
            conditions &= table.at_ms < wanted.to_ms
        return conditions
