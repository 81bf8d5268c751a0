"""The protocol: records one operation exactly once, whatever fails on the way.

Sans I/O: a generator yields commands and receives their outcomes. An adapter executes the commands against DynamoDB and
only translates the answers. A simulator executes them against a table of its own, with a fault at every command.

    Read(account, terms) ->  Found(state, references)            a strong read of the state, then of what the terms name
                           | Busy | Unknown                      (of a batch: of what each of several terms names)
    Commit(change)       ->  Committed                           entries and state are written, all or nothing
                           | Conflict(entries, state, …)       a condition did not hold; nothing was written
                           | Damaged(account)                  the account's state is missing; nothing was written
                           | Busy                                not executed; nothing was written
                           | Unknown                             no answer, or one that cannot be trusted
    Lookup(account, key) ->  FoundEntry(entry) | Busy | Unknown  a strong read of the entry under a key
    FindDue(account, at) ->  FoundDue(due) | Busy | Unknown      the holds that are due by then; may be behind the state
    Pause(ceiling_ms)    ->  Resumed                             a random wait below the ceiling

The meaning of a conflict, checked in this order:

    1. the key has an entry, same content      that entry is the answer
    2. the key has an entry, other content     the key was reused
    3. something else has changed              pause, read again, and apply to what is there then

What was read, or came back with a conflict, before a pause is stale after it: at an account under load somebody else
has committed meanwhile, so a change that is made from it is a transaction that must fail. A read costs a twentieth of
that. A transaction that was turned away because of another one (Busy) says the same: the other one moves the state.
After TRIES_MAX lost tries, or if others alone took its time, a request gives up: a crowd is shed and does not grow.
pauses.py says how long a pause is.

The one exception: while an earlier commit of the request is in doubt, the very same change goes again. Only its own
hash shows that an entry under the key is this request's.

Due items are applied first. Whenever the state says that a hold may have expired, the holds are listed, and the due
ones are returned in the transaction of the operation. If they do not fit into that transaction, transactions of due
items alone come before it:

    nothing due        Read                     Commit([charge])
    3 holds due        Read  FindDue            Commit([expire, expire, expire, charge])
    600 holds due      Read  FindDue  Commit([expire] * 48) …  Read  FindDue  Commit([expire, …, charge])
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Final, NamedTuple, NoReturn, TypeAlias, TypeVar

from shared.ledger import pauses
from shared.ledger.accounts import Account, AccountState
from shared.ledger.batches import Standing, first_group
from shared.ledger.context import Position, References
from shared.ledger.due import NONE_DUE, DueHolds, corrected, left_of, may_hold_what_is_due
from shared.ledger.entries import Entry, records
from shared.ledger.errors import (
    AccountBusy,
    IdempotencyKeyReused,
    InvalidOperation,
    LedgerError,
    LedgerThrottled,
    LedgerUnavailable,
    RecordDamaged,
    TooManyGrants,
    TooManyHolds,
)
from shared.ledger.frozen import dataclass
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.invariants import check_held
from shared.ledger.operations import Expire, Operation, Terms, named_hold
from shared.ledger.parents import is_whole, payers, positions, positions_of_all
from shared.ledger.reducer import NOTHING_NAMED, Change, apply, catch_up

MAX_BATCH: Final = 90
"""Charges per transaction: its limit is 100 items, and the state, its policy and some due items need room too."""
DUE_WITH_ONE: Final = 30
"""Entries of due items, of all accounts that pay, in the transaction of an operation. Each may come with a hold."""
DUE_WITH_BATCH: Final = 4
"""The same beside a full batch."""
DUE_ALONE: Final = 48
"""The same in a transaction of their own."""
BACKLOG_MS: Final = 7000
"""How far a request may exceed its deadline to apply due items: 10,000 holds need some 200 transactions."""


@dataclass(frozen=True, slots=True)
class Read:
    """The state must be read before what the terms name: the commit's condition on the state then covers both.

    `parents.positions` defines the further reads if a parent account pays too. `others` are the terms of other
    operations of a batch that name something else.
    """

    account: Account
    terms: Terms
    others: tuple[Terms, ...] = ()

    def found(
        self,
        read_state: Callable[[Account], AccountState | None],
        read_named: Callable[[Account, Terms], References],
    ) -> "Found":
        """The answer, read item by item."""
        if not self.others:
            return Found(*positions(self.account, self.terms, read_state, read_named))
        state, (first, *others) = positions_of_all(self.account, (self.terms, *self.others), read_state, read_named)
        return Found(state, first, tuple(others))


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
    """Puts each entry if its key has none; replaces the state if its seq is still the one that was read.

    A hold or tally of the change is put if its seq is still that of `change.references`. The same conditions apply to
    each account above.
    """

    change: Change


@dataclass(frozen=True, slots=True)
class Pause:
    ceiling_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """`state` is None for an account without entries. `others` are the references of the others in the same order."""

    state: AccountState | None
    references: References = NOTHING_NAMED
    others: tuple[References, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundDue:
    due: DueHolds


@dataclass(frozen=True, slots=True)
class FoundEntry:
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Committed:
    pass


@dataclass(frozen=True, slots=True)
class Conflict:
    """The items whose conditions failed: entries under a key of the change; the present state, holds or tally.

    All belong to the operation's own account. The state has a policy only if the policy came back too.
    """

    entries: tuple[Entry, ...]
    state: AccountState | None
    holds: tuple[Hold, ...] = ()
    tally: RefundTally | None = None


@dataclass(frozen=True, slots=True)
class Damaged:
    """The account has begun and its state is missing: it must not begin again from nothing."""

    account: Account


@dataclass(frozen=True, slots=True)
class Busy:
    """`throttled`: the table lacks capacity; otherwise another transaction works on the same items.

    `cause` is the error that said so, for the log. No step depends on it.
    """

    throttled: bool = False
    cause: Exception | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """`cause` is the error in place of the answer, for the log. No step depends on it."""

    cause: Exception | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Resumed:
    pass


_TURNED_AWAY: Final = Conflict((), None)
"""A commit that was not executed is as good as one in conflict: nothing was written, what it is made from is old."""

Command: TypeAlias = Read | Lookup | FindDue | Commit | Pause
CommandOutcome: TypeAlias = Found | FoundEntry | FoundDue | Committed | Conflict | Damaged | Busy | Unknown | Resumed


class Reply(NamedTuple):
    """The driver's reply: the outcome, and how much of the request's time is left."""

    outcome: CommandOutcome
    remaining_ms: int


_Result = TypeVar("_Result")
Steps: TypeAlias = Generator[Command, Reply, _Result]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The entry under the operation's key. `replayed`: an earlier request wrote it."""

    entry: Entry
    replayed: bool


