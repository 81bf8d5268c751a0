"""The reducer: what an operation does to an account.

`apply` is the only function that changes balances. It is pure: no store, no clock, no randomness. The service, the
simulator and every recomputation of a history call it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar

from shared.ledger import effects, invariants
from shared.ledger.accounts import Account, AccountState, Balances
from shared.ledger.calendar import Periods
from shared.ledger.context import Effect, EffectContext, ParentApproval, Position, References
from shared.ledger.due import NONE_DUE, Due, DueHolds, first_due
from shared.ledger.effects import given_back
from shared.ledger.entries import Entry, operation_of
from shared.ledger.frozen import dataclass
from shared.ledger.headroom import Headroom, headroom_of, tightest
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.kinds import KINDS
from shared.ledger.models import Through
from shared.ledger.operations import (
    FOR_WANT_OF_CREDITS,
    SYSTEM_CALLER,
    Operation,
    named_charge,
    named_hold,
    parameters_of,
)
from shared.ledger.parents import (
    answered,
    approval_from,
    counterpart_of,
    frozen_above,
    frozen_approval,
    recorded_approval,
)
from shared.ledger.policies import DEFAULT_TIME_ZONE, Policy, Spending
from shared.ledger.records import sealed

NOTHING_NAMED: Final = References()

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class ReplacedHold:
    """A hold's new version, and the seq of the version that was read; 0 for a new hold."""

    hold: Hold
    seen_seq: int


@dataclass(frozen=True, slots=True)
class Change:
    """The content of one transaction: the entries, and the items that replace those they were computed from.

    `holds` are the holds that the operation places or changes, and the expired ones; `tally` is None if it is
    unchanged. `parent` is the change of the parent account in the same transaction, if that pays too.
    """

    seen: AccountState
    references: References
    state: AccountState
    entries: tuple[Entry, ...]
    holds: tuple[ReplacedHold, ...] = ()
    tally: RefundTally | None = None
    parent: "Change | None" = None

    @property
    def parts(self) -> "Iterator[Change]":
        """This change and those of the accounts above: one per account."""
        part: Change | None = self
        while part is not None:
            yield part
            part = part.parent

    def entry_under(self, key: str) -> Entry:
        return next(entry for entry in self.entries if entry.key == key)


class _Present(NamedTuple):
    """An account with all due items applied: the state, their entries, and the returned holds."""

    state: AccountState
    entries: tuple[Entry, ...]
    returned: tuple[Hold, ...]


class _Result(NamedTuple):
    """`held` is the hold that the operation names, before the operation; `window_ends` are the calendar's answers."""

    effect: Effect
    balances: Balances
    policy: Policy | None
    alerts: tuple[int, ...]
    held: Hold | None
    window_ends: Mapping[str, int]


def apply(state: AccountState, operation: Operation, now_ms: int, references: References = NOTHING_NAMED) -> Change:
    """The change that records `operation` on `state` at `now_ms`. `references` is what its terms name.

    Due items (expired holds, refills of the allowance, expired grants) come first, in the order of their instants and
    as entries of their own in the same change. A refusal is an entry too. Raises InvalidOperation for content that no
    state could accept, TooManyHolds or TooManyGrants if the account has the maximum; then nothing may be written.
    """
    seen, cause = references, operation.correlation_id
    present, entries, returned = _brought_up(state, cause, now_ms, references.due)
    references = _with_returned(references, returned)
    counterpart: Change | None = None
    if references.parent is not None:
        references, counterpart = _with_parent(present, operation, now_ms, references, references.parent)
    after, entry, effect = step(present, operation, now_ms, references)
    if KINDS[operation.kind].begins_allowance:
        # An allowance begins with the entry that sets it.
        after, begun, _ = _brought_up(after, cause, now_ms, None)
        entries = (*entries, entry, *begun)
    else:
        entries = (*entries, entry)
    holds = _replaced_holds(seen, returned, effect.hold)
    if references.hold is not seen.hold:
        references = replace(references, hold=seen.hold)
    return Change(state, references, after, entries, holds, effect.tally, counterpart)


def catch_up(state: AccountState, due: DueHolds, cause: str, now_ms: int, at_most: int) -> Change:
    """The change that applies only what is due by `now_ms`: the first `at_most` entries.

    `cause` is the correlation id of the request that caused it. The change has no entries if nothing is due.
    """
    after, entries, returned = _brought_up(state, cause, now_ms, due, at_most)
    references = References(due=due)
    return Change(state, references, after, entries, _replaced_holds(references, returned, None))


