"""Effects: what each kind of operation does to an account, one pure function per kind.

A function takes the state, the terms, what the terms name, and the time. It returns an Effect: signed changes of the
balances and the replaced parts of the state. The reducer derives the entry and the new state. Amounts are microcents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from shared.ledger.accounts import AccountState
from shared.ledger.calendar import zone_of
from shared.ledger.context import Effect, EffectContext, ParentApproval
from shared.ledger.entries import Entry
from shared.ledger.errors import InvalidOperation, TooManyGrants, TooManyHolds
from shared.ledger.grants import (
    DEFAULT_PRIORITY,
    MAX_OPEN_GRANTS,
    Draw,
    Grant,
    add_grant,
    draw_down,
    expire_due,
    make_room,
    withdraw,
)
from shared.ledger.holds import MAX_OPEN_HOLDS, HeldPrice, Hold, Origin, RefundTally, Restored, restore, split
from shared.ledger.models import Through
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    Expire,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    Outcome,
    PlaceHold,
    Reason,
    RefillAllowance,
    Refund,
    ReleaseHold,
    VoidGrant,
)
from shared.ledger.policies import Allowance, Limit, Policy, Spending, Threshold, in_zone, with_limits
from shared.ledger.remainders import settled


def charge(state: AccountState, terms: Charge, context: EffectContext) -> Effect:
    if state.is_frozen and terms.if_insufficient != "overdraw":
        return _refused("account_frozen")
    cost, carry = settled(terms.cost, terms.remainder, state.carry)
    takes = cost
    outcome: Outcome = "applied"
    if cost > max(context.headroom.amount, 0):
        if terms.if_insufficient == "refuse":
            return _insufficient(context, cost)
        if terms.if_insufficient == "partial":
            takes, outcome = max(context.headroom.amount, 0), "partial"
    grants, drawn = draw_down(state.grants, takes)
    return Effect(
        amount=-takes,
        available=-takes,
        spent=takes,
        grants=grants,
        drawn=drawn,
        outcome=outcome,
        shortfall=cost - takes,
        carry=carry,
    )


def refund(state: AccountState, terms: Refund, context: EffectContext) -> Effect:
    charge_entry = context.references.charge
    if charge_entry is None or not _is_refundable(charge_entry, context):
        return _refused("charge_not_found")
    tally = context.references.tally
    refunded = tally.refunded if tally else 0
    left = -charge_entry.amount - refunded
    amount = left if terms.amount is None else terms.amount
    if not left or amount > left:
        return _refused("exceeds_charge")
    given_back, undrawn = _last_paid(charge_entry, refunded, amount)
    restored = _restore(state, given_back, undrawn, context.now_ms)
    return Effect(
        amount=amount,
        available=amount - restored.lapsed,
        spent=-amount,
        expired=restored.lapsed,
        grants=restored.grants,
        tally=RefundTally(terms.charge, refunded + amount, state.seq + 1),
        drawn=restored.returned,
        origin=_origin_of(charge_entry),
    )


def funding_update(state: AccountState, terms: FundingUpdate, _context: EffectContext) -> Effect:
    if state.funded != terms.old_amount:
        return _refused("funding_conflict")
    difference = terms.new_amount - terms.old_amount
    if difference >= 0:
        return _funded(state, Grant(state.seq + 1, difference, difference, DEFAULT_PRIORITY, "purchased", None))
    if state.spendable + difference < 0 and not terms.force:
        return _refused("would_overdraw")
    grants, drawn = withdraw(state.grants, -difference)
    return Effect(amount=difference, available=difference, funded=difference, grants=grants, drawn=drawn)


def grant(state: AccountState, terms: GrantCredits, context: EffectContext) -> Effect:
    if terms.expires_at_ms is not None and terms.expires_at_ms <= context.now_ms:
        raise InvalidOperation("expires_at", "in the future")
    return _funded(
        state,
        Grant(state.seq + 1, terms.amount, terms.amount, terms.priority, terms.category, terms.expires_at_ms),
    )


def allowance(state: AccountState, terms: RefillAllowance, _context: EffectContext) -> Effect:
    replaced = next((each for each in state.grants if each.id == terms.replaces), None)
    taken = replaced.remaining if replaced else 0
    others = tuple(each for each in state.grants if each is not replaced)
    # Existing credits stay; only the added ones pay off an overdraft.
    added = terms.amount - taken
    paid_off = min(_owed(state), max(added, 0))
    refilled = Grant(
        state.seq + 1, terms.amount, terms.amount - paid_off, terms.priority, "allowance", terms.expires_at_ms
    )
    return Effect(
        amount=added,
        available=added,
        funded=max(added, 0),
        # The part of the old period that does not roll over expires.
        expired=max(-added, 0),
        grants=add_grant(others, refilled, apart=refilled.seq),
        policy=_next_refill(state, terms),
    )


def _next_refill(state: AccountState, terms: RefillAllowance) -> Policy | None:
    policy = state.policy
    if policy is None or policy.allowance is None:
        return policy
    given = replace(policy.allowance, next_at_ms=terms.expires_at_ms, moved_ms=0)
    return replace(policy, allowance=given, given_seq=state.seq + 1)


def void(state: AccountState, terms: VoidGrant, _context: EffectContext) -> Effect:
    voided = next((each for each in state.grants if each.id == terms.grant), None)
    if voided is None:
        return _refused("grant_not_found")
    taken = voided.remaining
    others = tuple(each for each in state.grants if each is not voided)
    _, drawn = draw_down((voided,), taken)
    return Effect(amount=-taken, available=-taken, funded=-taken, grants=others, drawn=drawn)


def hold(state: AccountState, terms: PlaceHold, context: EffectContext) -> Effect:
    if state.is_frozen:
        return _refused("account_frozen")
    spendable = max(context.headroom.amount, 0)
    least = terms.amount if terms.minimum_amount is None else terms.minimum_amount
    if spendable < least:
        return _insufficient(context, least)
    takes = min(terms.amount, spendable)
    grants, drawn = draw_down(state.grants, takes)
    if state.open_holds >= MAX_OPEN_HOLDS:
        raise TooManyHolds(f"the account has {MAX_OPEN_HOLDS} open holds; capture or release some first")
    seq = state.seq + 1
    return Effect(
        amount=-takes,
        available=-takes,
        held=takes,
        grants=grants,
        drawn=drawn,
        hold=Hold(
            id=f"h{seq}",
            amount=takes,
            captured=0,
            status="open",
            expires_at_ms=context.now_ms + terms.ttl_ms,
            drawn=drawn,
            seq=seq,
            app=context.through.app,
            meter=context.through.meter,
            model=context.through.model,
            parent=_at_parent(context),
            member=context.member,
            price=_held_price(terms, context.now_ms),
        ),
        outcome="applied" if takes == terms.amount else "partial",
        shortfall=terms.amount - takes,
    )


def _held_price(terms: PlaceHold, now_ms: int) -> HeldPrice | None:
    if terms.usage is None or terms.rate_card is None:
        return None
    usage = terms.usage
    return HeldPrice(terms.rate_card, usage.get("model"), now_ms, terms.adjustment, usage.get("service_tier"))


def extend(state: AccountState, terms: ExtendHold, context: EffectContext) -> Effect:
    if state.is_frozen:
        return _refused("account_frozen")
    held = _open_hold(context)
    if isinstance(held, Effect):
        return held
    later_ms = max(held.expires_at_ms, context.now_ms + terms.ttl_ms)
    return Effect(hold=replace(held, expires_at_ms=later_ms, seq=state.seq + 1))


def capture(state: AccountState, terms: CaptureHold, context: EffectContext) -> Effect:
    if terms.if_expired is not None and _has_expired(context):
        return _capture_of_nothing(state, terms, context)
    held = _open_hold(context)
    if isinstance(held, Effect):
        return held
    asked = held.remaining if terms.amount is None else terms.amount
    wanted, carry = settled(asked, terms.remainder, state.carry)
    amount = wanted if wanted <= held.remaining else _capture_beyond(state, terms, context, held, wanted)
    if isinstance(amount, Effect):
        return amount
    after = _captured(state, held, terms, amount)
    paid, _ = split(held.left[0], amount)
    restored = _nothing_back(state) if terms.is_part else _restore(state, *after.left, context.now_ms)
    grants, paid_beyond = draw_down(restored.grants, max(amount - held.remaining, 0))
    freed = held.remaining - after.remaining
    return Effect(
        amount=-amount,
        available=freed - amount - restored.lapsed,
        held=-freed,
        spent=amount,
        expired=restored.lapsed,
        grants=grants,
        hold=after,
        drawn=paid + paid_beyond,
        outcome="applied" if amount == wanted else "partial",
        shortfall=wanted - amount,
        origin=held.origin,
        carry=carry,
    )


def _captured(state: AccountState, held: Hold, terms: CaptureHold, amount: int) -> Hold:
    """The hold after a capture of `amount`. A part does not end it, nor does it open one that has expired."""
    status = held.status if terms.is_part else "captured"
    return replace(held, captured=held.captured + amount, status=status, seq=state.seq + 1)


def _nothing_back(state: AccountState) -> Restored:
    return Restored(state.grants, (), 0)


def _capture_beyond(
    state: AccountState, terms: CaptureHold, context: EffectContext, held: Hold, wanted: int
) -> int | Effect:
    """How much of an amount beyond what is left of the hold is captured.

    What is left is granted, whatever the limits say now.
    """
    if terms.overrun == "overdraw":
        return wanted
    if terms.overrun == "refuse":
        return _refused("exceeds_hold")
    if state.is_frozen:
        return _refused("account_frozen")
    most = max(context.headroom.amount, held.remaining)
    if wanted > most and terms.overrun == "charge":
        return _insufficient(context, wanted, most)
    return min(wanted, most)


def _capture_of_nothing(state: AccountState, terms: CaptureHold, context: EffectContext) -> Effect:
    """A charge after the hold has expired. It marks the hold as captured, so that it cannot be captured twice.

    A part leaves the hold expired, so that other parts can follow. Without an amount it is what no capture has taken.
    """
    held = context.references.hold
    if held is None:
        return _refused("hold_not_found")
    asked = held.uncaptured if terms.amount is None else terms.amount
    amount, carry = settled(asked, terms.remainder, state.carry)
    if terms.if_expired != "overdraw":
        if state.is_frozen:
            return _refused("account_frozen")
        if amount > max(context.headroom.amount, 0):
            return _insufficient(context, amount)
    grants, drawn = draw_down(state.grants, amount)
    return Effect(
        amount=-amount,
        available=-amount,
        spent=amount,
        grants=grants,
        hold=_captured(state, held, terms, amount),
        drawn=drawn,
        origin=held.origin,
        carry=carry,
    )


def release(state: AccountState, _terms: ReleaseHold, context: EffectContext) -> Effect:
    held = _open_hold(context)
    if isinstance(held, Effect):
        return held
    return _returned(state, replace(held, status="released", seq=state.seq + 1), context.now_ms)


def expire(state: AccountState, terms: Expire, context: EffectContext) -> Effect:
    if terms.hold is not None:
        return _expire_hold(state, context.references.hold, context.now_ms)
    due_at_ms = context.now_ms if terms.due_at_ms is None else terms.due_at_ms
    if due_at_ms > context.now_ms:
        raise InvalidOperation("due_at_ms", "a time in the past")
    grants, drawn = expire_due(state.grants, due_at_ms)
    gone = sum(draw.amount for draw in drawn)
    return Effect(amount=-gone, available=-gone, expired=gone, grants=grants, drawn=drawn)


def _expire_hold(state: AccountState, held: Hold | None, now_ms: int) -> Effect:
    if held is None or not held.is_due(now_ms):
        raise InvalidOperation("hold", "open and due")
    # The hold ended at its own expiry, however late the entry is written: a grant that expired since gets its part
    # back.
    return _returned(state, replace(held, status="expired", seq=state.seq + 1), held.expires_at_ms)


def configure(state: AccountState, terms: Configure, context: EffectContext) -> Effect:
    present, periods, seq = state.policy or Policy(), context.periods, state.seq + 1
    if terms.time_zone is not None and not periods.is_replayed:
        # A recorded zone may be missing from today's data.
        _require_zone(terms.time_zone)
    if terms.time_zone is not None and terms.time_zone != present.time_zone:
        present = in_zone(present, terms.time_zone, periods, seq)
        periods = periods.moved_to(terms.time_zone)
    changes = _policy_changes(state, present, terms, context.now_ms)
    policy = replace(present, **changes) if changes else state.policy
    if policy is not None and terms.limits is not None:
        policy = with_limits(policy, [Limit(**each) for each in terms.limits], periods, seq)
    return Effect(policy=policy, overdraft_limit=terms.overdraft_limit)


def _policy_changes(state: AccountState, present: Policy, terms: Configure, now_ms: int) -> dict[str, Any]:
    """Raises InvalidOperation for settings that no account can have."""
    changes: dict[str, Any] = {"limits": ()} if terms.limits is not None and state.policy is None else {}
    if terms.status is not None:
        changes["status"] = terms.status
    if terms.time_zone is not None:
        changes["time_zone"] = terms.time_zone
    if terms.low_balance_thresholds is not None:
        changes["thresholds"] = _thresholds(state, present, terms.low_balance_thresholds)
    if terms.allowance is not None:
        changes |= _allowance_changes(present, terms.allowance, now_ms)
    if terms.parent is not None:
        changes["parent"] = _parent_of(state, terms.parent)
    return changes


def _require_zone(name: str) -> None:
    try:
        zone_of(name)
    except ValueError as unknown:
        raise InvalidOperation("time_zone", "the name of an IANA time zone, such as Europe/Amsterdam") from unknown


def _allowance_changes(policy: Policy, terms: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    # A running period keeps its end: new terms apply from the next refill. The same holds for an allowance that was
    # ended and set again: no period is given twice.
    present = policy.allowance
    until_ms = present.next_at_ms if present else policy.allowed_until_ms
    moved_ms = present.moved_ms if present else policy.allowed_moved_ms
    if not terms:
        return {"allowance": None, "allowed_until_ms": until_ms, "allowed_moved_ms": moved_ms}
    if present or until_ms > now_ms:
        return {"allowance": Allowance(**terms, next_at_ms=until_ms, moved_ms=moved_ms)}
    if until_ms + moved_ms > now_ms:
        # By the clocks of the account's new zone, the period that was given last has not ended.
        return {"allowance": Allowance(**terms, next_at_ms=now_ms, moved_ms=until_ms + moved_ms - now_ms)}
    return {"allowance": Allowance(**terms, next_at_ms=now_ms), "given_seq": None}


def _thresholds(state: AccountState, present: Policy, amounts: Iterable[int]) -> tuple[Threshold, ...]:
    """A new threshold is armed, so it warns at once if the balance is below it; an existing one keeps its state."""
    was_armed = {each.amount: each.is_armed for each in present.thresholds}
    there = state.available + state.held
    return tuple(
        Threshold(amount, was_armed.get(amount, True) or there >= amount)
        for amount in sorted(set(amounts), reverse=True)
    )


def _parent_of(state: AccountState, parent: str) -> str | None:
    if parent == state.account.actor:
        raise InvalidOperation("parent", "an account other than the member itself")
    return parent or None


def _funded(state: AccountState, credited: Grant) -> Effect:
    # Credits first pay what the account owes from an overdraft; the grant keeps the rest. So the grants add up to the
    # available amount, unless that is negative.
    kept = replace(credited, remaining=max(credited.amount - _owed(state), 0))
    grants, merged = add_grant(state.grants, kept, _running(state)), None
    if len(grants) > max(MAX_OPEN_GRANTS, len(state.grants)):
        made = make_room(grants, _running(state))
        if made is None:
            raise TooManyGrants(
                f"the account has {MAX_OPEN_GRANTS} open grants, and no two share a category and a priority"
            )
        grants, merged = made
    return Effect(
        amount=credited.amount, available=credited.amount, funded=credited.amount, grants=grants, merged=merged
    )


def _returned(state: AccountState, resolved: Hold, now_ms: int) -> Effect:
    restored = _restore(state, *resolved.left, now_ms)
    returned = resolved.uncaptured - restored.lapsed
    return Effect(
        amount=returned,
        available=returned,
        held=-resolved.uncaptured,
        expired=restored.lapsed,
        grants=restored.grants,
        hold=resolved,
        drawn=restored.returned,
        origin=resolved.origin,
    )


def _restore(state: AccountState, drawn: tuple[Draw, ...], undrawn: int, now_ms: int) -> Restored:
    return restore(state.grants, drawn, undrawn, _owed(state), (state.seq + 1, now_ms), _running(state))


def _running(state: AccountState) -> int | None:
    """The grant of the running allowance. A caller's grant with the same attributes is not merged with it."""
    return state.policy.given_seq if state.policy else None


