"""The reducer: what an operation does to an account.

`apply` is the one place where money moves. It is pure: no store, no clock, no randomness. The service, the simulator
and every check that replays history call this same function.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.ledger import effects
from shared.ledger.accounts import Account, AccountState, Balances
from shared.ledger.effects import Effect, References
from shared.ledger.entries import Entry, operation_of, sealed
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import (
    SYSTEM_CALLER,
    Expire,
    Kind,
    Operation,
    Terms,
    named_charge,
    named_hold,
    parameters_of,
)

NOTHING_NAMED: Final = References()

_EFFECTS: Final[Mapping[Kind, Callable[[AccountState, Any, References, int], Effect]]] = {
    "charge": effects.charge,
    "funding_update": effects.funding_update,
    "grant": effects.grant,
    "void": effects.void,
    "hold": effects.hold,
    "extend": effects.extend,
    "capture": effects.capture,
    "release": effects.release,
    "refund": effects.refund,
    "expire": effects.expire,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction writes: the entries, and what replaces the state, hold and tally they were computed from.

    `hold` and `tally` are None where the operation leaves them as they are.
    """

    seen: AccountState
    references: References
    state: AccountState
    entries: tuple[Entry, ...]
    hold: Hold | None = None
    tally: RefundTally | None = None


def apply(state: AccountState, operation: Operation, now_ms: int, references: References = NOTHING_NAMED) -> Change:
    """The change that records `operation` on `state` at `now_ms`. `references` is what its terms name.

    Grants that are due expire first, with an entry of their own in the same change. A refusal is an entry too. Raises
    InvalidOperation for content that no state could accept; nothing is to be written then.
    """
    after: AccountState = state
    entries: tuple[Entry, ...] = ()
    if _is_expiry_due(state, now_ms):
        after, expiry, _ = step(state, _expiry(state, operation), now_ms)
        entries = (expiry,)
    after, entry, effect = step(after, operation, now_ms, references)
    return Change(state, references, after, (*entries, entry), effect.hold, effect.tally)


def apply_batch(state: AccountState, operations: Iterable[Operation], now_ms: int) -> Change:
    """One change that records several charges of one account, each on what the ones before it left."""
    first, *others = operations
    change = apply(state, first, now_ms)
    after, entries = change.state, list(change.entries)
    for operation in others:
        after, entry, _ = step(after, operation, now_ms)
        entries.append(entry)
    return replace(change, state=after, entries=tuple(entries))


def step(
    state: AccountState, operation: Operation, now_ms: int, references: References = NOTHING_NAMED
) -> tuple[AccountState, Entry, Effect]:
    """One operation, one entry, the next seq."""
    effect = _EFFECTS[operation.kind](state, operation.terms, references, now_ms)
    after = _balances_after(state, effect)
    entry = _entry(state, operation, effect, after, now_ms)
    return _state_after(state, effect, after, entry), entry, effect


def expire_hold(state: AccountState, due: Hold, cause: Operation, now_ms: int) -> Change:
    """The change that returns a hold that is due, on behalf of `cause`, which needs what it holds."""
    operation = _by_the_ledger(state.account, f"~expire-{due.id}", Expire(due.id), cause)
    return apply(state, operation, now_ms, References(hold=due))


def as_of(state: AccountState, now_ms: int) -> AccountState:
    """The state as a reader at `now_ms` must see it: without grants that expired, although no entry says so yet."""
    if not _is_expiry_due(state, now_ms):
        return state
    effect = effects.expire(state, Expire(), NOTHING_NAMED, now_ms)
    return replace(state, available=state.available + effect.available, grants=effect.grants or ())