def step(
    state: AccountState,
    operation: Operation,
    now_ms: int,
    references: References = NOTHING_NAMED,
    recorded_ends: Mapping[str, int] | None = None,
) -> tuple[AccountState, Entry, Effect]:
    """One operation, one entry, the next seq. `recorded_ends` are the window ends of a replayed entry.

    Raises InvariantBroken if the state is impossible.
    """
    periods = _periods(state, operation, now_ms, references.hold, recorded_ends)
    effect = _effect_of(state, operation, now_ms, references, periods)
    balances = _balances_after(state, effect)
    policy, alerts = _policy_after(state, operation, effect, balances, references.hold, periods)
    result = _Result(effect, balances, policy, alerts, references.hold, periods.ends)
    entry = _entry(state, operation, result, references.approval, now_ms)
    after = _state_after(state, result, entry)
    invariants.check(state, after)
    return after, entry, effect


def as_of(state: AccountState, now_ms: int, due: DueHolds = NONE_DUE) -> AccountState:
    """The state for a reader at `now_ms`: due items are applied, even if they have no entry yet.

    `due` is the listing of expired holds. A grant has the id that the next operation will give it.
    """
    present = _brought_up(state, "", now_ms, due)
    if not present.entries:
        return state
    return replace(present.state, seq=state.seq, head_hash=state.head_hash, updated_at_ms=state.updated_at_ms)


def most_chargeable(state: AccountState, charge: Operation, now_ms: int) -> int:
    """Microcents that a partial charge of all there is would take, through the same app, meter and model.

    Only for an account that pays alone, with what is due applied: see `as_of`.
    """
    if state.is_frozen:
        return 0
    periods = _periods(state, charge, now_ms, None, None)
    return max(headroom_of(state, _through(charge, None), periods).amount, 0)


class Replay:
    """Recomputes an account from its entries in order of seq, and returns what each entry should have been.

    It needs only the entries: the holds and refunds that later entries name follow from earlier ones.
    """

    def __init__(self, account: Account) -> None:
        self.state = AccountState(account)
        self.holds: dict[str, Hold] = {}
        self._entries: dict[str, Entry] = {}
        self._tallies: dict[str, RefundTally] = {}

    def step(self, entry: Entry) -> Entry:
        """The entry that the ledger would write for the operation that `entry` records. Raises as `apply` does."""
        operation = operation_of(entry)
        references = self._references_of(entry)
        self.state, expected, effect = step(self.state, operation, entry.at_ms, references, entry.window_ends or {})
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
            approval=approval_from(entry.parent),
        )


def replay(account: Account, entries: Iterable[Entry]) -> AccountState:
    """The state after the entries, in order of seq. Raises ValueError at the first impossible entry."""
    history = Replay(account)
    for entry in entries:
        expected = history.step(entry)
        if entry != expected:
            raise ValueError(f"entry {entry.seq} differs from what the ledger would write as entry {expected.seq}")
    return history.state


def _brought_up(
    state: AccountState, cause: str, now_ms: int, due: DueHolds | None, at_most: int | None = None
) -> _Present:
    """Applies what is due by `now_ms`, one item at a time, up to `at_most` entries."""
    due = due or NONE_DUE
    open_holds = deque(due.holds)
    entries: list[Entry] = []
    returned: list[Hold] = []
    while (first := first_due(state, open_holds, now_ms)) is not None and len(entries) != at_most:
        operation, references = _by_the_ledger(state, first, cause), References(hold=first.hold)
        state, entry, effect = step(state, operation, now_ms, references)
        entries.append(entry)
        if effect.hold is not None:
            open_holds.popleft()
            returned.append(effect.hold)
    if first is None and due is not NONE_DUE:
        state = _looked_through(state, due)
    return _Present(state, tuple(entries), tuple(returned))


def _looked_through(state: AccountState, due: DueHolds) -> AccountState:
    """The state after all due holds were returned: with the next expiry of a hold.

    If the listing does not match the state's number of holds, the bound stays: the next operation lists them again.
    """
    if not state.open_holds or due.listed - len(due.holds) != state.open_holds:
        return state
    return replace(state, next_hold_expiry_ms=due.next_ms)


def _with_returned(references: References, returned: tuple[Hold, ...]) -> References:
    """The references with the named hold in its present state, if it was due."""
    named = references.hold
    over = named and next((hold for hold in returned if hold.id == named.id), None)
    return replace(references, hold=over) if over else references


