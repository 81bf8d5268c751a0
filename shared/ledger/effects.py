"""Effects: what each kind of operation does to an account, one pure function a kind.

A function is given the state, the terms, what the terms name, and the time. It returns an Effect: signed changes of the
balances and what replaces what; the reducer makes the entry and the new state of it. Amounts are microcents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry
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
from shared.ledger.holds import Hold, RefundTally, Restored, restore, split
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Expire,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    Outcome,
    PlaceHold,
    Reason,
    Refund,
    ReleaseHold,
    VoidGrant,
)


@dataclass(frozen=True, slots=True)
class References:
    """What the terms of an operation name, as it stands: the hold, or the charge and what was refunded of it so far."""

    hold: Hold | None = None
    charge: Entry | None = None
    tally: RefundTally | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Signed changes of the balances; grants, hold and tally that replace the present ones (None: unchanged).

    `amount` is the figure on the entry; `drawn` the grants that paid or, for what gives back, that got it back;
    `shortfall` what was missing to the amount that was asked for.
    """

    amount: int = 0
    available: int = 0
    held: int = 0
    funded: int = 0
    spent: int = 0
    expired: int = 0
    grants: Grants | None = None
    hold: Hold | None = None
    tally: RefundTally | None = None
    drawn: tuple[Draw, ...] = ()
    outcome: Outcome = "applied"
    reason: Reason | None = None
    shortfall: int = 0


def charge(state: AccountState, terms: Charge, _references: References, _now_ms: int) -> Effect:
    takes = terms.cost
    outcome: Outcome = "applied"
    if terms.cost > max(state.spendable, 0):
        if terms.if_insufficient == "refuse":
            return _insufficient(state, terms.cost)
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


def refund(state: AccountState, terms: Refund, references: References, now_ms: int) -> Effect:
    charge_entry = references.charge
    if charge_entry is None or charge_entry.kind not in ("charge", "capture") or charge_entry.is_refused:
        return _refused("charge_not_found")
    refunded = references.tally.refunded if references.tally else 0
    left = -charge_entry.amount - refunded
    amount = left if terms.amount is None else terms.amount
    if not left or amount > left:
        return _refused("exceeds_charge")
    given_back, undrawn = _last_paid(charge_entry, refunded, amount)
    restored = _restore(state, given_back, undrawn, now_ms)
    return Effect(
        amount=amount,
        available=amount - restored.lapsed,
        spent=-amount,
        expired=restored.lapsed,
        grants=restored.grants,
        tally=RefundTally(terms.charge, refunded + amount, state.seq + 1),
        drawn=restored.returned,
    )


def funding_update(state: AccountState, terms: FundingUpdate, _references: References, _now_ms: int) -> Effect:
    if state.funded != terms.old_amount:
        return _refused("funding_conflict")
    difference = terms.new_amount - terms.old_amount
    if difference >= 0:
        return _funded(state, Grant(state.seq + 1, difference, difference, DEFAULT_PRIORITY, "purchased", None))
    if state.spendable + difference < 0 and not terms.force:
        return _refused("would_overdraw")
    grants, drawn = withdraw(state.grants, -difference)
    return Effect(amount=difference, available=difference, funded=difference, grants=grants, drawn=drawn)


def grant(state: AccountState, terms: GrantCredits, _references: References, now_ms: int) -> Effect:
    if terms.expires_at_ms is not None and terms.expires_at_ms <= now_ms:
        raise InvalidOperation("expires_at", "in the future")
    return _funded(
        state,
        Grant(state.seq + 1, terms.amount, terms.amount, terms.priority, terms.category, terms.expires_at_ms),
    )


def void(state: AccountState, terms: VoidGrant, _references: References, _now_ms: int) -> Effect:
    voided = next((each for each in state.grants if each.id == terms.grant), None)
    if voided is None:
        return _refused("grant_not_found")
    taken = voided.remaining
    others = tuple(each for each in state.grants if each is not voided)
    _, drawn = draw_down((voided,), taken)
    return Effect(amount=-taken, available=-taken, funded=-taken, grants=others, drawn=drawn)


def hold(state: AccountState, terms: PlaceHold, _references: References, now_ms: int) -> Effect:
    spendable = max(state.spendable, 0)
    least = terms.amount if terms.minimum_amount is None else terms.minimum_amount
    if spendable < least:
        return _insufficient(state, least)
    takes = min(terms.amount, spendable)
    grants, drawn = draw_down(state.grants, takes)
    seq = state.seq + 1
    return Effect(
        amount=-takes,
        available=-takes,
        held=takes,
        grants=grants,
        drawn=drawn,
        hold=Hold(f"h{seq}", takes, 0, "open", now_ms + terms.ttl_ms, drawn, seq),
        outcome="applied" if takes == terms.amount else "partial",
        shortfall=terms.amount - takes,
    )


