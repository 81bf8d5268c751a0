"""The reducer: what an operation does to an account.

`apply` is the one place where money moves. It is pure: no store, no clock, no randomness. The service, the simulator
and every check that replays history call this same function.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeVar

from shared.ledger import effects
from shared.ledger.accounts import Account, AccountState, Balances
from shared.ledger.effects import Backing, Case, Effect, Position, References
from shared.ledger.entries import Entry, operation_of, sealed
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import (
    FOR_WANT_OF_CREDITS,
    SYSTEM_CALLER,
    Configure,
    Expire,
    Kind,
    Operation,
    RefillAllowance,
    named_charge,
    named_hold,
    parameters_of,
)
from shared.ledger.parents import (
    answered,
    backing_from,
    counterpart_of,
    frozen_above,
    frozen_backing,
    recorded_backing,
)
from shared.ledger.policies import Policy, fired
from shared.ledger.rooms import Room, room_of, tightest

NOTHING_NAMED: Final = References()

_Value = TypeVar("_Value")

_EFFECTS: Final[Mapping[Kind, Callable[[AccountState, Any, Case], Effect]]] = {
    "charge": effects.charge,
    "funding_update": effects.funding_update,
    "grant": effects.grant,
    "void": effects.void,
    "allowance": effects.allowance,
    "hold": effects.hold,
    "extend": effects.extend,
    "capture": effects.capture,
    "release": effects.release,
    "refund": effects.refund,
    "expire": effects.expire,
    "configure": effects.configure,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction writes: the entries, and what replaces the state, hold and tally they were computed from.

    `hold` and `tally` are None where the operation leaves them as they are. `parent` is what the same transaction
    writes to the parent account, where that pays too.
    """

    seen: AccountState
    references: References
    state: AccountState
    entries: tuple[Entry, ...]
    hold: Hold | None = None
    tally: RefundTally | None = None
    parent: "Change | None" = None

    @property
    def parts(self) -> "Iterator[Change]":
        """This change and those of the accounts above: one for each account that is written to."""
        part: Change | None = self
        while part is not None:
            yield part
            part = part.parent

    def entry_under(self, key: str) -> Entry:
        return next(entry for entry in self.entries if entry.key == key)


class _Result(NamedTuple):
    effect: Effect
    balances: Balances
    policy: Policy | None


def apply(state: AccountState, operation: Operation, now_ms: int, references: References = NOTHING_NAMED) -> Change:
    """The change that records `operation` on `state` at `now_ms`. `references` is what its terms name.

    What is due by then (a refill of the allowance, expired grants) comes first, with entries of its own in the same
    change. A refusal is an entry too. Raises InvalidOperation for content that no state could accept; nothing is to be
    written then.
    """
    present, entries = _brought_up(state, operation, now_ms)
    counterpart: Change | None = None
    if references.parent is not None:
        references, counterpart = _with_parent(present, operation, now_ms, references, references.parent)
    after, entry, effect = step(present, operation, now_ms, references)
    change = Change(state, references, after, (*entries, entry), effect.hold, effect.tally, counterpart)
    return _with_first_refill(change, operation, now_ms) if isinstance(operation.terms, Configure) else change


def apply_batch(state: AccountState, operations: Iterable[Operation], now_ms: int) -> Change:
    """One change that records several charges of one account, each on what the ones before it left.

    Not for a member of a parent account: each of its charges is a transaction with the parent.
    """
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
    effect = _effect_of(state, operation, now_ms, references)
    balances = _balances_after(state, effect)
    result = _Result(effect, balances, _policy_after(state, operation, effect, balances, references.hold, now_ms))
    entry = _entry(state, operation, result, references.backing, now_ms)
    return _state_after(state, result, entry), entry, effect


def expire_hold(state: AccountState, due: Hold, cause: Operation, now_ms: int) -> Change:
    """The change that returns a hold that is due, on behalf of `cause`, which depends on what it holds.

    It returns as it was over, so before what has become due since: a refill, or the expiry of a grant.
    """
    operation, references = _by_the_ledger(state, "expire", Expire(due.id), cause), References(hold=due)
    after, entry, effect = step(state, operation, now_ms, references)
    return Change(state, references, after, (entry,), effect.hold)


def as_of(state: AccountState, now_ms: int) -> AccountState:
    """The state as a reader at `now_ms` must see it: with what is due, although no entry says so yet."""
    if (refill := _due_refill(state, now_ms)) is not None:
        state = _seen_with(state, effects.allowance(state, refill, _system_case(now_ms)))
    if _is_expiry_due(state, now_ms):
        state = _seen_with(state, effects.expire(state, Expire(), _system_case(now_ms)))
    return state


