"""Holds: credits set aside for work whose cost is not known yet, and refunds of charges that were.

A hold ends once: captured, released or expired. It remembers which grants it was drawn from, so that what returns goes
back to where it came from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from shared.ledger.grants import (
    DEFAULT_PRIORITY,
    MAX_REOPENED,
    Draw,
    Grant,
    Grants,
    add_grant,
    draw_down_rank,
    lasting_longest,
)

HoldStatus: TypeAlias = Literal["open", "captured", "released", "expired"]

DEFAULT_TTL_S: Final = 600
MAX_OPEN_HOLDS: Final = 10_000
"""Of one account: as many can be returned, and counted, at a time."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Through which app, on which meter and by which entry something was spent that is now given back or captured."""

    app: str | None = None
    meter: str | None = None
    seq: int = 0

    @property
    def named(self) -> dict[str, str | None] | None:
        """What an entry says of it; None where there is neither app nor meter."""
        return {"app": self.app, "meter": self.meter} if self.app or self.meter else None


NOWHERE: Final = Origin()


@dataclass(frozen=True, slots=True)
class HeldPrice:
    """By which card and version, for which model, and as of when the usage of a hold was priced."""

    rate_card: str
    model: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Hold:
    """`amount` microcents set aside until `expires_at_ms`, exclusive. `seq`: of the entry that last changed it.

    It was placed through `app` and on `meter`. `parent` is the actor of the parent account that holds as much, and the
    id of its hold; `member` that of the member whose hold this one of a parent account goes with. `price` is there
    where usage was held: what is captured of it has that price.
    """

    id: str
    amount: int
    captured: int
    status: HoldStatus
    expires_at_ms: int
    drawn: tuple[Draw, ...]
    seq: int
    app: str | None = None
    meter: str | None = None
    parent: tuple[str, str] | None = None
    member: str | None = None
    price: HeldPrice | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.app, self.meter, self.placed_seq)

    @property
    def placed_seq(self) -> int:
        """A hold is named by the entry that placed it."""
        return int(self.id[1:])

    @property
    def summary(self) -> dict[str, int | str]:
        """What an entry says of it."""
        return {
            "id": self.id,
            "amount": self.amount,
            "captured": self.captured,
            "status": self.status,
            "expires_at_ms": self.expires_at_ms,
        }

    def is_due(self, now_ms: int) -> bool:
        return self.status == "open" and self.expires_at_ms <= now_ms


@dataclass(frozen=True, slots=True)
class RefundTally:
    """How much of a charge was given back so far."""

    charge_key: str
    refunded: int
    seq: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of credits that were given back: the grants with them, and how much had expired in the meantime."""

    grants: Grants
    returned: tuple[Draw, ...]
    lapsed: int


def split(drawn: Sequence[Draw], amount: int) -> tuple[tuple[Draw, ...], tuple[Draw, ...]]:
    """The draws that make up the first `amount`, and those that make up the rest, in order."""
    first: list[Draw] = []
    rest: list[Draw] = []
    for draw in drawn:
        taken = min(draw.amount, amount)
        amount -= taken
        if taken:
            first.append(replace(draw, amount=taken))
        if taken < draw.amount:
            rest.append(replace(draw, amount=draw.amount - taken))
    return tuple(first), tuple(rest)


def restore(
    grants: Grants, drawn: Sequence[Draw], undrawn: int, owed: int, at: tuple[int, int], apart: int | None = None
) -> Restored:
    """Gives draws back to the grants that they came from.

    `undrawn` is the part that no grant had paid (an overdraft), `owed` what the account owes now, `at` the seq and time
    of the entry, `apart` the grant of the running allowance. What comes back first pays what is owed, in draw-down
    order; a grant that has expired stays so, and its part lapses; what belongs to no grant any more opens a purchased
    one.
    """
    seq, now_ms = at
    live = sorted((draw for draw in drawn if not _has_lapsed(draw, now_ms)), key=draw_down_rank)
    lapsed = sum(draw.amount for draw in drawn) - sum(draw.amount for draw in live)
    owed_to_undrawn = max(owed - undrawn, 0)
    _, returned = split(live, owed_to_undrawn)
    for draw in returned:
        grants = _give_back(grants, draw, apart)
    unclaimed = undrawn - min(owed, undrawn)
    if unclaimed:
        grants = add_grant(grants, Grant(seq, unclaimed, unclaimed, DEFAULT_PRIORITY, "purchased", None))
    return Restored(grants, returned, lapsed)


def _has_lapsed(draw: Draw, now_ms: int) -> bool:
    return draw.expires_at_ms is not None and draw.expires_at_ms <= now_ms


def _give_back(grants: Grants, draw: Draw, apart: int | None) -> Grants:
    for grant in grants:
        if grant.seq == draw.grant_seq:
            return _with_more(grants, grant, draw.amount)
    # The grant was spent to the end and closed.
    reopened = Grant(draw.grant_seq, draw.amount, draw.amount, draw.priority, draw.category, draw.expires_at_ms)
    opened = add_grant(grants, reopened, apart)
    return opened if len(opened) <= MAX_REOPENED else _with_more(grants, lasting_longest(grants), draw.amount)


def _with_more(grants: Grants, grant: Grant, amount: int) -> Grants:
    remaining = grant.remaining + amount
    # One that was closed meanwhile has forgotten what it was made with: it is at least what is in it.
    grown = replace(grant, amount=max(grant.amount, remaining), remaining=remaining)
    return tuple(grown if each is grant else each for each in grants)