def record(operation: Operation, now_ms: int) -> Steps[Recorded]:
    """Records the operation, or finds the entry that an earlier request recorded under its key.

    Raises IdempotencyKeyReused, InvalidOperation, TooManyHolds or TooManyGrants (nothing was written), LedgerThrottled
    or its subclass AccountBusy (nothing was written), or LedgerUnavailable (a retry of the same operation finds out),
    whose subclass RecordDamaged means that nothing was written.
    """
    return _record(operation, now_ms, _RetryBudget())


def _record(operation: Operation, now_ms: int, budget: "_RetryBudget") -> Steps[Recorded]:
    """Theory of operation.

    The change is computed from what was read, and committed under the condition that the state's seq is unchanged.
    Every operation writes the state, so that covers everything that an operation replaces. There is no lock, and no
    change that was computed from an outdated read is ever written. A commit can fail in three ways:

        our key has an entry     it was recorded before, maybe by this request: that entry is the answer
        the state has changed    read again, and compute again from what is there then
        no answer                the change may be written or not: send the same change again. If it was written, the
                                 conflict contains its own entry, which its hash identifies

    Example. 100 are available; A charges 80 and B charges 70, and both have read seq 4:

        A  Commit(entry 5: -80, seq 4 -> 5)        Committed
        B  Commit(entry 5: -70, seq 4 -> 5)        Conflict(state with seq 5)
        B  Pause, Read                             Found(state with seq 5, 20 available)
        B  Commit(entry 6: refused, seq 5 -> 6)    no answer
        B  Commit(entry 6: refused, seq 5 -> 6)    Conflict(entry 6): the hash is that of B's change

    The order of the checks matters. An entry under the key is checked first: a changed state does not tell whether this
    very change has changed it. An operation that is invalid now is looked up before it is rejected, since it may have
    been valid when it was recorded.
    """
    state, references = yield from _read(operation, budget)
    budget.meet(payers(state, references), now_ms)
    while True:
        state, references = yield from _caught_up(state, operation, now_ms, references, DUE_WITH_ONE, budget)
        try:
            change = apply(state, operation, now_ms, references)
        except (InvalidOperation, TooManyGrants, TooManyHolds) as refused:
            return (yield from _recorded_earlier(operation, refused, budget))
        conflict = yield from _commit(change, budget)
        written = change.entry_under(operation.key)
        if conflict is None:
            return Recorded(written, replayed=False)
        if (entry := _entry_under(operation.key, conflict)) is not None:
            return _answer_again(operation, entry, written)
        yield from budget.pause()
        state, references = yield from _read(operation, budget)