def _replaced_holds(seen: References, returned: tuple[Hold, ...], changed: Hold | None) -> tuple[ReplacedHold, ...]:
    if not returned and changed is None:
        return ()
    seen_seqs = {hold.id: hold.seq for hold in (*(seen.due or NONE_DUE).holds, *((seen.hold,) if seen.hold else ()))}
    newest = {hold.id: hold for hold in (*returned, *((changed,) if changed else ()))}
    return tuple(ReplacedHold(hold, seen_seqs.get(hold.id, 0)) for hold in newest.values())


def _with_parent(
    state: AccountState, operation: Operation, now_ms: int, references: References, position: Position
) -> tuple[References, Change | None]:
    """The references with the parent's part, and the parent's change; None if member or parent refuse."""
    parent = position.state.account
    approval = ParentApproval(
        parent.actor, _headroom_above(position, operation, now_ms, _spent_through(operation, references))
    )
    references = replace(references, approval=approval)
    periods = _periods(state, operation, now_ms, references.hold, None)
    effect = _effect_of(state, operation, now_ms, references, periods)
    if effect.reason in FOR_WANT_OF_CREDITS and (frozen := frozen_above(position)) is not None:
        # A frozen account is named before one with too few credits, since no amount would be affordable.
        return replace(references, approval=frozen_approval(approval, frozen)), None
    if effect.outcome == "refused":
        return references, None
    counterpart = counterpart_of(operation, effect, parent, references)
    change = apply(position.state, counterpart, now_ms, position.references)
    entry = change.entry_under(counterpart.key)
    return replace(references, approval=answered(approval, entry)), None if entry.is_refused else change


def _headroom_above(position: Position, operation: Operation, now_ms: int, through: Through) -> Headroom:
    """The most that a parent and the accounts above it can pay. The headroom names the account that decides."""
    parent, _, returned = _brought_up(position.state, operation.correlation_id, now_ms, position.references.due)
    periods = Periods(now_ms, _zone_of(parent))
    held = _captured(operation, _with_returned(position.references, returned))
    headroom = replace(headroom_of(parent, through, periods, held), account=parent.account.actor)
    above = position.references.parent
    return headroom if above is None else tightest(headroom, _headroom_above(above, operation, now_ms, through))


def _by_the_ledger(state: AccountState, due: Due, cause: str) -> Operation:
    # Callers cannot use such a key: "~" is not allowed in their keys.
    key = f"~{due.terms.kind}-{due.hold.id if due.hold else state.seq + 1}"
    return Operation(state.account, key, due.terms, by=SYSTEM_CALLER, correlation_id=cause)


def _periods(
    state: AccountState, operation: Operation, now_ms: int, held: Hold | None, recorded: Mapping[str, int] | None
) -> Periods:
    """The account's calendar at the instant of the operation; for an expired hold, at its expiry."""
    happens_when_due = KINDS[operation.kind].happens_when_due
    return Periods(held.expires_at_ms if held is not None and happens_when_due else now_ms, _zone_of(state), recorded)


def _zone_of(state: AccountState) -> str:
    return DEFAULT_TIME_ZONE if state.policy is None else state.policy.time_zone


def _effect_of(
    state: AccountState, operation: Operation, now_ms: int, references: References, periods: Periods
) -> Effect:
    if (approval := references.approval) is not None and approval.refusal is not None:
        return effects.refused_by_parent(approval)
    return KINDS[operation.kind].effect(state, operation.terms, _context(state, operation, now_ms, references, periods))


def _context(
    state: AccountState, operation: Operation, now_ms: int, references: References, periods: Periods
) -> EffectContext:
    references = _with_refundable(references)
    through = _spent_through(operation, references)
    # An operation that spends nothing needs no headroom, and so no calendar.
    held = _captured(operation, references)
    headroom = headroom_of(state, through, periods, held) if KINDS[operation.kind].spends else Headroom(0)
    if references.approval is not None:
        headroom = tightest(headroom, references.approval.headroom)
    return EffectContext(now_ms, headroom, periods, references, through, operation.member)


def _with_refundable(references: References) -> References:
    """The references without the named entry, if its kind cannot be refunded."""
    named = references.charge
    return references if named is None or KINDS[named.kind].is_refundable else replace(references, charge=None)


def _captured(operation: Operation, references: References) -> Hold | None:
    """The open hold whose credits the operation may take."""
    held = references.hold
    return held if held is not None and held.status == "open" and KINDS[operation.kind].takes_what_is_held else None


def _spent_through(operation: Operation, references: References) -> Through:
    return _through(operation, None if references.hold is None else references.hold.through)


