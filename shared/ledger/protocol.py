"""The protocol: how one operation gets onto the record, exactly once, whatever happens on the way.

Sans I/O: a generator that yields commands and is fed their outcomes. An adapter executes the commands against DynamoDB
and only translates its answers; a simulator executes them against a table of its own, with a fault at every one.

    Read(account, terms) ->  Found(state, references)            a strong read of the state, then of what the terms name
                           | Busy | Unknown
    Commit(change)       ->  Committed                           entries and state are written, all or nothing
                           | TurnedDown(entries, state, …)       a condition did not hold; nothing was written
                           | Busy                                turned away; nothing was written
                           | Unknown                             no answer, or none that can be trusted
    Lookup(account, key) ->  FoundEntry(entry) | Busy | Unknown  a strong read of the entry under a key
    FindDue(account, at) ->  FoundDue(holds) | Busy | Unknown    all open holds that have expired; may miss new ones
    Pause(ceiling_ms)    ->  Resumed                             a wait, random below the ceiling

What a commit that was turned down means, in this order:

    1. the key has an entry, same content      its answer is the answer
    2. the key has an entry, other content     the key was reused
    3. the state has moved on                  apply again, to the state that came back

An operation that comes out otherwise while an expired hold still keeps credits back (it falls short, voids a grant,
warns, or brings a refill) first returns those holds, each in a transaction of its own, and is then applied again: a
hold that is over can never block a payer.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias, TypeVar

from shared.ledger.accounts import Account, AccountState
from shared.ledger.effects import References
from shared.ledger.entries import Entry, records
from shared.ledger.errors import (
    IdempotencyKeyReused,
    InvalidOperation,
    LedgerError,
    LedgerThrottled,
    LedgerUnavailable,
)
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import Expire, Operation, Terms, names_nothing
from shared.ledger.parents import parent_of
from shared.ledger.reducer import NOTHING_NAMED, Change, apply, apply_batch, expire_hold

_DEPENDENT: Final = frozenset({"void", "configure", "allowance", "expire"})
"""Kinds of entries that say something else where more is available."""
FIRST_PAUSE_MS: Final = 10
LONGEST_PAUSE_MS: Final = 320
MAX_BATCH: Final = 90
"""Charges a transaction: its limit is 100 items, and the state, an expiry and what is to come need room too."""


@dataclass(frozen=True, slots=True)
class Read:
    """The state must be read before what the terms name: the commit's condition on the state then covers both.

    `parents.positions` says what else has to be read where a parent account pays too.
    """

    account: Account
    terms: Terms


@dataclass(frozen=True, slots=True)
class FindDue:
    account: Account
    now_ms: int


@dataclass(frozen=True, slots=True)
class Lookup:
    account: Account
    key: str


@dataclass(frozen=True, slots=True)
class Commit:
    """Put each entry if its key has none; replace the state if its seq is still the one that was seen.

    A hold or tally of the change is put under the condition on seq of the one in `change.references`. So is what the
    change writes to each account above.
    """

    change: Change


@dataclass(frozen=True, slots=True)
class Pause:
    ceiling_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """`state` is None for an account that nothing was ever recorded for."""

    state: AccountState | None
    references: References = NOTHING_NAMED


@dataclass(frozen=True, slots=True)
class FoundDue:
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class FoundEntry:
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Committed:
    pass


@dataclass(frozen=True, slots=True)
class TurnedDown:
    """What stood in the way: entries that have a key of the change, and what replaced the state, hold or tally seen.

    All of the operation's own account. The state has the policy that came back, none where none did.
    """

    entries: tuple[Entry, ...]
    state: AccountState | None
    hold: Hold | None = None
    tally: RefundTally | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """`throttled`: for want of capacity; else another transaction was at work on the same items."""

    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    pass


@dataclass(frozen=True, slots=True)
class Resumed:
    pass


Command: TypeAlias = Read | Lookup | FindDue | Commit | Pause
Outcome: TypeAlias = Found | FoundEntry | FoundDue | Committed | TurnedDown | Busy | Unknown | Resumed


class Reply(NamedTuple):
    """What the driver sends back: the outcome, and how much of the request's time is left."""

    outcome: Outcome
    remaining_ms: int


