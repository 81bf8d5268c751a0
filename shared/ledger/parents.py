"""Parents: when a member of a team spends, its parent account pays as well, in the same transaction.

Each of the two has a record of its own that can be replayed alone. The member's entry contains the parent's part
(`ParentApproval`). The parent's entry, its counterpart, is an ordinary operation with the exact amount that the member
paid. A parent may be a member itself: then its counterpart has a counterpart.

Theory of operation. Every account that pays is read from the bottom up, the member's state before its parent's. The
headroom of all is known before the decision: a member may spend the smallest headroom among itself and the accounts
above it. The member's effect is computed with that headroom, then the counterpart on the parent with exactly the
member's amount, and so on upwards. All of it is one transaction under the condition on every state, so either all of
them pay or none does.

Example: alice has 50 and a limit of 40 a day, her team has 30, its parent account acme has 100.

    headroom     alice min(50, 40) = 40, team 30, acme 100: the team decides
    charge 35    refused, shortfall 5, limit {"account": "team"}; one entry, alice's: a refusal writes no counterpart
    charge 30    three entries of -30, in one transaction: alice 20, team 0, acme 70 left

A member's refusal says which account decided. A frozen account above is named before one with too few credits, since no
smaller amount would succeed. A parent cannot cause a refusal of a release or a refund: its part is then `declined`, and
the member's proceeds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import Effect, ParentApproval, Position, References
from shared.ledger.counterparts import Counterpart, counterpart_key, held_at_parent
from shared.ledger.entries import Entry
from shared.ledger.headroom import Headroom
from shared.ledger.kinds import KINDS
from shared.ledger.operations import Kind, Operation, Terms, named_charge, named_hold

MAX_PARENTS: Final = 4
"""The most accounts above one that pay with it.

Accounts further up do not pay, nor does an account twice in a cycle.
"""


def parent_of(state: AccountState | None, terms: Terms, references: References) -> str | None:
    """The actor of the account that pays too: today's parent for new spending, else the parent that paid before."""
    counterpart = KINDS[terms.kind].counterpart
    return None if counterpart is None else counterpart.payer(state, terms, references)


def positions(
    account: Account,
    terms: Terms,
    read_state: Callable[[Account], AccountState | None],
    read_named: Callable[[Account, Terms], References],
    below: tuple[str, ...] = (),
) -> tuple[AccountState | None, References]:
    """Reads the input of an operation: the account's own first, then the parent's; each state before what the terms
    name.

    `below` are the actors of the member accounts on the way up.
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


def positions_of_all(
    account: Account,
    each: Sequence[Terms],
    read_state: Callable[[Account], AccountState | None],
    read_named: Callable[[Account, Terms], References],
) -> tuple[AccountState | None, tuple[References, ...]]:
    """The input of several operations of one account. Every item is read once."""
    named: dict[tuple[Account, str | None, str | None], References] = {}

    def read_named_once(of: Account, terms: Terms) -> References:
        name = of, named_hold(terms), named_charge(terms)
        if name not in named:
            named[name] = read_named(of, terms)
        return named[name]

    read_state_once = cache(read_state)
    found = [positions(account, terms, read_state_once, read_named_once) for terms in each]
    return found[0][0], tuple(references for _, references in found)


def is_whole(state: AccountState | None, references: References) -> bool:
    """Whether the states have their policies. If one changed between two reads, both are read again."""
    if state is not None and not state.has_its_policy:
        return False
    above = references.parent
    return above is None or is_whole(above.state, above.references)


def payers(state: AccountState, references: References) -> Iterator[Position]:
    position: Position | None = Position(state, references)
    while position is not None:
        yield position
        position = position.references.parent


def is_payer(parent: str, below: Sequence[str]) -> bool:
    """Whether a parent pays with the accounts below it, which are ordered from the lowest up."""
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
    """The parent's operation for the member's operation, which has `effect`."""
    return Operation(
        account=parent,
        key=counterpart_key(operation.account, operation.key),
        terms=_counterpart(operation.kind).terms(operation, effect, held_at_parent(references)),
        by=operation.by,
        correlation_id=operation.correlation_id,
        app=operation.app,
        meter=operation.meter,
        member=operation.account.actor,
        model=operation.model,
    )


def frozen_above(position: Position) -> str | None:
    """The actor of the nearest frozen account above."""
    above: Position | None = position
    while above is not None:
        if above.state.is_frozen:
            return above.state.account.actor
        above = above.references.parent
    return None


def frozen_approval(approval: ParentApproval, frozen: str) -> ParentApproval:
    """The parent's part if it or an account above it is frozen."""
    return replace(approval, refusal="account_frozen", headroom=replace(approval.headroom, account=frozen))


def answered(approval: ParentApproval, counterpart: Entry) -> ParentApproval:
    """The approval with the result of the counterpart. A parent cannot cause a refusal of a release or a refund."""
    if not counterpart.is_refused:
        held = counterpart.hold if counterpart.kind == "hold" else None
        return approval if held is None else replace(approval, hold=held["id"])
    if _counterpart(counterpart.kind).gives_back:
        return replace(approval, declined=counterpart.reason)
    decided_by = (counterpart.limit or {}).get("account", approval.actor)
    return replace(approval, refusal=counterpart.reason, headroom=replace(approval.headroom, account=decided_by))


def recorded_approval(approval: ParentApproval | None) -> dict[str, Any] | None:
    """The approval as plain values for the member's entry. `approval_from` is the inverse."""
    if approval is None:
        return None
    headroom = approval.headroom
    optional = {
        "account": None if headroom.account == approval.actor else headroom.account,
        "limit": headroom.limit,
        "refusal": approval.refusal,
        "hold": approval.hold,
        "declined": approval.declined,
    }
    present = {name: value for name, value in optional.items() if value is not None}
    return {"actor": approval.actor, "room": headroom.amount, **present}


def approval_from(recorded: Mapping[str, Any] | None) -> ParentApproval | None:
    if recorded is None:
        return None
    actor = recorded["actor"]
    headroom = Headroom(recorded["room"], recorded.get("limit"), recorded.get("account", actor))
    return ParentApproval(actor, headroom, recorded.get("refusal"), recorded.get("hold"), recorded.get("declined"))
