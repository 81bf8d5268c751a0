"""Grants: the lots that credits came in, each with a priority, an expiry and a category.

A collection of grants is a tuple in draw-down order: priority (lower first), then earliest expiry, then earliest
created. A grant is created by the entry whose `seq` it carries, so the order of creation is the order of seq.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

Category: TypeAlias = Literal["purchased", "promotional", "allowance"]

MAX_OPEN_GRANTS: Final = 16
MAX_REOPENED: Final = 32
"""Giving back is never refused, so it may open more, up to this many: STATE and entries keep within bounds."""
DEFAULT_PRIORITY: Final = 10
_NEVER_MS: Final = 2**63


@dataclass(frozen=True, slots=True)
class Grant:
    """A lot of credits. `remaining` of `amount` microcents are left; unusable at `expires_at_ms` and after."""

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
    """`amount` microcents moved out of (or, on a refund, back into) a grant. Carries all that would restore it."""

    grant_seq: int
    amount: int
    priority: int
    category: Category
    expires_at_ms: int | None

    @property
    def grant_id(self) -> str:
        return f"g{self.grant_seq}"


def draw_down(grants: Grants, amount: int) -> tuple[Grants, tuple[Draw, ...]]:
    """Takes `amount` from the grants in order. What they cannot give is left to the caller: an overdraft."""
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
    """Takes `amount` back in reverse order: a correction of the funding first takes what would last be spent."""
    left, draws = draw_down(grants[::-1], amount)
    return left[::-1], draws


def add_grant(grants: Grants, grant: Grant, apart: int | None = None) -> Grants:
    """Puts a grant in its place; one alike in priority, expiry and category grows instead, so that few stay open.

    `apart` is the seq of one that is known by its id, the running allowance: it joins no other, and none joins it.
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
    """An open grant became part of another for want of room: what it still had, under the later expiry of the two."""

    seq: int
    into_seq: int
    amount: int
    expires_at_ms: int | None

    @property
    def summary(self) -> dict[str, Any]:
        """What an entry says of it."""
        return {
            "grant": f"g{self.seq}",
            "into": f"g{self.into_seq}",
            "amount": self.amount,
            "expires_at_ms": self.expires_at_ms,
        }


def make_room(grants: Grants, apart: int | None) -> tuple[Grants, Merger] | None:
    """Makes one of the two grants of one category and priority whose expiries are nearest; None where none are alike.

    The later expiry counts, in the customer's favour; of several pairs that are as near the one that is spent first.
    What was drawn from the other before, and comes back, comes back as it was drawn. `apart` as for `add_grant`.
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
    """Splits off what has expired. The instant of expiry itself is too late."""
    left = tuple(grant for grant in grants if not is_due(grant, now_ms))
    return left, tuple(_draw(grant, grant.remaining) for grant in grants if is_due(grant, now_ms))


def is_due(grant: Grant, now_ms: int) -> bool:
    return grant.expires_at_ms is not None and grant.expires_at_ms <= now_ms


def in_draw_down_order(grants: Iterable[Grant]) -> Grants:
    return tuple(sorted(grants, key=draw_down_rank))


def lasting_longest(grants: Grants) -> Grant:
    """The one that expires last; of several such the one that is spent last."""
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