def _last_paid(charge_entry: Entry, refunded: int, amount: int) -> tuple[tuple[Draw, ...], int]:
    # A refund undoes a charge from its end: first an overdraft, then the grant that was drawn last.
    backwards = charge_entry.drawn[::-1]
    overdrawn = -charge_entry.amount - sum(draw.amount for draw in backwards)
    undrawn = max(min(overdrawn - refunded, amount), 0)
    _, still_paid = split(backwards, max(refunded - overdrawn, 0))
    given_back, _ = split(still_paid, amount - undrawn)
    return given_back, undrawn


def _open_hold(context: EffectContext) -> Hold | Effect:
    held = context.references.hold
    # A parent's hold ends only together with the member's: an operation without that member does not find it.
    if held is None or held.member != context.member:
        return _refused("hold_not_found")
    if held.status == "open" and not held.is_due(context.now_ms):
        return held
    return _refused(_RESOLVED.get(held.status, "hold_expired"))


def _has_expired(context: EffectContext) -> bool:
    held = context.references.hold
    return held is not None and held.member == context.member and held.status == "expired"


_RESOLVED: Final[Mapping[str, Reason]] = {"captured": "hold_captured", "released": "hold_released"}


def refused_by_parent(approval: ParentApproval) -> Effect:
    """The refusal of an operation that the parent account refuses."""
    return Effect(outcome="refused", reason=approval.refusal, limit={"account": approval.headroom.account})


