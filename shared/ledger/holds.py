"""Holds: credits set aside for work of unknown cost. Also refunds of charges.

A hold ends once: captured, released or expired. It remembers the grants that it was drawn from, so that its credits
return to them. Until it ends it may be captured in parts: the first parts take the first draws.

    placed 100, drawn 60 from g1, then 40 from g2    60 of g1 and 40 of g2 are left
    a part of 75                                     drawn 60 from g1 and 15 from g2; 25 of g2 are left
    released                                         25 return to g2
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.frozen import dataclass
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
from shared.ledger.models import UNNAMED, Through

HoldStatus: TypeAlias = Literal["open", "captured", "released", "expired"]

DEFAULT_TTL_S: Final = 600
MAX_OPEN_HOLDS: Final = 10_000
"""Per account. The number bounds how many are listed and returned at a time."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The app, meter, model and entry through which the amount that is now captured or refunded was spent."""

    through: Through = UNNAMED
    seq: int = 0

    @property
    def named(self) -> dict[str, Any] | None:
        """The origin as an entry shows it; None without app, meter and model."""
        app, meter, model = self.through
        if not any(self.through):
            return None
        return {"app": app, "meter": meter} | ({} if model is None else {"model": model})


NOWHERE: Final = Origin()


@dataclass(frozen=True, slots=True)
class HeldPrice:
    """The rate card, the model, the time, the adjustment and the service tier by which a hold's usage was priced."""

    rate_card: str
    model: str | None
    at_ms: int
    adjustment: str | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """`amount` microcents set aside until `expires_at_ms`, exclusive. `seq` is the entry that last changed it.

    `captured` is the sum of its captures, including what they took beyond the hold. It was placed through `app`, on
    `meter` and, if its usage was priced, of `model`. `parent` is the actor of the parent account and the id of its hold
    of the same amount. `member` is set on a parent's hold: the member whose hold it accompanies. `price` is set if
    usage was held: the capture is priced by it.
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
    model: str | None = None

    @property
    def through(self) -> Through:
        return Through(self.app, self.meter, self.model)

    @property
    def origin(self) -> Origin:
        return Origin(self.through, self.placed_seq)

    @property
    def placed_seq(self) -> int:
        """The entry that placed the hold; the hold's id contains it."""
        return int(self.id[1:])

    @property
    def uncaptured(self) -> int:
        """What its captures have left of its amount; an ended hold does not hold it any more."""
        return max(self.amount - self.captured, 0)

    @property
    def remaining(self) -> int:
        """What it still sets aside."""
        return self.uncaptured if self.status == "open" else 0

    @property
    def left(self) -> tuple[tuple[Draw, ...], int]:
        """The draws that no capture has taken, and the uncaptured part that no grant paid (an overdraft).

        Grants pay for a hold first, so an overdraft is its last part.
        """
        _, draws = split(self.drawn, self.captured)
        return draws, self.uncaptured - sum(draw.amount for draw in draws)

    @property
    def summary(self) -> dict[str, int | str]:
        """The hold as an entry shows it."""
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
    """The refunded amount of a charge so far."""

    charge_key: str
    refunded: int
    seq: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of returning credits: the new grants, the draws returned, and the amount that had expired."""

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
    """Returns draws to the grants that they came from.

    `undrawn` is the part that no grant paid (an overdraft), `owed` what the account owes now, `at` the seq and time of
    the entry, `apart` the grant of the running allowance. Returned credits first pay what is owed, in draw-down order.
    The part of an expired grant expires too. Credits that belong to no grant open a purchased one.
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
    # The grant was used up and closed.
    reopened = Grant(draw.grant_seq, draw.amount, draw.amount, draw.priority, draw.category, draw.expires_at_ms)
    opened = add_grant(grants, reopened, apart)
    return opened if len(opened) <= MAX_REOPENED else _with_more(grants, lasting_longest(grants), draw.amount)


def _with_more(grants: Grants, grant: Grant, amount: int) -> Grants:
    remaining = grant.remaining + amount
    # A grant that was closed meanwhile has lost its original amount: use at least what it contains now.
    grown = replace(grant, amount=max(grant.amount, remaining), remaining=remaining)
    return tuple(grown if each is grant else each for each in grants)
