"""The protocol: how one operation gets onto the record, exactly once, whatever happens on the way.

Sans I/O: a generator that yields commands and is fed their outcomes. An adapter executes the commands against DynamoDB
and only translates its answers; a simulator executes them against a table of its own, with a fault at every one.

    Read(account)        ->  Found(state) | Busy | Unknown       a strong read of the state
    Commit(change)       ->  Committed                           entries and state are written, all or nothing
                           | TurnedDown(entries, state)          a condition did not hold; nothing was written
                           | Busy                                turned away; nothing was written
                           | Unknown                             no answer, or none that can be trusted
    Lookup(account, key) ->  FoundEntry(entry) | Busy | Unknown  a strong read of the entry under a key
    Pause(ceiling_ms)    ->  Resumed                             a wait, random below the ceiling

What a commit that was turned down means, in this order:

    1. the key has an entry, same content      its answer is the answer
    2. the key has an entry, other content     the key was reused
    3. the state has moved on                  apply again, to the state that came back
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, TypeVar

from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.errors import IdempotencyKeyReused, InvalidOperation, LedgerThrottled, LedgerUnavailable
from shared.ledger.operations import Operation
from shared.ledger.reducer import Change, apply

FIRST_PAUSE_MS: Final = 10
LONGEST_PAUSE_MS: Final = 320


@dataclass(frozen=True, slots=True)
class Read:
    account: Account


@dataclass(frozen=True, slots=True)
class Lookup:
    account: Account
    key: str


@dataclass(frozen=True, slots=True)
class Commit:
    """Put each entry if its key has none; replace the state if its seq is still the one that was seen."""

    change: Change


@dataclass(frozen=True, slots=True)
class Pause:
    ceiling_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """`state` is None for an account that nothing was ever recorded for."""

    state: AccountState | None


@dataclass(frozen=True, slots=True)
class FoundEntry:
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Committed:
    pass


@dataclass(frozen=True, slots=True)
class TurnedDown:
    """What stood in the way: entries that have a key of the change, the state that replaced the one seen."""

    entries: tuple[Entry, ...]
    state: AccountState | None


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


Command: TypeAlias = Read | Lookup | Commit | Pause
Outcome: TypeAlias = Found | FoundEntry | Committed | TurnedDown | Busy | Unknown | Resumed


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
    patience = _Patience()
    state = yield from _state_of(operation.account, patience)
    while True:
        try:
            change = apply(state, operation, now_ms)
        except InvalidOperation as invalid:
            return (yield from _recorded_earlier(operation, invalid, patience))
        turned_down = yield from _commit(change, patience)
        if turned_down is None:
            return Recorded(change.entries[-1], replayed=False)
        if (entry := _entry_under(operation.key, turned_down)) is not None:
            return _answer_again(operation, entry, change)
        state = turned_down.state or state
        yield from patience.pause()


def _state_of(account: Account, patience: "_Patience") -> Steps[AccountState]:
    while True:
        match (yield from patience.send(Read(account))):
            case Found(state):
                return state or AccountState(account)
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


def _answer_again(operation: Operation, entry: Entry, change: Change | None) -> Recorded:
    if entry.request_hash != operation.request_hash:
        raise IdempotencyKeyReused(f"{operation.key} was used for another operation")
    # The hash covers the correlation id, so an equal one means that this very request wrote the entry in an attempt
    # whose answer was lost: the caller has not been answered yet.
    is_ours = change is not None and entry.hash == change.entries[-1].hash
    return Recorded(entry, replayed=not is_ours)


class _Patience:
    """What the protocol knows of the time and the trouble a request has had so far."""

    def __init__(self) -> None:
        self._remaining_ms = 0
        self._pauses = 0
        self._in_doubt = False
        self._throttled = False

    def send(self, command: Command) -> Steps[Outcome]:
        outcome, self._remaining_ms = yield command
        if isinstance(command, Commit):
            # A commit that was turned down proves that no earlier one of this request was or will be written.
            self._in_doubt = isinstance(outcome, Unknown) or (self._in_doubt and isinstance(outcome, Busy))
        if not isinstance(command, Pause):
            self._throttled = isinstance(outcome, Busy) and outcome.throttled
        return outcome

    def pause(self) -> Steps[None]:
        self._raise_when_out_of_time()
        ceiling_ms = min(FIRST_PAUSE_MS << min(self._pauses, 8), LONGEST_PAUSE_MS, self._remaining_ms)
        self._pauses += 1
        yield from self.send(Pause(ceiling_ms))
        self._raise_when_out_of_time()

    def _raise_when_out_of_time(self) -> None:
        if self._remaining_ms > 0:
            return
        if self._throttled and not self._in_doubt:
            raise LedgerThrottled("the ledger is over its capacity; nothing was recorded")
        raise LedgerUnavailable("the ledger did not answer in time; the same key again is safe")