def do_what_is_due(account: Account, correlation_id: str, now_ms: int) -> Steps[int]:
    """Applies what is due of an account without calls. Returns the number of entries written.

    Raises LedgerThrottled or LedgerUnavailable; the transactions before the error stay written.
    """
    budget, written = _RetryBudget(), 0
    while True:
        state = yield from _read_state(account, budget)
        references = yield from _with_due(state, NOTHING_NAMED, now_ms, budget)
        if not catch_up(state, references.due or NONE_DUE, correlation_id, now_ms, 1).entries:
            return written
        written += yield from _catch_up(Position(state, references), correlation_id, now_ms, budget)


def _read_state(account: Account, budget: "_RetryBudget") -> Steps[AccountState]:
    while True:
        match (yield from budget.send(Read(account, Expire()))):
            case Found(state) if state is None or state.has_its_policy:
                return state or AccountState(account)
            case _:
                yield from budget.pause()


def record_batch(operations: Sequence[Operation], now_ms: int) -> Steps[dict[str, Recorded | LedgerError]]:
    """Records charges, and parts of holds, of one account in few transactions; returns the answer to each by its key.

    Each is independent: one that was recorded before gets a replayed answer, and the others are recorded without it.
    One that could not be recorded in time has LedgerThrottled or LedgerUnavailable as its answer. At most MAX_BATCH.
    They share a transaction if they fit into one: of an account with a parent, the items of both count (batches.py).
    """
    pending = {operation.key: operation for operation in operations}
    answers: dict[str, Recorded | LedgerError] = {}
    budget = _RetryBudget(len(operations))
    try:
        standing = yield from _read_batch(pending, now_ms, budget)
        budget.meet(standing.payers, now_ms)
        while pending:
            change = first_group(standing, pending.values(), now_ms)
            conflict = yield from _commit(change, budget)
            settled = _settled(pending, change, conflict)
            answers |= settled
            pending = {key: operation for key, operation in pending.items() if key not in settled}
            if conflict is not None and pending:
                yield from budget.pause()
                standing = yield from _read_batch(pending, now_ms, budget)
            elif pending:
                budget.raise_when_out_of_time()
    except (LedgerThrottled, LedgerUnavailable) as error:
        return answers | dict.fromkeys(pending, error)
    return answers


