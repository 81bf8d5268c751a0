"""The reducer: what an operation does to an account.

`apply` is the one place where money moves. It is pure: no store, no clock, no randomness. The service, the simulator
and every check that replays history call this same function.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.ledger.accounts import Account, AccountState, Balances
from shared.ledger.entries import Entry, operation_of, sealed
from shared.ledger.errors import InvalidOperation
from shared.ledger.grants import (
    DEFAULT_PRIORITY,
    MAX_OPEN_GRANTS,
    Draw,
    Grant,
    Grants,
    add_grant,
    draw_down,
    expire_due,
    withdraw,
)
from shared.ledger.operations import (
    SYSTEM_CALLER,
    Charge,
    Expire,
    FundingUpdate,
    GrantCredits,
    Operation,
    Outcome,
    Reason,
    parameters_of,
)


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction writes: the entries, and the state that replaces the one they were computed from."""

    seen: AccountState
    state: AccountState
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """What an operation does, in microcents: signed changes of the balances, and the grants that are left.

    `amount` is the figure on the entry; `shortfall` what was missing to it.
    """

    amount: int = 0
    available: int = 0
    held: int = 0
    funded: int = 0
    spent: int = 0
    expired: int = 0
    grants: Grants | None = None
    drawn: tuple[Draw, ...] = ()
    outcome: Outcome = "applied"
    reason: Reason | None = None
    shortfall: int = 0


def apply(state: AccountState, operation: Operation, now_ms: int) -> Change:
    """The change that records `operation` on `state` at `now_ms`.

    What is due to expire expires first, with an entry of its own in the same change. A refusal is an entry too. Raises
    InvalidOperation for content that no state could accept; nothing is to be written then.
    """
    operations = [*_due_expiry(state, operation, now_ms), operation]
    entries: list[Entry] = []
    after = state
    for each in operations:
        after, entry = step(after, each, now_ms)
        entries.append(entry)
    return Change(seen=state, state=after, entries=tuple(entries))


def step(state: AccountState, operation: Operation, now_ms: int) -> tuple[AccountState, Entry]:
    """One operation, one entry, the next seq."""
    effect = _EFFECTS[operation.kind](state, operation.terms, now_ms)
    after = _balances_after(state, effect)
    entry = _entry(state, operation, effect, after, now_ms)
    return _state_after(state, effect, after, entry), entry


def replay(account: Account, entries: Iterable[Entry]) -> AccountState:
    """The state that the entries, in order of seq, lead to. Raises ValueError at the first that cannot be."""
    state = AccountState(account)
    for entry in entries:
        state, expected = step(state, operation_of(entry), entry.at_ms)
        if entry != expected:
            raise ValueError(f"entry {entry.seq} is not what the ledger would have written as entry {expected.seq}")
    return state


def as_of(state: AccountState, now_ms: int) -> AccountState:
    """The state as a reader at `now_ms` must see it: without what has expired, although no entry says so yet."""
    if not _is_expiry_due(state, now_ms):
        return state
    effect = _expire(state, Expire(), now_ms)
    return replace(state, available=state.available + effect.available, grants=effect.grants or ())


def _charge(state: AccountState, terms: Charge, _now_ms: int) -> Effect:
    takes = terms.cost
    outcome: Outcome = "applied"
    if terms.cost > max(state.spendable, 0):
        if terms.if_insufficient == "refuse":
            return _refused("insufficient_credits", shortfall=terms.cost - state.spendable)
        if terms.if_insufficient == "partial":
            takes, outcome = max(state.spendable, 0), "partial"
    grants, drawn = draw_down(state.grants, takes)
    return Effect(
        amount=-takes,
        available=-takes,
        spent=takes,
        grants=grants,
        drawn=drawn,
        outcome=outcome,
        shortfall=terms.cost - takes,
    )


def _funding_update(state: AccountState, terms: FundingUpdate, _now_ms: int) -> Effect:
    if state.funded != terms.old_amount:
        return _refused("funding_conflict")
    difference = terms.new_amount - terms.old_amount
    if difference >= 0:
        return _funded(state, Grant(state.seq + 1, difference, difference, DEFAULT_PRIORITY, "purchased", None))
    if state.spendable + difference < 0 and not terms.force:
        return _refused("would_overdraw")
    grants, drawn = withdraw(state.grants, -difference)
    return Effect(amount=difference, available=difference, funded=difference, grants=grants, drawn=drawn)


def _grant(state: AccountState, terms: GrantCredits, now_ms: int) -> Effect:
    if terms.expires_at_ms is not None and terms.expires_at_ms <= now_ms:
        raise InvalidOperation("expires_at", "in the future")
    return _funded(
        state,
        Grant(state.seq + 1, terms.amount, terms.amount, terms.priority, terms.category, terms.expires_at_ms),
    )


def _expire(state: AccountState, _terms: Expire, now_ms: int) -> Effect:
    grants, drawn = expire_due(state.grants, now_ms)
    gone = sum(draw.amount for draw in drawn)
    return Effect(amount=-gone, available=-gone, expired=gone, grants=grants, drawn=drawn)


_EFFECTS: Final[Mapping[str, Callable[[AccountState, Any, int], Effect]]] = {
    Charge.kind: _charge,
    FundingUpdate.kind: _funding_update,
    GrantCredits.kind: _grant,
    Expire.kind: _expire,
}


def _funded(state: AccountState, grant: Grant) -> Effect:
    # Credits first pay what the account owes from an overdraft; the grant keeps the rest. So the sum of the grants is
    # what is available, as long as anything is.
    owed = max(-state.available, 0)
    kept = replace(grant, remaining=max(grant.amount - owed, 0))
    grants = add_grant(state.grants, kept)
    if len(grants) > MAX_OPEN_GRANTS:
        return _refused("too_many_grants")
    return Effect(amount=grant.amount, available=grant.amount, funded=grant.amount, grants=grants)


def _refused(reason: Reason, shortfall: int = 0) -> Effect:
    return Effect(outcome="refused", reason=reason, shortfall=shortfall)


def _is_expiry_due(state: AccountState, now_ms: int) -> bool:
    next_expiry_ms = state.next_expiry_ms
    return next_expiry_ms is not None and next_expiry_ms <= now_ms


def _due_expiry(state: AccountState, cause: Operation, now_ms: int) -> list[Operation]:
    if not _is_expiry_due(state, now_ms):
        return []
    # No caller can make this key: "~" is not in the alphabet of keys. The seq makes it unique.
    key = f"~expire-{state.seq + 1}"
    return [Operation(state.account, key, Expire(), by=SYSTEM_CALLER, correlation_id=cause.correlation_id)]


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
    )
