"""The ledger on DynamoDB: executes the protocol's commands and translates the answers.

One mutation is one transaction. Its conditions, over the life of an account and of a key:

    time ──────────────────────────────────────────────────────────────────────────────────────────────────►

    STATE     absent        seq 1        seq 2        seq 3        seq 4
               │             ▲            ▲            ▲            ▲
               │ read        │ put if     │ put if     │            │
               └─────────────┘ absent     │ seq = 1    │ …          │ …
    BEGUN     absent ────────► present, for ever

    OP#a      absent ────────► recorded, for good
    OP#b      absent ─────────────────────► recorded, for good

    the first attempt          both conditions hold: STATE is as it was read, the key is free
    a duplicate, at any time   OP#<key> exists: conflict, whatever STATE says; the returned entry is the answer
    a race with another key    STATE has another seq: conflict; the next attempt starts from the returned STATE
    STATE has vanished         BEGUN exists and STATE does not: the record is damaged, and nothing is written

A hold (HOLD#) and the tally of a charge's refunds (REFUND#) are wired like STATE: each is put if its seq is still the
one that was read; otherwise the item that replaced it comes back. POLICY is never replaced without STATE, whose
condition covers it too. If a parent account pays as well, its items are written under the same conditions in the same
transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias, TypeVar

from shared.adapters.driver import REAL_PACE, Pace, drive, retry_until_deadline
from shared.adapters.dynamodb_answers import FAILURES, TRANSACTION_CANCELED, error_code, translated
from shared.adapters.items import HoldItem, PolicyItem, StateItem, TallyItem, ledger_table
from shared.adapters.keys import (
    BEGUN_SK,
    POLICY_SK,
    STATE_SK,
    account_of,
    account_pk,
    entry_sk,
    hold_sk,
    is_entry_sk,
    is_hold_sk,
    is_tally_sk,
    tally_sk,
)
from shared.adapters.pynamo import Condition, DoesNotExist, Model, TransactWrite, TransactWriteError
from shared.ledger.accounts import Account, AccountState, Begun
from shared.ledger.context import References
from shared.ledger.due import DueHolds, in_due_order
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerError
from shared.ledger.frozen import dataclass
from shared.ledger.holds import Hold
from shared.ledger.operations import Operation, Terms, named_charge, named_hold, names_nothing
from shared.ledger.protocol import (
    Busy,
    Command,
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
    Pause,
    Read,
    Recorded,
    Unknown,
    do_what_is_due,
    record,
    record_batch,
)
from shared.ledger.reducer import NOTHING_NAMED, Change
from shared.ports.ledger import EntryFilter, Page

_Item = TypeVar("_Item", bound=Model)
_Raw: TypeAlias = dict[str, Any]
_Replaced: TypeAlias = StateItem | HoldItem | TallyItem | PolicyItem

DEADLINE_MS: Final = 5000
ALL_OLD: Final = "ALL_OLD"

_CONFLICT: Final = "TransactionConflict"
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
_THROTTLED: Final = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
_READS_MAX: Final = 4
_HOLDS_AT_FIRST: Final = 100
"""Open holds that the first search for due holds reads."""
_SCAN_SIZE: Final = 500
"""Entries that one query evaluates if a filter may admit only a few."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """The result of one query; `next_before_seq` is None at the end of the entries."""

    entries: tuple[Entry, ...]
    next_before_seq: int | None


class DynamoLedger:
    """Implements ports.Ledger.

    `deadline_ms` applies to one call; a last attempt may exceed it by the socket timeouts.
    """

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

    def record_batch(self, operations: Sequence[Operation], now_ms: int) -> dict[str, Recorded | LedgerError]:
        return drive(record_batch(operations, now_ms), self.execute, self._pace, self._deadline_ms)

    def do_what_is_due(self, account: Account, correlation_id: str, now_ms: int) -> int:
        return drive(do_what_is_due(account, correlation_id, now_ms), self.execute, self._pace, self._deadline_ms)

    def open_holds(self, account: Account) -> tuple[Hold, ...]:
        return retry_until_deadline(lambda: self._open_holds(account), self._pace, self._deadline_ms)

    def hold(self, account: Account, hold_id: str) -> Hold | None:
        return retry_until_deadline(lambda: self._find_hold(account, hold_id), self._pace, self._deadline_ms).hold

    def state(self, account: Account) -> AccountState | None:
        return retry_until_deadline(
            lambda: self._answered(lambda: self._read_whole(account)), self._pace, self._deadline_ms
        ).state

    def entry(self, account: Account, key: str) -> Entry | None:
        return retry_until_deadline(lambda: self._look_up(account, key), self._pace, self._deadline_ms).entry

    def entries(self, account: Account, wanted: EntryFilter) -> Page[Entry]:
        """Every page but the last is full, unless the deadline passes during a long search."""
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

    def execute(self, command: Command) -> CommandOutcome:
        match command:
            case Read():
                return self._answered(lambda: command.found(self._state_with_policy, self._references))
            case FindDue(account, now_ms):
                return self._find_due(account, now_ms)
            case Commit(change):
                return self._commit(change)
            case Lookup(account, key):
                return self._look_up(account, key)
            case Pause():
                raise TypeError("the driver handles pauses")

    def _read_whole(self, account: Account) -> Found | Busy:
        """A state and its policy, read again if one of them changed between the two reads."""
        for _ in range(_READS_MAX):
            state = self._state_with_policy(account)
            if state is None or state.has_its_policy:
                return Found(state)
        return Busy()

    def _answered(self, ask: Callable[[], Found | Busy]) -> Found | Busy | Unknown:
        try:
            return ask()
        except FAILURES as failure:
            return translated(failure)

    def _state_with_policy(self, account: Account) -> AccountState | None:
        item = _found(self._table.states, account, STATE_SK)
        if item is None:
            return None
        state = item.state_of(account)
        policy = _found(self._table.policies, account, POLICY_SK) if state.policy_seq else None
        return state if policy is None else replace(state, policy=policy.value)

    def _references(self, account: Account, terms: Terms) -> References:
        if names_nothing(terms):
            return NOTHING_NAMED
        hold_id, charge_key = named_hold(terms), named_charge(terms)
        hold = hold_id and _found(self._table.holds, account, hold_sk(hold_id))
        charge = charge_key and _found(self._table.entries, account, entry_sk(charge_key))
        tally = charge_key and _found(self._table.tallies, account, tally_sk(charge_key))
        return References(
            hold=hold.hold if hold else None,
            charge=charge.entry if charge else None,
            tally=tally.tally if tally else None,
        )

    def _find_due(self, account: Account, now_ms: int) -> FoundDue | Busy | Unknown:
        """One query if few holds are open.

        If there are many, the holds after the first that is not due are only counted.
        """
        try:
            holds, last = self._listed_holds(account, _HOLDS_AT_FIRST)
            while last is not None and holds[-1].is_due(now_ms):
                more, last = self._listed_holds(account, None, last)
                holds += more
            listed = len(holds) if last is None else self._table.holds.open_holds.count(account_pk(account))
        except FAILURES as failure:
            return translated(failure)
        others = (hold.expires_at_ms for hold in holds if not hold.is_due(now_ms))
        due = in_due_order([hold for hold in holds if hold.is_due(now_ms)])
        return FoundDue(DueHolds(due, next(others, None), listed))

    def _listed_holds(
        self, account: Account, limit: int | None, after: _Raw | None = None
    ) -> tuple[list[Hold], _Raw | None]:
        """A page of open holds, in order of expiry, and the start of the next page."""
        index = self._table.holds.open_holds
        page = next(index.query(account_pk(account), page_size=limit, last_evaluated_key=after).page_iter)
        holds = [self._table.holds.from_raw_data(item).hold for item in page["Items"]]
        return holds, page.get("LastEvaluatedKey")

    def _open_holds(self, account: Account) -> tuple[Hold, ...] | Busy | Unknown:
        index = self._table.holds.open_holds
        try:
            return tuple(item.hold for item in index.query(account_pk(account)))
        except FAILURES as failure:
            return translated(failure)

    def _find_hold(self, account: Account, hold_id: str) -> References | Busy | Unknown:
        try:
            item = _found(self._table.holds, account, hold_sk(hold_id))
        except FAILURES as failure:
            return translated(failure)
        return References(hold=None if item is None else item.hold)

    def _look_up(self, account: Account, key: str) -> FoundEntry | Busy | Unknown:
        try:
            item = _found(self._table.entries, account, entry_sk(key))
        except FAILURES as failure:
            return translated(failure)
        return FoundEntry(None if item is None else item.entry)

    def _commit(self, change: Change) -> Committed | Conflict | Damaged | Busy | Unknown:
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
        # True unless the key has an entry. Entries are never deleted, so once false it stays false.
        key_is_free = table.entries.pk.does_not_exist()
        # The SDK generates a token per call, which only makes network-level repeats of that call idempotent.
        with TransactWrite(connection=table.connection) as transaction:
            for part in change.parts:
                for entry in part.entries:
                    transaction.save(table.entries.of(entry), condition=key_is_free, return_values=ALL_OLD)
                if part.seen.seq == 0:
                    # True unless the account has an entry 1, even if all its other items are lost.
                    is_new = table.begun.pk.does_not_exist()
                    transaction.save(
                        table.begun.of(part.seen.account, Begun()), condition=is_new, return_values=ALL_OLD
                    )
                for item, seen_seq in self._replacements(part):
                    unmoved = _is_unmoved(type(item), seen_seq)
                    transaction.save(item, condition=unmoved, return_values=ALL_OLD)

    def _replacements(self, change: Change) -> Iterator[tuple[_Replaced, int]]:
        """The items that replace others, each with the seq of the one that was read; 0 if there was none."""
        table, seen, account = self._table, change.references, change.seen.account
        yield table.states.of(change.state), change.seen.seq
        for replaced in change.holds:
            yield table.holds.of(account, replaced.hold), replaced.seen_seq
        if change.tally is not None:
            yield table.tallies.of(account, change.tally), seen.tally.seq if seen.tally else 0
        policy = change.state.policy
        if policy is not None and policy is not change.seen.policy:
            yield table.policies.of(account, policy), change.seen.policy.seq if change.seen.policy else 0

    def _canceled(self, failure: TransactWriteError, account: Account) -> Conflict | Damaged | Busy | Unknown:
        reasons = [reason for reason in failure.cancellation_reasons if reason is not None]
        items = [item for reason in reasons if (item := reason.raw_item)]
        codes = {reason.code for reason in reasons}
        if items and (damage := _damage(items)) is not None:
            # STATE is also missing from the answer while another transaction works on it: that account is not damaged.
            return Busy(cause=failure) if _CONFLICT in codes else damage
        if items:
            return self._in_the_way(items, account)
        if not codes or _CONDITION_FAILED in codes:
            # No reason was given, or a condition failed on an item that does not exist: STATE has vanished since it was
            # read. The account must not start again from nothing.
            return Unknown(failure)
        if codes <= {_CONFLICT, *_THROTTLED}:
            return Busy(not codes.isdisjoint(_THROTTLED), failure)
        raise failure

    def _in_the_way(self, found: Iterable[_Raw], account: Account) -> Conflict:
        # Sorted by kind: PynamoDB reorders the items, so the position of a reason tells nothing. Items of a parent
        # account are left out: they are read again if they changed.
        table, own = self._table, account_pk(account)
        items = {item["sk"]["S"]: item for item in found if item["pk"]["S"] == own}
        holds = [table.holds.from_raw_data(item).hold for sk, item in items.items() if is_hold_sk(sk)]
        tallies = [table.tallies.from_raw_data(item).tally for sk, item in items.items() if is_tally_sk(sk)]
        return Conflict(
            entries=tuple(table.entries.from_raw_data(item).entry for sk, item in items.items() if is_entry_sk(sk)),
            state=self._moved_state(items, account) if STATE_SK in items else None,
            holds=tuple(holds),
            tally=tallies[0] if tallies else None,
        )

    def _moved_state(self, items: Mapping[str, _Raw], account: Account) -> AccountState:
        """The returned state, with the returned policy if that has changed too."""
        state = self._table.states.from_raw_data(items[STATE_SK]).state_of(account)
        policy = items.get(POLICY_SK)
        return replace(state, policy=self._table.policies.from_raw_data(policy).value) if policy else state

    def _slice(self, account: Account, wanted: EntryFilter, before_seq: int | None, remaining_ms: int) -> _Slice:
        return retry_until_deadline(lambda: self._query(account, wanted, before_seq), self._pace, remaining_ms)

    def _query(self, account: Account, wanted: EntryFilter, before_seq: int | None) -> _Slice | Busy | Unknown:
        table = self._table.entries
        results = table.by_seq.query(
            account_pk(account),
            range_key_condition=None if before_seq is None else table.entry_seq < before_seq,
            filter_condition=self._filter(wanted),
            scan_index_forward=False,
            page_size=_SCAN_SIZE if wanted.is_sieve else wanted.limit + 1,
        )
        try:
            page = next(results.page_iter)
        except FAILURES as failure:
            return translated(failure)
        last = page.get("LastEvaluatedKey")
        entries = (table.from_raw_data(item).entry for item in page["Items"])
        return _Slice(
            entries=tuple(entry for entry in entries if wanted.admits_use(entry)),
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


def _found(model: type[_Item], account: Account, sk: str) -> _Item | None:
    try:
        return model.get(account_pk(account), sk, consistent_read=True)
    except DoesNotExist:
        return None


def _damage(found: Iterable[_Raw]) -> Damaged | None:
    """The damaged account, if any: its BEGUN came back without its STATE. A STATE that exists would come back too."""
    sks: dict[str, set[str]] = {}
    for item in found:
        sks.setdefault(item["pk"]["S"], set()).add(item["sk"]["S"])
    if any(is_entry_sk(sk) for of_one in sks.values() for sk in of_one):
        # The key has an entry, which is the answer.
        return None
    pk = next((pk for pk, of_one in sks.items() if BEGUN_SK in of_one and STATE_SK not in of_one), "")
    account = account_of(pk)
    return None if account is None else Damaged(account)


def _is_unmoved(model: type[_Replaced], seen_seq: int) -> Condition:
    if seen_seq == 0:
        # True for the first entry of an account, a new hold, the first refund. Each is written together with an entry.
        return model.pk.does_not_exist()
    # True as long as no newer entry has written the item.
    return model.seq == seen_seq