def _read_batch(operations: Mapping[str, Operation], now_ms: int, budget: "_RetryBudget") -> Steps[Standing]:
    """How the accounts stand that pay for the operations, with little enough due to be written with the first."""
    cause = next(iter(operations.values())).correlation_id
    while True:
        standing = yield from _read_each(operations, budget)
        for payer in tuple(standing.payers):
            account = payer.state.account
            due = yield from _due_of(payer.state, standing.holds_of(account), now_ms, budget)
            if due is not None:
                standing.set_due(account, due)
        ahead = _too_far_behind(standing.payers, cause, now_ms, DUE_WITH_BATCH)
        if ahead is None:
            return standing
        yield from _catch_up(ahead, cause, now_ms, budget)


def _read_each(operations: Mapping[str, Operation], budget: "_RetryBudget") -> Steps[Standing]:
    """Of operations that name the same, one is read."""
    names = {key: _name_of(operation.terms) for key, operation in operations.items()}
    first, *others = {names[key]: operation.terms for key, operation in operations.items()}.items()
    account = next(iter(operations.values())).account
    while True:
        match (yield from budget.send(Read(account, first[1], tuple(terms for _, terms in others)))):
            case Found(state, references, more) if all(is_whole(state, each) for each in (references, *more)):
                found = dict(zip((first[0], *(name for name, _ in others)), (references, *more), strict=True))
                named = {key: found[name] for key, name in names.items()}
                return Standing(account, state or AccountState(account), named)
            case _:
                yield from budget.pause()


def _name_of(terms: Terms) -> tuple[str | None, bool]:
    """What decides which items an operation of a batch needs: its hold, and whether it captures an expired one."""
    return named_hold(terms), getattr(terms, "if_expired", None) is not None


def _settled(
    pending: Mapping[str, Operation], change: Change, conflict: Conflict | None
) -> dict[str, Recorded | LedgerError]:
    written = {entry.key: entry for entry in change.entries if entry.key in pending}
    if conflict is None:
        return {key: Recorded(entry, replayed=False) for key, entry in written.items()}
    there = [entry for entry in conflict.entries if entry.key in pending]
    return {entry.key: _answer_or_reuse(pending[entry.key], entry, written[entry.key]) for entry in there}


def _answer_or_reuse(operation: Operation, entry: Entry, written: Entry) -> Recorded | LedgerError:
    try:
        return _answer_again(operation, entry, written)
    except IdempotencyKeyReused as reused:
        return reused


def _read(operation: Operation, budget: "_RetryBudget") -> Steps[tuple[AccountState, References]]:
    while True:
        match (yield from budget.send(Read(operation.account, operation.terms))):
            case Found(state, references) if is_whole(state, references):
                return state or AccountState(operation.account), references
            case _:
                yield from budget.pause()


def _caught_up(
    state: AccountState, cause: Operation, now_ms: int, references: References, at_most: int, budget: "_RetryBudget"
) -> Steps[tuple[AccountState, References]]:
    """The state and references to apply the operation to, with the due holds of every account that pays.

    At most `at_most` entries of due items are left to be written with the operation; more are written here.
    """
    while True:
        references = yield from _with_due(state, references, now_ms, budget)
        ahead = _too_far_behind(payers(state, references), cause.correlation_id, now_ms, at_most)
        if ahead is None:
            return state, references
        yield from _catch_up(ahead, cause.correlation_id, now_ms, budget)
        state, references = yield from _read(cause, budget)


def _with_due(state: AccountState, references: References, now_ms: int, budget: "_RetryBudget") -> Steps[References]:
    if references.due is None:
        held = () if references.hold is None else (references.hold,)
        due = yield from _due_of(state, held, now_ms, budget)
        references = references if due is None else replace(references, due=due)
    above = references.parent
    if above is not None:
        found = yield from _with_due(above.state, above.references, now_ms, budget)
        if found is not above.references:
            references = replace(references, parent=replace(above, references=found))
    return references


