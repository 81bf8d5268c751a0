"""Parents: what a member of a team or organisation spends, its parent account pays as well, in the same transaction.

Each of the two keeps a record of its own that can be replayed alone. The member's entry says what the parent said
(`Backing`); the parent's entry, its counterpart, is an operation like any other, exact where the member's was not. A
parent may be a member itself: then its counterpart has a counterpart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import Backing, Effect, Position, References
from shared.ledger.counterparts import Counterpart, counterpart_key, held_at_parent
from shared.ledger.entries import Entry
from shared.ledger.headroom import Room
from shared.ledger.kinds import KINDS
from shared.ledger.operations import Kind, Operation, Terms

MAX_PARENTS: Final = 4
"""Accounts above one that pay with it. Those further up do not, nor does one again that is above itself."""


def parent_of(state: AccountState | None, terms: Terms, references: References) -> str | None:
    """The actor of the account that pays too: today's parent for what is new, the one that paid for what is not."""
    counterpart = KINDS[terms.kind].counterpart
    return None if counterpart is None else counterpart.payer(state, terms, references)


def positions(
    account: Account,
    terms: Terms,
    read_state: Callable[[Account], AccountState | None],
    read_named: Callable[[Account, Terms], References],
    below: tuple[str, ...] = (),
) -> tuple[AccountState | None, References]:
    """Reads what decides an operation, each state before what it guards: the account's own and then the parent's.

    `below` are the actors of the accounts that it comes from.
    """
    state = read_state(account)
    references = read_named(account, terms)
    actor = parent_of(state, terms, references)
    if actor is None or not is_payer(actor, path := (*below, account.actor)):
        return state, references
    parent = Account(account.tenant, actor)
    named = _named_at_parent(account, terms, references)
    parent_state, parent_references = positions(parent, named, read_state, read_named, path)
    return state, replace(references, parent=Position(parent_state or AccountState(parent), parent_references))


def is_payer(parent: str, below: Sequence[str]) -> bool:
    """Whether a parent pays with the accounts below it, the lowest first."""
    return len(below) <= MAX_PARENTS and parent not in below


def _named_at_parent(account: Account, terms: Terms, references: References) -> Terms:
    """Terms that name, in the parent account, the counterpart of what the member's terms name."""
    return _counterpart(terms.kind).names(account, terms, references)


def _counterpart(kind: Kind) -> Counterpart:
    counterpart = KINDS[kind].counterpart
    if counterpart is None:
        raise ValueError(f"a {kind} concerns the account alone")
    return counterpart


def counterpart_of(operation: Operation, effect: Effect, parent: Account, references: References) -> Operation:
    """The operation on the parent that goes with the member's, which has `effect`."""
    return Operation(
        account=parent,
        key=counterpart_key(operation.account, operation.key),
        terms=_counterpart(operation.kind).terms(operation, effect, held_at_parent(references)),
        by=operation.by,
        correlation_id=operation.correlation_id,
        app=operation.app,
        meter=operation.meter,
        member=operation.account.actor,
    )


def frozen_above(position: Position) -> str | None:
    """The actor of the nearest of the accounts above that is frozen."""
    above: Position | None = position
    while above is not None:
        if above.state.policy is not None and above.state.policy.status == "frozen":
            return above.state.account.actor
        above = above.references.parent
    return None


def frozen_backing(backing: Backing, frozen: str) -> Backing:
    """What the parent says where it or one further up is frozen."""
    return replace(backing, refusal="account_frozen", room=replace(backing.room, account=frozen))


def answered(backing: Backing, counterpart: Entry) -> Backing:
    """The backing with what became of the counterpart. What gives back is never refused for the parent's sake."""
    if not counterpart.is_refused:
        held = counterpart.hold if counterpart.kind == "hold" else None
        return backing if held is None else replace(backing, hold=held["id"])
    if _counterpart(counterpart.kind).gives_back:
        return replace(backing, declined=counterpart.reason)
    decided_by = (counterpart.limit or {}).get("account", backing.actor)
    return replace(backing, refusal=counterpart.reason, room=replace(backing.room, account=decided_by))


def recorded_backing(backing: Backing | None) -> dict[str, Any] | None:
    """What the member's entry says of the parent, as plain values. `backing_from` is the way back."""
    if backing is None:
        return None
    room = backing.room
    optional = {
        "account": None if room.account == backing.actor else room.account,
        "limit": room.limit,
        "refusal": backing.refusal,
        "hold": backing.hold,
        "declined": backing.declined,
    }
    present = {name: value for name, value in optional.items() if value is not None}
    return {"actor": backing.actor, "room": room.amount, **present}


def backing_from(recorded: Mapping[str, Any] | None) -> Backing | None:
    if recorded is None:
        return None
    actor = recorded["actor"]
    room = Room(recorded["room"], recorded.get("limit"), recorded.get("account", actor))
    return Backing(actor, room, recorded.get("refusal"), recorded.get("hold"), recorded.get("declined"))