def returned_as_of(state: AccountState, due: Hold, now_ms: int) -> AccountState:
    """The state as a reader must see it once `due`, a hold that has expired, is returned."""
    seen = _seen_with(state, effects.expire(state, Expire(due.id), _system_case(now_ms, References(hold=due))))
    policy = seen.policy and seen.policy.counting(effects.given_back(due), now_ms, state.seq + 1)
    return replace(seen, policy=policy)


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
        self.state, expected, effect = step(self.state, operation, entry.at_ms, self._references_of(entry))
        self._entries[expected.key] = expected
        if effect.hold is not None:
            self.holds[effect.hold.id] = effect.hold
        if effect.tally is not None:
            self._tallies[effect.tally.charge_key] = effect.tally
        return expected

    def _references_of(self, entry: Entry) -> References:
        hold_id, charge_key = named_hold(entry.terms), named_charge(entry.terms)
        return References(
            hold=self.holds.get(hold_id) if hold_id else None,
            charge=self._entries.get(charge_key) if charge_key else None,
            tally=self._tallies.get(charge_key) if charge_key else None,
            backing=backing_from(entry.parent),
        )


def replay(account: Account, entries: Iterable[Entry]) -> AccountState:
    """The state that the entries, in order of seq, lead to. Raises ValueError at the first that cannot be."""
    history = Replay(account)
    for entry in entries:
        expected = history.step(entry)
        if entry != expected:
            raise ValueError(f"entry {entry.seq} is not what the ledger would have written as entry {expected.seq}")
    return history.state


def _brought_up(state: AccountState, cause: Operation, now_ms: int) -> tuple[AccountState, tuple[Entry, ...]]:
    """The state at `now_ms`, with the entries of what has become due since the last."""
    entries: list[Entry] = []
    if (refill := _due_refill(state, now_ms)) is not None:
        state, entry, _ = step(state, _by_the_ledger(state, "allowance", refill, cause), now_ms)
        entries.append(entry)
    if _is_expiry_due(state, now_ms):
        state, entry, _ = step(state, _by_the_ledger(state, "expire", Expire(), cause), now_ms)
        entries.append(entry)
    return state, tuple(entries)


def _is_expiry_due(state: AccountState, now_ms: int) -> bool:
    next_expiry_ms = state.next_expiry_ms
    return next_expiry_ms is not None and next_expiry_ms <= now_ms


def _due_refill(state: AccountState, now_ms: int) -> RefillAllowance | None:
    allowance = state.policy.allowance if state.policy else None
    if allowance is None or state.policy is None or not allowance.is_due(now_ms):
        return None
    given = "allowance", allowance.next_at_ms, state.policy.given_priority
    # Grants that are alike are one, so there is at most one such.
    running = next((each for each in state.grants if (each.category, each.expires_at_ms, each.priority) == given), None)
    remaining = running.remaining if running else 0
    owed = max(-state.available, 0)
    added, next_at_ms = allowance.due_by(now_ms, state.policy.time_zone, remaining, owed)
    return RefillAllowance(remaining + added, allowance.priority, next_at_ms, running.id if running else None)


def _with_first_refill(change: Change, cause: Operation, now_ms: int) -> Change:
    # An allowance begins with the entry that sets it.
    state, entries = _brought_up(change.state, cause, now_ms)
    return replace(change, state=state, entries=(*change.entries, *entries))


def _with_parent(
    state: AccountState, operation: Operation, now_ms: int, references: References, position: Position
) -> tuple[References, Change | None]:
    """What the parent says to the operation, and what it writes: nothing where member or parent refuse."""
    parent = position.state.account
    backing = Backing(parent.actor, _room_above(position, operation, now_ms, _spent_through(operation, references)))
    references = replace(references, backing=backing)
    effect = _effect_of(state, operation, now_ms, references)
    if effect.reason in FOR_WANT_OF_CREDITS and (frozen := frozen_above(position)) is not None:
        # Who is frozen is said before who is short: no amount would be affordable.
        return replace(references, backing=frozen_backing(backing, frozen)), None
    if effect.outcome == "refused":
        return references, None
    counterpart = counterpart_of(operation, effect, parent, references)
    change = apply(position.state, counterpart, now_ms, position.references)
    entry = change.entry_under(counterpart.key)
    return replace(references, backing=answered(backing, entry)), None if entry.is_refused else change


def _room_above(
    position: Position, operation: Operation, now_ms: int, spent_through: tuple[str | None, str | None]
) -> Room:
    """What a parent, and whoever is above it, can pay. The room says which of them decides."""
    parent, _ = _brought_up(position.state, operation, now_ms)
    room = replace(room_of(parent, *spent_through, now_ms), account=parent.account.actor)
    above = position.references.parent
    return room if above is None else tightest(room, _room_above(above, operation, now_ms, spent_through))