def _due_of(state: AccountState, read: Iterable[Hold], now_ms: int, budget: "_RetryBudget") -> Steps[DueHolds | None]:
    """The due holds of the account; None if it cannot have any. `read` are holds as a strong read found them."""
    if not may_hold_what_is_due(state, now_ms):
        return None
    due = yield from _find_due(state.account, now_ms, budget)
    return corrected(due, (*budget.known_holds(state.account), *read), now_ms)


def _find_due(account: Account, now_ms: int, budget: "_RetryBudget") -> Steps[DueHolds]:
    while True:
        match (yield from budget.send(FindDue(account, now_ms))):
            case FoundDue(due):
                return due
            case _:
                yield from budget.pause()


def _too_far_behind(payers: Iterable[Position], cause: str, now_ms: int, at_most: int) -> Position | None:
    """The first account that pays with more due items than fit into the operation's transaction, or None."""
    left: int = at_most
    for position in payers:
        due = position.references.due or NONE_DUE
        left -= len(catch_up(position.state, due, cause, now_ms, left + 1).entries)
        if left < 0:
            return position
    return None


def _catch_up(position: Position, cause: str, now_ms: int, budget: "_RetryBudget") -> Steps[int]:
    """Applies the due items of one account, many per transaction, until none is left or another writer changes the
    account.

    Returns the number of entries. They stay written, whatever happens to the request.
    """
    state, due, written = position.state, position.references.due or NONE_DUE, 0
    while True:
        change = catch_up(state, due, cause, now_ms, DUE_ALONE)
        if not change.entries:
            return written
        budget.raise_when_out_of_time()
        before_ms = budget.remaining_ms
        conflict = yield from _commit(change, budget)
        if conflict is not None:
            yield from budget.pause()
            return written + (len(change.entries) if _was_written(change, conflict) else 0)
        budget.give_back(before_ms - budget.remaining_ms)
        written += len(change.entries)
        state, due = change.state, left_of(due, len(change.holds))


def _was_written(change: Change, conflict: Conflict) -> bool:
    """Whether the conflict is with the change itself, whose answer was lost."""
    last = change.entries[-1]
    return any(entry.hash == last.hash for entry in conflict.entries)


def _commit(change: Change, budget: "_RetryBudget") -> Steps[Conflict | None]:
    # Sending the same change again is safe. If the first was written, its entry comes back as the answer; if it is
    # still in progress, only one of the two can meet the condition on seq. It is of use only while one is in doubt.
    while True:
        match (yield from budget.send(Commit(change))):
            case Committed():
                for part in change.parts:
                    check_held(part.state)
                return None
            case Conflict() as conflict:
                budget.learn(change.seen.account, conflict.holds)
                return conflict
            case Busy() if not budget.is_in_doubt:
                return _TURNED_AWAY
            case Damaged(account):
                raise RecordDamaged(account.tenant, account.actor)
            case _:
                yield from budget.pause()


def _recorded_earlier(
    operation: Operation, refused: InvalidOperation | TooManyGrants | TooManyHolds, budget: "_RetryBudget"
) -> Steps[Recorded]:
    # Content that is invalid now may have been valid when it was first sent (an expiry that was still to come), and a
    # replay gets its first answer however late it comes.
    while True:
        match (yield from budget.send(Lookup(operation.account, operation.key))):
            case FoundEntry(None):
                raise refused
            case FoundEntry(Entry() as entry):
                return _answer_again(operation, entry, None)
            case _:
                yield from budget.pause()


def _entry_under(key: str, conflict: Conflict) -> Entry | None:
    return next((entry for entry in conflict.entries if entry.key == key), None)


def _answer_again(operation: Operation, entry: Entry, written: Entry | None) -> Recorded:
    if not records(entry, operation):
        raise IdempotencyKeyReused(f"the key {operation.key} was used for another operation; use a new key")
    # The hash covers the correlation id. An equal hash means that this very request wrote the entry in an attempt whose
    # answer was lost, so it is not a replay.
    is_ours = written is not None and entry.hash == written.hash
    return Recorded(entry, replayed=not is_ours)


