"""Counterparts: a parent account's part in a member's operation.

When a member of a team spends, the team pays as well. Each kind of operation that a parent takes part in has a
`Counterpart`: who the parent is, what the terms name there, and the terms of the parent's own operation.

    alice charges 40            team charges 40, exactly
    alice holds up to 50, 30    team holds 30: exactly what the member got
    alice captures h7           team captures the hold that it placed for h7
    alice refunds key "a"       team refunds "~alice~a"
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias, cast

from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import Effect, References
from shared.ledger.frozen import dataclass
from shared.ledger.operations import CaptureHold, Charge, ExtendHold, Operation, PlaceHold, Refund, ReleaseHold, Terms

Payer: TypeAlias = Callable[[AccountState | None, Terms, References], str | None]
"""Returns the actor of the account that takes part; None if there is none. The state is the member's."""


@dataclass(frozen=True, slots=True)
class Counterpart:
    """How a parent takes part in one kind of operation.

    `names` returns terms that name, in the parent account, the counterpart of what the member's terms name. `terms`
    returns the terms of the parent's operation, from the member's operation, its effect and the id of the parent's
    hold.

    `gives_back`: the parent cannot cause a refusal of the member's operation. `shared_amount` is what both entries
    agree on: their amount, or the amount of the hold if each returns only what has not expired.
    """

    payer: Payer
    names: Callable[[Account, Terms, References], Terms]
    terms: Callable[[Operation, Effect, str], Terms]
    gives_back: bool = False
    shared_amount: Literal["amount", "hold"] = "amount"


def counterpart_key(member: Account, key: str) -> str:
    """The key of the parent's entry. Callers cannot use it: "~" is not allowed in their keys."""
    return f"~{member.actor}~{key}"


def held_at_parent(references: References) -> str:
    """The id of the hold that the parent placed with the member's; "" if it placed none."""
    held = references.hold
    return held.parent[1] if held is not None and held.parent is not None else ""


def _parent_of_today(state: AccountState | None, _terms: Terms, _references: References) -> str | None:
    return state.policy.parent if state and state.policy else None


def _parent_of_open_hold(_state: AccountState | None, _terms: Terms, references: References) -> str | None:
    held = references.hold
    return held.parent[0] if held and held.status == "open" and held.parent else None


def _parent_of_captured_hold(state: AccountState | None, terms: Terms, references: References) -> str | None:
    """Includes the parent of an expired hold, if the capture charges it."""
    held = references.hold
    settles = cast("CaptureHold", terms).if_expired in {"charge", "overdraw"}
    if settles and held is not None and held.status == "expired":
        return held.parent[0] if held.parent else None
    return _parent_of_open_hold(state, terms, references)


def _parent_that_paid(_state: AccountState | None, _terms: Terms, references: References) -> str | None:
    paid = references.charge.parent if references.charge is not None else None
    return None if paid is None or paid.get("refusal") else str(paid["actor"])


def _nothing(_account: Account, _terms: Terms, _references: References) -> Terms:
    return Charge(0)


def _hold(_account: Account, terms: Terms, references: References) -> Terms:
    # The terms stay unchanged: they decide whether an account further up pays for an expired hold.
    held = held_at_parent(references)
    return replace(cast("CaptureHold | ReleaseHold | ExtendHold", terms), hold=held) if held else Charge(0)


def _charge(account: Account, terms: Terms, _references: References) -> Terms:
    return Refund(counterpart_key(account, cast("Refund", terms).charge))


def _charged(operation: Operation, effect: Effect, _held: str) -> Terms:
    # The member may charge a part; the parent charges exactly that part.
    terms = cast("Charge", operation.terms)
    may_overdraw = terms.if_insufficient == "overdraw"
    return Charge(-effect.amount, "overdraw" if may_overdraw else "refuse", occurred_at_ms=terms.occurred_at_ms)


def _placed(operation: Operation, effect: Effect, _held: str) -> Terms:
    return PlaceHold(-effect.amount, cast("PlaceHold", operation.terms).ttl_ms)


def _captured(operation: Operation, effect: Effect, held: str) -> Terms:
    terms = cast("CaptureHold", operation.terms)
    exact = "charge" if terms.overrun == "partial" else terms.overrun
    return CaptureHold(
        held,
        -effect.amount,
        exact,
        if_expired=terms.if_expired,
        occurred_at_ms=terms.occurred_at_ms,
        final=terms.final,
    )


def _released(_operation: Operation, _effect: Effect, held: str) -> Terms:
    return ReleaseHold(held)


def _extended(operation: Operation, _effect: Effect, held: str) -> Terms:
    return ExtendHold(held, cast("ExtendHold", operation.terms).ttl_ms)


def _refunded(operation: Operation, effect: Effect, _held: str) -> Terms:
    return Refund(counterpart_key(operation.account, cast("Refund", operation.terms).charge), effect.amount)


OF_CHARGE = Counterpart(_parent_of_today, _nothing, _charged)
OF_HOLD = Counterpart(_parent_of_today, _nothing, _placed)
OF_CAPTURE = Counterpart(_parent_of_captured_hold, _hold, _captured)
OF_RELEASE = Counterpart(_parent_of_open_hold, _hold, _released, gives_back=True, shared_amount="hold")
OF_EXTENSION = Counterpart(_parent_of_open_hold, _hold, _extended, shared_amount="hold")
OF_REFUND = Counterpart(_parent_that_paid, _charge, _refunded, gives_back=True)