_Result = TypeVar("_Result")
Steps: TypeAlias = Generator[Command, Reply, _Result]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The entry under the operation's key. `replayed`: an earlier request wrote it."""

    entry: Entry
    replayed: bool


def record(operation: Operation, now_ms: int) -> Steps[Recorded]:
    """Records the operation, or finds what was recorded under its key before.

    Raises IdempotencyKeyReused or InvalidOperation (neither wrote anything), LedgerThrottled (nothing was written) or
    LedgerUnavailable (the same operation again finds out).
    """
    return _record(operation, now_ms, _Patience())


def _record(operation: Operation, now_ms: int, patience: "_Patience") -> Steps[Recorded]:
    state, references = yield from _read(operation, patience)
    while True:
        try:
            change = apply(state, operation, now_ms, references)
        except InvalidOperation as invalid:
            return (yield from _recorded_earlier(operation, invalid, patience))
        if _depends_on_due_holds(change, now_ms) and not patience.has_swept:
            swept = yield from _return_due_holds(change, operation, now_ms, patience)
            known = swept if references == NOTHING_NAMED else None
            state, references = yield from _unless_joined(known, operation, references, patience)
            continue
        turned_down = yield from _commit(change, patience)
        written = change.entry_under(operation.key)
        if turned_down is None:
            return Recorded(written, replayed=False)
        if (entry := _entry_under(operation.key, turned_down)) is not None:
            return _answer_again(operation, entry, written)
        yield from patience.pause()
        moved = None if _has_unguarded_references(change, operation) else _moved_state(state, turned_down)
        references = _moved_references(references, turned_down)
        state, references = yield from _unless_joined(moved, operation, references, patience)


def record_batch(operations: Sequence[Operation], now_ms: int) -> Steps[dict[str, Recorded | LedgerError]]:
    """Records charges of one account, all in one transaction, and answers each under its key.

    Each stands on its own feet: one that was recorded before is answered again and the others go on without it. Those
    that could not be recorded in time have LedgerThrottled or LedgerUnavailable for an answer. At most MAX_BATCH. Where
    a parent account pays too, each is a transaction of its own.
    """
    pending = {operation.key: operation for operation in operations}
    answers: dict[str, Recorded | LedgerError] = {}
    patience = _Patience()
    try:
        state, references = yield from _read(operations[0], patience)
        while pending:
            if references.parent is not None:
                return answers | (yield from _record_each(pending.values(), now_ms, patience))
            change = apply_batch(state, pending.values(), now_ms)
            if _depends_on_due_holds(change, now_ms) and not patience.has_swept:
                swept = yield from _return_due_holds(change, operations[0], now_ms, patience)
                state, references = yield from _unless_joined(swept, operations[0], references, patience)
                continue
            turned_down = yield from _commit(change, patience)
            settled = _settled(pending, change, turned_down)
            answers |= settled
            pending = {key: operation for key, operation in pending.items() if key not in settled}
            if turned_down is not None and pending:
                yield from patience.pause()
                moved = _moved_state(state, turned_down)
                state, references = yield from _unless_joined(moved, operations[0], references, patience)
    except (LedgerThrottled, LedgerUnavailable) as error:
        return answers | dict.fromkeys(pending, error)
    return answers


def _record_each(
    operations: Iterable[Operation], now_ms: int, patience: "_Patience"
) -> Steps[dict[str, Recorded | LedgerError]]:
    answers: dict[str, Recorded | LedgerError] = {}
    for operation in operations:
        patience = patience.afresh()
        try:
            patience.raise_when_out_of_time()
            answers[operation.key] = yield from _record(operation, now_ms, patience)
        except LedgerError as error:
            answers[operation.key] = error
    return answers


def _settled(
    pending: Mapping[str, Operation], change: Change, turned_down: TurnedDown | None
) -> dict[str, Recorded | LedgerError]:
    written = {entry.key: entry for entry in change.entries if entry.key in pending}
    if turned_down is None:
        return {key: Recorded(entry, replayed=False) for key, entry in written.items()}
    there = [entry for entry in turned_down.entries if entry.key in pending]
    return {entry.key: _answer_or_reuse(pending[entry.key], entry, written[entry.key]) for entry in there}