class _RetryBudget:
    """The time left for a request, and what its attempts have shown so far."""

    def __init__(self, charges: int = 1) -> None:
        self._tries_max = pauses.tries_of(charges)
        self._left_ms = self._given_back_ms = 0
        self._has_paused = False
        self._was_quiet = True
        self._tries_lost = 0
        self.is_in_doubt = False
        """Whether a commit of this request may still be written, or may have been."""
        self._throttled = False
        self._has_lost = self._has_failed = False
        """The newest attempt was lost to another writer; any had no answer, or the table no capacity for it."""
        self._cause: Exception | None = None
        self._holds: dict[Account, dict[str, Hold]] = {}

    @property
    def remaining_ms(self) -> int:
        return self._left_ms + self._given_back_ms

    def give_back(self, elapsed_ms: int) -> None:
        """Adds the time spent on due items to the request's time, up to a bound."""
        self._given_back_ms = min(self._given_back_ms + elapsed_ms, BACKLOG_MS)

    def meet(self, payers: Iterable[Position], now_ms: int) -> None:
        """Remembers whether every account that pays had been left alone before this request read it."""
        changed_at_ms = max((payer.state.updated_at_ms or 0 for payer in payers), default=0)
        self._was_quiet = pauses.was_quiet(changed_at_ms, now_ms)

    def learn(self, account: Account, holds: Iterable[Hold]) -> None:
        """Remembers holds that came back from the table itself, which are newer than the index."""
        self._holds.setdefault(account, {}).update((hold.id, hold) for hold in holds)

    def known_holds(self, account: Account) -> tuple[Hold, ...]:
        return tuple(self._holds.get(account, {}).values())

    def send(self, command: Command) -> Steps[CommandOutcome]:
        outcome, self._left_ms = yield command
        if isinstance(command, Commit):
            # A commit that failed its conditions proves that no earlier commit of this request was or will be written.
            self.is_in_doubt = isinstance(outcome, Unknown) or (self.is_in_doubt and isinstance(outcome, Busy))
        if not isinstance(command, Pause):
            self._throttled = isinstance(outcome, Busy) and outcome.throttled
            self._count_try(outcome)
        if isinstance(outcome, Busy | Unknown):
            self._cause = outcome.cause or self._cause
        return outcome

    def _count_try(self, outcome: CommandOutcome) -> None:
        self._has_lost = isinstance(outcome, Conflict) or (isinstance(outcome, Busy) and not outcome.throttled)
        self._has_failed |= self._throttled or isinstance(outcome, Unknown)
        if isinstance(outcome, Committed):
            self._tries_lost = 0
        elif self._has_lost:
            self._tries_lost += 1

    def pause(self) -> Steps[None]:
        self.raise_when_out_of_time()
        if self._tries_lost >= self._tries_max and not self.is_in_doubt:
            self._raise_busy()
        yield from self.send(Pause(min(self._ceiling_ms(), self.remaining_ms)))
        self._has_paused = True
        self.raise_when_out_of_time()

    def _ceiling_ms(self) -> int:
        if self._has_lost:
            return pauses.after_lost_tries_ms(self._tries_lost, was_quiet=self._was_quiet)
        return pauses.LONGEST_PAUSE_MS if self._has_paused else pauses.FIRST_PAUSE_MS

    def raise_when_out_of_time(self) -> None:
        if self.remaining_ms > 0:
            return
        if self._has_lost and not self._has_failed:
            self._raise_busy()
        if self._throttled and not self.is_in_doubt:
            raise LedgerThrottled("the ledger is over capacity; nothing was recorded") from self._cause
        raise LedgerUnavailable("the ledger did not answer in time; retry with the same key") from self._cause

    def _raise_busy(self) -> NoReturn:
        raise AccountBusy("too many changes of this account at once; nothing was recorded") from self._cause
