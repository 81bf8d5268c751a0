"""What is due: expired holds, refills of the allowance, and expired grants, in the order of their instants.

Nothing runs when an item falls due. The next operation applies it first, and a reader sees it as applied. The order of
the instants decides which grant pays, so every due item is applied, even if the operation is covered without it:

    10:00  a hold of 100 for a minute, drawn from a promotion that expires at 12:00; the account also has 100 purchased
    11:00  a charge of 80

    returned first     the promotion has 100 again since 10:01 and pays 80; 20 expire at 12:00, and 100 are left
    returned later     the purchased 100 pay 80; 100 of the promotion expire at 12:00, and 20 are left

At one instant holds come first, then the refill, then the expiring grants: a hold that expires with its grant returns
nothing to it, and a rollover is taken from a grant before that grant expires.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from shared.ledger.accounts import AccountState
from shared.ledger.frozen import dataclass
from shared.ledger.grants import Grant
from shared.ledger.holds import Hold
from shared.ledger.operations import Expire, RefillAllowance
from shared.ledger.policies import Allowance, Policy

_NEVER_MS: Final = 2**63


@dataclass(frozen=True, slots=True)
class DueHolds:
    """The listing of an account's open holds: the due ones, in the order of their expiry.

    `next_ms` is the first expiry of the others; `listed` counts both. The listing may be slightly behind the state; it
    is complete if it has as many holds as the state counts.
    """

    holds: tuple[Hold, ...] = ()
    next_ms: int | None = None
    listed: int = 0


NONE_DUE: Final = DueHolds()


@dataclass(frozen=True, slots=True)
class Due:
    """The terms of an operation of the ledger itself, and the hold that it returns."""

    terms: Expire | RefillAllowance
    hold: Hold | None = None


def in_due_order(holds: Sequence[Hold]) -> tuple[Hold, ...]:
    """By expiry; holds with the same expiry in the order in which they were placed."""
    return tuple(sorted(holds, key=lambda hold: (hold.expires_at_ms, hold.placed_seq)))


def may_hold_what_is_due(state: AccountState, now_ms: int) -> bool:
    """Whether the open holds must be read. The state has only a lower bound of the next expiry."""
    bound_ms = state.next_hold_expiry_ms
    return bound_ms is not None and bound_ms <= now_ms


def first_due(state: AccountState, holds: Sequence[Hold], now_ms: int) -> Due | None:
    """The first item that is due by `now_ms`, or None. `holds` are the due holds, in due order."""
    over_ms = holds[0].expires_at_ms if holds else _NEVER_MS
    refill_ms = _refill_ms(state.policy)
    expiry_ms = _NEVER_MS if state.next_expiry_ms is None else state.next_expiry_ms
    first_ms = min(over_ms, refill_ms, expiry_ms)
    if first_ms > now_ms:
        return None
    if over_ms == first_ms:
        return Due(Expire(holds[0].id), holds[0])
    if refill_ms == first_ms:
        # Consecutive refills become one entry.
        return Due(_refill(state, min(now_ms, over_ms - 1)))
    # Consecutive expiries of grants become one entry too, up to the next hold or refill.
    until_ms = min(over_ms, refill_ms) - 1
    due_at_ms = sorted(each for each in _expiries(state.grants) if each <= now_ms)
    if due_at_ms[-1] <= until_ms:
        return Due(Expire())
    return Due(Expire(due_at_ms=max(each for each in due_at_ms if each <= until_ms)))


def _refill_ms(policy: Policy | None) -> int:
    allowance = policy.allowance if policy else None
    return _NEVER_MS if allowance is None else allowance.next_at_ms


def _refill(state: AccountState, until_ms: int) -> RefillAllowance:
    policy, allowance = _given(state.policy)
    running = _running_grant(state.grants, policy)
    until_ms = min(until_ms, *_expiries(each for each in state.grants if each is not running), _NEVER_MS)
    remaining = running.remaining if running else 0
    owed = max(-state.available, 0)
    is_first = policy.given_seq is None
    added, next_at_ms = allowance.due_by(until_ms, policy.time_zone, remaining, owed, is_first=is_first)
    return RefillAllowance(remaining + added, allowance.priority, next_at_ms, running.id if running else None)


def _given(policy: Policy | None) -> tuple[Policy, Allowance]:
    if policy is None or policy.allowance is None:
        raise ValueError("only an account with an allowance has refills")
    return policy, policy.allowance


def _running_grant(grants: Iterable[Grant], policy: Policy) -> Grant | None:
    return next((each for each in grants if each.seq == policy.given_seq), None)


def _expiries(grants: Iterable[Grant]) -> Iterator[int]:
    return (grant.expires_at_ms for grant in grants if grant.expires_at_ms is not None)


def corrected(due: DueHolds, known: Iterable[Hold], now_ms: int) -> DueHolds:
    """The listing without holds that are not due according to newer reads: the index may be behind the table."""
    newer = {hold.id: hold for hold in known}
    holds = tuple(newer.get(hold.id, hold) for hold in due.holds)
    if holds == due.holds:
        return due
    return DueHolds(in_due_order([hold for hold in holds if hold.is_due(now_ms)]))


def left_of(due: DueHolds, returned: int) -> DueHolds:
    return replace(due, holds=due.holds[returned:], listed=due.listed - returned) if returned else due