def _answer_or_reuse(operation: Operation, entry: Entry, written: Entry) -> Recorded | LedgerError:
    try:
        return _answer_again(operation, entry, written)
    except IdempotencyKeyReused as reused:
        return reused


def _read(operation: Operation, patience: "_Patience") -> Steps[tuple[AccountState, References]]:
    while True:
        match (yield from patience.send(Read(operation.account, operation.terms))):
            case Found(state, references) if _is_whole(state, references):
                return state or AccountState(operation.account), references
            case _:
                yield from patience.pause()


def _is_whole(state: AccountState | None, references: References) -> bool:
    """Whether the states have the policies that belong to them. One that moved between two reads makes another read."""
    if state is not None and not state.has_its_policy:
        return False
    above = references.parent
    return above is None or _is_whole(above.state, above.references)


def _has_joined(state: AccountState, operation: Operation, references: References) -> bool:
    """Whether a parent pays for the operation by now, of which nothing was read."""
    return references.parent is None and parent_of(state, operation.terms, references) is not None


def _unless_joined(
    state: AccountState | None, operation: Operation, references: References, patience: "_Patience"
) -> Steps[tuple[AccountState, References]]:
    """What to go on from: the state, or a new reading where there is none or a parent account has come to pay too."""
    if state is None or _has_joined(state, operation, references):
        return (yield from _read(operation, patience))
    return state, references


def _has_unguarded_references(change: Change, operation: Operation) -> bool:
    # A refusal leaves the hold or tally as it is, so no condition guards it and nothing of it comes back: what was
    # refused on account of a hold may by now be right, because somebody extended it.
    # And what moved in a parent account does not come back either.
    if change.references.parent is not None:
        return True
    return not names_nothing(operation.terms) and change.hold is None and change.tally is None


def _moved_state(seen: AccountState, turned_down: TurnedDown) -> AccountState | None:
    """The state that came back, with the policy that belongs to it; None where that has to be read."""
    moved = turned_down.state or seen
    if moved.has_its_policy:
        return moved
    policy = seen.policy
    return replace(moved, policy=policy) if policy is not None and policy.seq == moved.policy_seq else None


def _moved_references(references: References, turned_down: TurnedDown) -> References:
    # What did not come back is as it was seen: it was under a condition of its own. A hold that came back to one who
    # places a new one is another's, which took the id; the next attempt makes one of another id.
    hold = None if references.hold is None else turned_down.hold or references.hold
    return References(hold, references.charge, turned_down.tally or references.tally)


def _depends_on_due_holds(change: Change, now_ms: int) -> bool:
    if not any(_may_hold_what_is_due(state, now_ms) for state in _payers(change)):
        return False
    return any(_depends_on_what_is_there(entry) for part in change.parts for entry in part.entries)


def _depends_on_what_is_there(entry: Entry) -> bool:
    # What is covered takes the same, whatever else is there. Most is, and need not ask for holds.
    is_overdrawn = entry.after.available < min(entry.before.available, 0)
    is_short = entry.shortfall or entry.reason == "would_overdraw"
    return bool(is_short or is_overdrawn or entry.alerts) or entry.kind in _DEPENDENT


def _payers(change: Change) -> Iterator[AccountState]:
    yield change.seen
    above = change.references.parent
    while above is not None:
        yield above.state
        above = above.references.parent


def _may_hold_what_is_due(state: AccountState, now_ms: int) -> bool:
    bound_ms = state.next_hold_expiry_ms
    return bound_ms is not None and bound_ms <= now_ms


def _return_due_holds(change: Change, operation: Operation, now_ms: int, patience: "_Patience") -> Steps[AccountState]:
    """Returns what is due of every account that pays. Gives the state of the operation's own after that."""
    patience.has_swept = True
    states = {state.account: state for state in _payers(change)}
    for account, state in states.items():
        if _may_hold_what_is_due(state, now_ms):
            states[account] = yield from _return_due_holds_of(state, operation, now_ms, patience)
    return states[operation.account]


def _return_due_holds_of(
    state: AccountState, operation: Operation, now_ms: int, patience: "_Patience"
) -> Steps[AccountState]:
    for due in (yield from _due_holds(state.account, now_ms, patience)):
        patience.raise_when_out_of_time()
        state = yield from _return_hold(state, due, operation, now_ms, patience)
    return state