def given_back(before: Hold, after: Hold) -> Spending:
    """What spending limits no longer count for the hold: what was captured of it, and all of an ended one."""
    return Spending(after.remaining - before.remaining, before.placed_seq, before.through)


def _is_refundable(entry: Entry, context: EffectContext) -> bool:
    return not entry.is_refused and entry.member == context.member


def _origin_of(charge_entry: Entry) -> Origin:
    # As limits counted it: a capture counts through the app, meter and model of its hold, not its own. A hold may have
    # named no model: then the capture's counts.
    if charge_entry.hold is None:
        return Origin(Through(charge_entry.app, charge_entry.meter, charge_entry.model), charge_entry.seq)
    named = charge_entry.origin or {}
    model = named.get("model") or charge_entry.model
    return Origin(Through(named.get("app"), named.get("meter"), model), charge_entry.seq)


def _at_parent(context: EffectContext) -> tuple[str, str] | None:
    approval = context.references.approval
    return None if approval is None or approval.hold is None else (approval.actor, approval.hold)


def _owed(state: AccountState) -> int:
    return max(-state.available, 0)


def _insufficient(context: EffectContext, required: int, most: int | None = None) -> Effect:
    """`most` is the amount that could be taken, if it differs from the headroom."""
    headroom = context.headroom
    return Effect(
        outcome="refused",
        reason="insufficient_credits" if headroom.limit is None else "limit_exceeded",
        shortfall=required - (headroom.amount if most is None else most),
        limit=headroom.decided_by,
    )


def _refused(reason: Reason) -> Effect:
    return Effect(outcome="refused", reason=reason)
