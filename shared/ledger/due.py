"""What is due: holds that are over, refills of the allowance, and grants that expire, in the order of their instants.

Nobody wakes an account up when something falls due. It is done before the next operation, and a reader sees it as done.
The order of the instants decides who pays, so nothing is left for later because an operation is covered anyway:

    10:00  a hold of 100 for a minute, drawn from a promotion that lapses at 12:00; 100 purchased are there too
    11:00  a charge of 80

    returned first     the promotion has 100 again since 10:01 and pays 80; 20 lapse at 12:00, and 100 are left
    returned later     the purchased 100 pay 80; 100 of the promotion lapse at 12:00, and 20 are left

At one instant holds come first, then the refill, then the grants that expire: a hold that ends with its grant returns
nothing to it, and what rolls over is taken from a grant before that is gone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.ledger.accounts import AccountState
from shared.ledger.grants import Grant
from shared.ledger.holds import Hold
from shared.ledger.operations import Expire, RefillAllowance
from shared.ledger.policies import Allowance, Policy

_NEVER_MS: Final = 2**63


@dataclass(frozen=True, slots=True)
class DueHolds:
    """What a listing of an account's open holds says: those that are due, in the order in which they were over.

    `next_ms` is when the first of the others is over, `listed` how many there were of both. A listing may trail the
    state by a moment; it is whole where it has as many holds as the state counts.
    """

    holds: tuple[Hold, ...] = ()
    next_ms: int | None = None
    listed: int = 0


NONE_DUE: Final = DueHolds()


@dataclass(frozen=True, slots=True)
class Due:
    """The terms of what the ledger does by itself, and the hold that they return."""

    terms: Expire | RefillAllowance
    hold: Hold | None = None


def in_due_order(holds: Sequence[Hold]) -> tuple[Hold, ...]:
    """The order in which holds are over; of those that are over together the one that was placed first."""
    return tuple(sorted(holds, key=lambda hold: (hold.expires_at_ms, hold.placed_seq)))


def may_hold_what_is_due(state: AccountState, now_ms: int) -> bool:
    """Whether open holds have to be looked at. The state knows no more than a bound."""
    bound_ms = state.next_hold_expiry_ms
    return bound_ms is not None and bound_ms <= now_ms


def first_due(state: AccountState, holds: Sequence[Hold], now_ms: int) -> Due | None:
    """The first thing that is due by `now_ms`; None where nothing is. `holds` are the due ones, in due order."""
    over_ms = holds[0].expires_at_ms if holds else _NEVER_MS
    refill_ms = _refill_ms(state.policy)
    expiry_ms = _NEVER_MS if state.next_expiry_ms is None else state.next_expiry_ms
    first_ms = min(over_ms, refill_ms, expiry_ms)
    if first_ms > now_ms:
        return None
    if over_ms == first_ms:
        return Due(Expire(holds[0].id), holds[0])
    if refill_ms == first_ms:
        # Refills of several periods in a row are one entry.
        return Due(_refill(state, min(now_ms, over_ms - 1)))
    # So are grants that expire in a row: all that have by now, unless something else comes in between.
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