def _due_holds(account: Account, now_ms: int, patience: "_Patience") -> Steps[tuple[Hold, ...]]:
    while True:
        match (yield from patience.send(FindDue(account, now_ms))):
            case FoundDue(holds):
                return holds
            case _:
                yield from patience.pause()


def _return_hold(
    state: AccountState, due: Hold, cause: Operation, now_ms: int, patience: "_Patience"
) -> Steps[AccountState]:
    while due.is_due(now_ms):
        change = expire_hold(state, due, cause, now_ms)
        turned_down = yield from _commit(change, patience)
        if turned_down is None:
            return change.state
        due = turned_down.hold or due
        state = _moved_state(state, turned_down) or (yield from _read_state(state.account, patience))
        if _entry_under(change.entries[-1].key, turned_down) is not None:
            return state
        yield from patience.pause()
    return state


def _read_state(account: Account, patience: "_Patience") -> Steps[AccountState]:
    while True:
        match (yield from patience.send(Read(account, Expire()))):
            case Found(AccountState() as state) if state.has_its_policy:
                return state
            case _:
                yield from patience.pause()


def _commit(change: Change, patience: "_Patience") -> Steps[TurnedDown | None]:
    # Sending the same change again is safe whatever became of the first: if that was written, its entry is there and
    # answers; if it is still under way, only one of the two can meet the condition on seq.
    while True:
        match (yield from patience.send(Commit(change))):
            case Committed():
                return None
            case TurnedDown() as turned_down:
                return turned_down
            case _:
                yield from patience.pause()


def _recorded_earlier(operation: Operation, invalid: InvalidOperation, patience: "_Patience") -> Steps[Recorded]:
    # Content that is invalid by now may have been valid when it was first sent (an expiry that was still to come), and
    # a replay gets its first answer however late it comes.
    while True:
        match (yield from patience.send(Lookup(operation.account, operation.key))):
            case FoundEntry(None):
                raise invalid
            case FoundEntry(Entry() as entry):
                return _answer_again(operation, entry, None)
            case _:
                yield from patience.pause()


def _entry_under(key: str, turned_down: TurnedDown) -> Entry | None:
    return next((entry for entry in turned_down.entries if entry.key == key), None)


def _answer_again(operation: Operation, entry: Entry, written: Entry | None) -> Recorded:
    if not records(entry, operation):
        raise IdempotencyKeyReused(f"{operation.key} was used for another operation")
    # The hash covers the correlation id, so an equal one means that this very request wrote the entry in an attempt
    # whose answer was lost: the caller has not been answered yet.
    is_ours = written is not None and entry.hash == written.hash
    return Recorded(entry, replayed=not is_ours)


class _Patience:
    """What the protocol knows of the time and the trouble a request has had so far."""

    def __init__(self) -> None:
        self._remaining_ms = 0
        self._pauses = 0
        self._in_doubt = False
        self._throttled = False
        self.has_swept = False
        """Whether the holds that are due were looked for. Once a request is enough, and cannot go round for ever."""

    def afresh(self) -> "_Patience":
        """For another operation of the same request."""
        fresh = _Patience()
        fresh._remaining_ms = self._remaining_ms
        return fresh

    def send(self, command: Command) -> Steps[Outcome]:
        outcome, self._remaining_ms = yield command
        if isinstance(command, Commit):
            # A commit that was turned down proves that no earlier one of this request was or will be written.
            self._in_doubt = isinstance(outcome, Unknown) or (self._in_doubt and isinstance(outcome, Busy))
        if not isinstance(command, Pause):
            self._throttled = isinstance(outcome, Busy) and outcome.throttled
        return outcome

    def pause(self) -> Steps[None]:
        self.raise_when_out_of_time()
        ceiling_ms = min(FIRST_PAUSE_MS << min(self._pauses, 8), LONGEST_PAUSE_MS, self._remaining_ms)
        self._pauses += 1
        yield from self.send(Pause(ceiling_ms))
        self.raise_when_out_of_time()

    def raise_when_out_of_time(self) -> None:
        if self._remaining_ms > 0:
            return
        if self._throttled and not self._in_doubt:
            raise LedgerThrottled("the ledger is over its capacity; nothing was recorded")
        raise LedgerUnavailable("the ledger did not answer in time; the same key again is safe")