def _by_the_ledger(state: AccountState, key: str, terms: Expire | RefillAllowance, cause: Operation) -> Operation:
    # No caller can make such a key: "~" is not in the alphabet of keys.
    key = f"~{key}-{terms.hold if isinstance(terms, Expire) and terms.hold else state.seq + 1}"
    return Operation(state.account, key, terms, by=SYSTEM_CALLER, correlation_id=cause.correlation_id)


def _effect_of(state: AccountState, operation: Operation, now_ms: int, references: References) -> Effect:
    if (backing := references.backing) is not None and backing.refusal is not None:
        return effects.refused_by_parent(backing)
    return _EFFECTS[operation.kind](state, operation.terms, _case(state, operation, now_ms, references))


def _case(state: AccountState, operation: Operation, now_ms: int, references: References) -> Case:
    app, meter = _spent_through(operation, references)
    room = room_of(state, app, meter, now_ms)
    if references.backing is not None:
        room = tightest(room, references.backing.room)
    return Case(now_ms, room, references, app, meter, operation.member)


def _spent_through(operation: Operation, references: References) -> tuple[str | None, str | None]:
    held = references.hold
    return (operation.app, operation.meter) if held is None else (held.app, held.meter)


def _system_case(now_ms: int, references: References = NOTHING_NAMED) -> Case:
    # What becomes due spends nothing.
    return Case(now_ms, Room(0), references)


def _seen_with(state: AccountState, effect: Effect) -> AccountState:
    return replace(
        state,
        available=state.available + effect.available,
        held=state.held + effect.held,
        funded=state.funded + effect.funded,
        grants=state.grants if effect.grants is None else effect.grants,
        policy=effect.policy or state.policy,
    )


def _balances_after(state: AccountState, effect: Effect) -> Balances:
    return Balances(
        available=state.available + effect.available,
        held=state.held + effect.held,
        funded=state.funded + effect.funded,
        spent=state.spent + effect.spent,
    )


def _policy_after(
    state: AccountState, operation: Operation, effect: Effect, after: Balances, held: Hold | None, now_ms: int
) -> Policy | None:
    policy = effect.policy or state.policy
    if policy is None or effect.outcome == "refused":
        return policy
    seq = state.seq + 1
    for counted in effects.counted_by_limits(operation, effect, held, seq):
        policy = policy.counting(counted, now_ms, seq)
    return policy.crossing(after.available, is_funding=effect.funded > 0)


def _entry(state: AccountState, operation: Operation, result: _Result, backing: Backing | None, now_ms: int) -> Entry:
    effect, parameters = result.effect, parameters_of(operation.terms)
    unsealed = Entry(
        account=state.account,
        key=operation.key,
        seq=state.seq + 1,
        kind=operation.kind,
        parameters=parameters,
        amount=effect.amount,
        outcome=effect.outcome,
        reason=effect.reason,
        shortfall=effect.shortfall,
        before=state.balances,
        after=result.balances,
        drawn=effect.drawn,
        by=operation.by,
        app=operation.app,
        meter=operation.meter,
        metadata=operation.metadata,
        at_ms=now_ms,
        correlation_id=operation.correlation_id,
        request_hash=operation.hash_with(parameters),
        prev_hash=state.head_hash,
        hash="",
        hold=None if effect.hold is None else effect.hold.summary,
        alerts=_alerts(effect.policy or state.policy, result.policy),
        limit=effect.limit,
        member=operation.member,
        origin=effect.origin.named,
        parent=recorded_backing(backing),
    )
    return sealed(unsealed)


def _alerts(before: Policy | None, after: Policy | None) -> tuple[int, ...]:
    return () if before is after or before is None or after is None else fired(before, after)


def _state_after(state: AccountState, result: _Result, entry: Entry) -> AccountState:
    effect, after, policy = result
    if policy is not None and policy is not state.policy:
        policy = replace(policy, seq=entry.seq)
    return AccountState(
        account=state.account,
        available=after.available,
        held=after.held,
        funded=after.funded,
        spent=after.spent,
        expired=state.expired + effect.expired,
        overdraft_limit=_either(effect.overdraft_limit, state.overdraft_limit),
        grants=_either(effect.grants, state.grants),
        seq=entry.seq,
        head_hash=entry.hash,
        next_hold_expiry_ms=_next_hold_expiry_ms(state, effect, after),
        policy_seq=policy.seq if policy else 0,
        policy=policy,
    )


def _either(changed: _Value | None, present: _Value) -> _Value:
    return present if changed is None else changed


def _next_hold_expiry_ms(state: AccountState, effect: Effect, after: Balances) -> int | None:
    # A lower bound is enough, and all that can be known without reading every hold: it only says when to look.
    if not after.held:
        return None
    candidates = [state.next_hold_expiry_ms, effect.hold.expires_at_ms if effect.hold else None]
    return min((each for each in candidates if each is not None), default=None)