def extend(state: AccountState, terms: ExtendHold, references: References, now_ms: int) -> Effect:
    held = _open_hold(references, now_ms)
    if isinstance(held, Effect):
        return held
    later_ms = max(held.expires_at_ms, now_ms + terms.ttl_ms)
    return Effect(hold=replace(held, expires_at_ms=later_ms, seq=state.seq + 1))


def capture(state: AccountState, terms: CaptureHold, references: References, now_ms: int) -> Effect:
    held = _open_hold(references, now_ms)
    if isinstance(held, Effect):
        return held
    amount = held.amount if terms.amount is None else terms.amount
    excess = max(amount - held.amount, 0)
    if excess and terms.overrun == "refuse":
        return _refused("exceeds_hold")
    if excess > max(state.spendable, 0):
        return _insufficient(state, excess)
    paid, rest = split(held.drawn, amount)
    restored = _restore(state, rest, _undrawn_rest(held, amount), now_ms)
    grants, paid_beyond = draw_down(restored.grants, excess)
    returned = max(held.amount - amount, 0)
    return Effect(
        amount=-amount,
        available=returned - restored.lapsed - excess,
        held=-held.amount,
        spent=amount,
        expired=restored.lapsed,
        grants=grants,
        hold=replace(held, captured=amount, status="captured", seq=state.seq + 1),
        drawn=paid + paid_beyond,
    )


def release(state: AccountState, _terms: ReleaseHold, references: References, now_ms: int) -> Effect:
    held = _open_hold(references, now_ms)
    if isinstance(held, Effect):
        return held
    return _returned(state, replace(held, status="released", seq=state.seq + 1), now_ms)


def expire(state: AccountState, terms: Expire, references: References, now_ms: int) -> Effect:
    if terms.hold is not None:
        return _expire_hold(state, references.hold, now_ms)
    grants, drawn = expire_due(state.grants, now_ms)
    gone = sum(draw.amount for draw in drawn)
    return Effect(amount=-gone, available=-gone, expired=gone, grants=grants, drawn=drawn)


def _expire_hold(state: AccountState, held: Hold | None, now_ms: int) -> Effect:
    if held is None or not held.is_due(now_ms):
        raise InvalidOperation("hold", "open and due")
    return _returned(state, replace(held, status="expired", seq=state.seq + 1), now_ms)


def _funded(state: AccountState, credited: Grant) -> Effect:
    # Credits first pay what the account owes from an overdraft; the grant keeps the rest. So the sum of the grants is
    # what is available, as long as anything is.
    kept = replace(credited, remaining=max(credited.amount - _owed(state), 0))
    grants = add_grant(state.grants, kept)
    if len(grants) > max(MAX_OPEN_GRANTS, len(state.grants)):
        return _refused("too_many_grants")
    return Effect(amount=credited.amount, available=credited.amount, funded=credited.amount, grants=grants)


def _returned(state: AccountState, resolved: Hold, now_ms: int) -> Effect:
    restored = _restore(state, resolved.drawn, _undrawn_rest(resolved, 0), now_ms)
    returned = resolved.amount - restored.lapsed
    return Effect(
        amount=returned,
        available=returned,
        held=-resolved.amount,
        expired=restored.lapsed,
        grants=restored.grants,
        hold=resolved,
        drawn=restored.returned,
    )


def _restore(state: AccountState, drawn: tuple[Draw, ...], undrawn: int, now_ms: int) -> Restored:
    return restore(state.grants, drawn, undrawn, _owed(state), (state.seq + 1, now_ms))


def _last_paid(charge_entry: Entry, refunded: int, amount: int) -> tuple[tuple[Draw, ...], int]:
    # Refunds undo a charge from its end: an overdraft first, then the grant that was drawn last.
    backwards = charge_entry.drawn[::-1]
    overdrawn = -charge_entry.amount - sum(draw.amount for draw in backwards)
    undrawn = max(min(overdrawn - refunded, amount), 0)
    _, still_paid = split(backwards, max(refunded - overdrawn, 0))
    given_back, _ = split(still_paid, amount - undrawn)
    return given_back, undrawn


def _undrawn_rest(held: Hold, amount: int) -> int:
    # Grants pay for a hold first, so its overdraft is its last part.
    overdrawn = held.amount - sum(draw.amount for draw in held.drawn)
    return max(min(overdrawn, held.amount - amount), 0)


def _open_hold(references: References, now_ms: int) -> Hold | Effect:
    held = references.hold
    if held is None:
        return _refused("hold_not_found")
    if held.status == "open" and not held.is_due(now_ms):
        return held
    return _refused(_RESOLVED.get(held.status, "hold_expired"))


_RESOLVED: Final[Mapping[str, Reason]] = {"captured": "hold_captured", "released": "hold_released"}


def _owed(state: AccountState) -> int:
    return max(-state.available, 0)


def _insufficient(state: AccountState, required: int) -> Effect:
    return _refused("insufficient_credits", shortfall=required - state.spendable)


def _refused(reason: Reason, shortfall: int = 0) -> Effect:
    return Effect(outcome="refused", reason=reason, shortfall=shortfall)
