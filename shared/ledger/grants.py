"""Grants: lots of credits, each with a priority, an expiry and a category.

A collection of grants is a tuple in draw-down order: priority (lower first), then earliest expiry, then earliest
created. A grant is created by the entry whose `seq` it carries, so the order of creation is the order of seq.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.frozen import dataclass

Category: TypeAlias = Literal["purchased", "promotional", "allowance"]

MAX_OPEN_GRANTS: Final = 16
MAX_REOPENED: Final = 32
"""A refund or release is never refused, so it may reopen grants up to this number: it bounds STATE and entries."""
DEFAULT_PRIORITY: Final = 10
_NEVER_MS: Final = 2**63


@dataclass(frozen=True, slots=True)
class Grant:
    """A lot of credits. `remaining` of `amount` microcents are left; it cannot be spent at `expires_at_ms` or after."""

    seq: int
    amount: int
    remaining: int
    priority: int
    category: Category
    expires_at_ms: int | None

    @property
    def id(self) -> str:
        return f"g{self.seq}"


Grants: TypeAlias = tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Draw:
    """`amount` microcents moved out of a grant, or back into it on a refund.

    Contains all that restoring the grant needs.
    """

    grant_seq: int
    amount: int
    priority: int
    category: Category
    expires_at_ms: int | None

    @property
    def grant_id(self) -> str:
        return f"g{self.grant_seq}"


def draw_down(grants: Grants, amount: int) -> tuple[Grants, tuple[Draw, ...]]:
    """Takes `amount` from the grants in order. The caller handles what the grants lack: an overdraft."""
    left: list[Grant] = []
    draws: list[Draw] = []
    for grant in grants:
        taken = min(grant.remaining, amount)
        amount -= taken
        if taken:
            draws.append(_draw(grant, taken))
        if taken < grant.remaining:
            left.append(replace(grant, remaining=grant.remaining - taken) if taken else grant)
    return tuple(left), tuple(draws)


def withdraw(grants: Grants, amount: int) -> tuple[Grants, tuple[Draw, ...]]:
    """Takes `amount` back in reverse order: a reduced funding first takes what would be spent last."""
    left, draws = draw_down(grants[::-1], amount)
    return left[::-1], draws


def add_grant(grants: Grants, grant: Grant, apart: int | None = None) -> Grants:
    """Adds a grant, or increases one with the same priority, expiry and category, so that few stay open.

    `apart` is the seq of the running allowance's grant, which is never merged: its id must stay.
    """
    if not grant.remaining:
        return grants
    for index, other in enumerate(grants):
        if _mergeable(other, grant) and apart not in {other.seq, grant.seq}:
            grown = replace(other, amount=other.amount + grant.amount, remaining=other.remaining + grant.remaining)
            return (*grants[:index], grown, *grants[index + 1 :])
    return in_draw_down_order((*grants, grant))


@dataclass(frozen=True, slots=True)
class Merger:
    """An open grant was merged into another because the account had too many: its amount, and the later expiry of the
    two.
    """

    seq: int
    into_seq: int
    amount: int
    expires_at_ms: int | None

    @property
    def summary(self) -> dict[str, Any]:
        """The merger as an entry shows it."""
        return {
            "grant": f"g{self.seq}",
            "into": f"g{self.into_seq}",
            "amount": self.amount,
            "expires_at_ms": self.expires_at_ms,
        }


def make_room(grants: Grants, apart: int | None) -> tuple[Grants, Merger] | None:
    """Merges the two grants of one category and priority with the nearest expiries; None if no two share both.

    The later expiry applies, in the customer's favour. Among equally near pairs, the one that is spent first is merged.
    A refund of an earlier draw restores the grant as it was drawn. `apart` as for `add_grant`.
    """
    lasting = sorted((grant for grant in grants if grant.seq != apart), key=_in_groups)
    pairs = [(one, other) for one, other in pairwise(lasting) if _in_groups(one)[:2] == _in_groups(other)[:2]]
    if not pairs:
        return None
    sooner, later = min(pairs, key=lambda pair: (_expiry(pair[1]) - _expiry(pair[0]), draw_down_rank(pair[0])))
    grown = replace(later, amount=later.amount + sooner.amount, remaining=later.remaining + sooner.remaining)
    left = in_draw_down_order([grown, *(grant for grant in grants if grant.seq not in {sooner.seq, later.seq})])
    return left, Merger(sooner.seq, later.seq, sooner.remaining, later.expires_at_ms)


def _in_groups(grant: Grant) -> tuple[str, int, int, int]:
    return grant.category, grant.priority, _expiry(grant), grant.seq


def _expiry(grant: Grant) -> int:
    return _NEVER_MS if grant.expires_at_ms is None else grant.expires_at_ms


def expire_due(grants: Grants, now_ms: int) -> tuple[Grants, tuple[Draw, ...]]:
    """Splits off the expired grants. A grant is expired at the very instant of its expiry."""
    left = tuple(grant for grant in grants if not is_due(grant, now_ms))
    return left, tuple(_draw(grant, grant.remaining) for grant in grants if is_due(grant, now_ms))


def is_due(grant: Grant, now_ms: int) -> bool:
    return grant.expires_at_ms is not None and grant.expires_at_ms <= now_ms


def in_draw_down_order(grants: Iterable[Grant]) -> Grants:
    return tuple(sorted(grants, key=draw_down_rank))


def lasting_longest(grants: Grants) -> Grant:
    """The grant that expires last; among equals, the one that is spent last."""
    return max(
        grants,
        key=lambda grant: (_NEVER_MS if grant.expires_at_ms is None else grant.expires_at_ms, *draw_down_rank(grant)),
    )


def draw_down_rank(of: "Grant | Draw") -> tuple[int, int, int]:
    seq = of.seq if isinstance(of, Grant) else of.grant_seq
    return of.priority, _NEVER_MS if of.expires_at_ms is None else of.expires_at_ms, seq


def _mergeable(one: Grant, other: Grant) -> bool:
    return (one.priority, one.expires_at_ms, one.category) == (
        other.priority,
        other.expires_at_ms,
        other.category,
    )


def _draw(grant: Grant, amount: int) -> Draw:
    return Draw(grant.seq, amount, grant.priority, grant.category, grant.expires_at_ms)
