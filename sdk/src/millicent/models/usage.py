"""Sums of spending, of an account and of the tenant."""

from datetime import date
from decimal import Decimal

import msgspec

from millicent.models.times import Time


class PlainSums(msgspec.Struct, frozen=True, kw_only=True):
    """The sums charged and refunded; `net` is the difference, `count` the number of charges and captures."""

    charged: Decimal
    refunded: Decimal
    net: Decimal
    count: int


class UsageSums(PlainSums, frozen=True, kw_only=True):
    """The sums charged and refunded in a period; `net` is the difference, `count` the number of charges and captures.

    They are for the named day, app, meter, model, member or actor, or for all entries without one.
    """

    day: date | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None
    member: str | None = None
    actor: str | None = None


class TenantUsagePage(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """The spending of all accounts of the tenant in a range of UTC days, first and last inclusive.

    What a member spends is on its own account and on its parent's, so it is in the sums twice: `through_members` is the
    part that parents paid. The sums last changed at `counted_at`. `next` continues the listing and is opaque; the last
    page has none.
    """

    group_by: str
    first: date
    last: date
    items: tuple[UsageSums, ...]
    through_members: PlainSums
    counted_at: Time | None = None
    next: str | None = None


class UsagePage(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """The spending in a range of UTC days, first and last inclusive.

    All entries up to seq `counted_through` are in the sums; later ones may be. `next` continues the listing and is
    opaque; the last page has none.
    """

    actor: str
    group_by: str
    first: date
    last: date
    items: tuple[UsageSums, ...]
    counted_through: int
    next: str | None = None