class Replay:
    """Goes through the entries of an account in order of seq and says what each should have been.

    It needs nothing but the entries: the holds and refunds that later entries name follow from earlier ones.
    """

    def __init__(self, account: Account) -> None:
        self.state = AccountState(account)
        self.holds: dict[str, Hold] = {}
        self._entries: dict[str, Entry] = {}
        self._tallies: dict[str, RefundTally] = {}

    def step(self, entry: Entry) -> Entry:
        """The entry that the ledger writes for the operation that `entry` records. Raises as `apply` does."""
        operation = operation_of(entry)
        self.state, expected, effect = step(self.state, operation, entry.at_ms, self._references_of(operation.terms))
        self._entries[expected.key] = expected
        if effect.hold is not None:
            self.holds[effect.hold.id] = effect.hold
        if effect.tally is not None:
            self._tallies[effect.tally.charge_key] = effect.tally
        return expected

    def _references_of(self, terms: Terms) -> References:
        hold_id, charge_key = named_hold(terms), named_charge(terms)
        return References(
            hold=self.holds.get(hold_id) if hold_id else None,
            charge=self._entries.get(charge_key) if charge_key else None,
            tally=self._tallies.get(charge_key) if charge_key else None,
        )


def replay(account: Account, entries: Iterable[Entry]) -> AccountState:
    """The state that the entries, in order of seq, lead to. Raises ValueError at the first that cannot be."""
    history = Replay(account)
    for entry in entries:
        expected = history.step(entry)
        if entry != expected:
            raise ValueError(f"entry {entry.seq} is not what the ledger would have written as entry {expected.seq}")
    return history.state


def _is_expiry_due(state: AccountState, now_ms: int) -> bool:
    next_expiry_ms = state.next_expiry_ms
    return next_expiry_ms is not None and next_expiry_ms <= now_ms


def _expiry(state: AccountState, cause: Operation) -> Operation:
    return _by_the_ledger(state.account, f"~expire-{state.seq + 1}", Expire(), cause)


def _by_the_ledger(account: Account, key: str, terms: Expire, cause: Operation) -> Operation:
    # No caller can make such a key: "~" is not in the alphabet of keys.
    return Operation(account, key, terms, by=SYSTEM_CALLER, correlation_id=cause.correlation_id)


def _balances_after(state: AccountState, effect: Effect) -> Balances:
    return Balances(
        available=state.available + effect.available,
        held=state.held + effect.held,
        funded=state.funded + effect.funded,
        spent=state.spent + effect.spent,
    )


def _entry(state: AccountState, operation: Operation, effect: Effect, after: Balances, now_ms: int) -> Entry:
    unsealed = Entry(
        account=state.account,
        key=operation.key,
        seq=state.seq + 1,
        kind=operation.kind,
        parameters=parameters_of(operation.terms),
        amount=effect.amount,
        outcome=effect.outcome,
        reason=effect.reason,
        shortfall=effect.shortfall,
        before=state.balances,
        after=after,
        drawn=effect.drawn,
        by=operation.by,
        app=operation.app,
        meter=operation.meter,
        metadata=operation.metadata,
        at_ms=now_ms,
        correlation_id=operation.correlation_id,
        request_hash=operation.request_hash,
        prev_hash=state.head_hash,
        hash="",
        hold=None if effect.hold is None else effect.hold.summary,
    )
    return sealed(unsealed)


def _state_after(state: AccountState, effect: Effect, after: Balances, entry: Entry) -> AccountState:
    return AccountState(
        account=state.account,
        available=after.available,
        held=after.held,
        funded=after.funded,
        spent=after.spent,
        expired=state.expired + effect.expired,
        overdraft_limit=state.overdraft_limit,
        grants=state.grants if effect.grants is None else effect.grants,
        seq=entry.seq,
        head_hash=entry.hash,
        next_hold_expiry_ms=_next_hold_expiry_ms(state, effect, after),
    )


def _next_hold_expiry_ms(state: AccountState, effect: Effect, after: Balances) -> int | None:
    # A lower bound is enough, and all that can be known without reading every hold: it only says when to look.
    if not after.held:
        return None
    candidates = [state.next_hold_expiry_ms, effect.hold.expires_at_ms if effect.hold else None]
    return min((each for each in candidates if each is not None), default=None)