def _through(operation: Operation, held: Through | None) -> Through:
    """As limits count the operation: through what its hold was placed; its own model if the hold named none."""
    if held is None:
        return Through(operation.app, operation.meter, operation.model)
    return held if held.model else held._replace(model=operation.model)


def _balances_after(state: AccountState, effect: Effect) -> Balances:
    return Balances(
        available=state.available + effect.available,
        held=state.held + effect.held,
        funded=state.funded + effect.funded,
        spent=state.spent + effect.spent,
    )


def _policy_after(
    state: AccountState, operation: Operation, effect: Effect, after: Balances, held: Hold | None, periods: Periods
) -> tuple[Policy | None, tuple[int, ...]]:
    """The policy after the entry, and the thresholds that the entry warns of."""
    policy = effect.policy or state.policy
    if policy is None or effect.outcome == "refused":
        return policy, ()
    policy = _counted(policy, _counted_by_limits(operation, effect, held, state.seq + 1), periods, state.seq + 1)
    # Held credits count as present, since most of them return. A refill arms thresholds but does not warn.
    is_credited = effect.funded > 0
    return policy.crossing(
        after.available + after.held, arms=is_credited, warns=is_credited and not KINDS[operation.kind].arms_alone
    )


def _counted(policy: Policy, spendings: Iterable[Spending], periods: Periods, seq: int) -> Policy:
    """The policy after the entry of `seq`; the very same if its counts cancel out, which saves writing it."""
    counted = policy
    for spending in spendings:
        counted = counted.counting(spending, periods, seq)
    return policy if counted == policy else counted


def _counted_by_limits(operation: Operation, effect: Effect, held: Hold | None, seq: int) -> Iterator[Spending]:
    """The amounts that spending limits count for the entry of `seq`.

    A hold counts when it is placed. When it is captured or ends, what it no longer sets aside is subtracted and the
    captured amount is counted. With a limit of 100 a day, a hold of 80 leaves 20. A part of 30 changes nothing of that:
    30 are subtracted and counted. A final capture of 10 then leaves 60.
    """
    kind, origin = KINDS[operation.kind], effect.origin
    if kind.ends_hold and held is not None and held.status == "open" and effect.hold is not None:
        yield given_back(held, effect.hold)
    match kind.counts:
        case "itself":
            yield Spending(-effect.amount, seq, _through(operation, None))
        case "of_hold":
            yield Spending(-effect.amount, seq, _through(operation, origin.through))
        case "of_charge":
            yield Spending(-effect.amount, origin.seq, origin.through)
        case None:
            return


def _entry(
    state: AccountState, operation: Operation, result: _Result, approval: ParentApproval | None, now_ms: int
) -> Entry:
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
        alerts=result.alerts,
        limit=effect.limit,
        member=operation.member,
        origin=effect.origin.named,
        parent=recorded_approval(approval),
        window_ends=result.window_ends or None,
        merged=None if effect.merged is None else effect.merged.summary,
        carry=_carry(state, parameters, effect),
        model=operation.model,
    )
    return sealed(unsealed)


def _carry(state: AccountState, parameters: Mapping[str, Any], effect: Effect) -> Mapping[str, int] | None:
    if "remainder" not in parameters:
        return None
    return {"before": state.carry, "after": _either(effect.carry, state.carry)}


def _state_after(state: AccountState, result: _Result, entry: Entry) -> AccountState:
    effect, after, policy = result.effect, result.balances, result.policy
    if policy is not None and policy is not state.policy:
        policy = replace(policy, seq=entry.seq)
    open_holds = state.open_holds + _opened(result.held, effect.hold)
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
        next_hold_expiry_ms=_next_hold_expiry_ms(state, effect, open_holds),
        open_holds=open_holds,
        carry=_either(effect.carry, state.carry),
        policy_seq=policy.seq if policy else 0,
        updated_at_ms=entry.at_ms,
        policy=policy,
    )


def _either(changed: _Value | None, present: _Value) -> _Value:
    return present if changed is None else changed


def _opened(before: Hold | None, after: Hold | None) -> int:
    """By how much the number of open holds changes."""
    if after is None:
        return 0
    was_open = before is not None and before.status == "open"
    return (after.status == "open") - was_open


def _next_hold_expiry_ms(state: AccountState, effect: Effect, open_holds: int) -> int | None:
    # Only reading every hold would show the exact expiry. A lower bound is enough to know when to list the holds.
    if not open_holds:
        return None
    bound_ms, changed = state.next_hold_expiry_ms, effect.hold
    if changed is None or changed.status != "open":
        return bound_ms
    return changed.expires_at_ms if bound_ms is None else min(bound_ms, changed.expires_at_ms)
