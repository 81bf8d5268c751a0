"""What the API answers. Amounts are exact millicents, times carry their offset (UTC).

Fields that a later version of the API adds are ignored, so that an older client keeps working.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its offset."""
Verified: TypeAlias = Literal["pending"] | bool


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """What one grant paid."""

    grant: str
    amount: Decimal
    priority: int
    category: str
    expires_at: Time | None = None


class Merger(msgspec.Struct, frozen=True, kw_only=True):
    """For want of room a grant became part of another: what it still had, and until when that lasts now."""

    grant: str
    into: str
    amount: Decimal
    expires_at: Time | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger.

    `amount` is signed (a charge is negative). `outcome` is `applied`, `partial` or `refused`; a refused operation moved
    nothing and says its `reason` and, where it was not the account's own balance, what decided (`limit`). `low_balance`
    are the thresholds that the balance fell below. `parent` is the parent that paid too; the entry there says whose it
    was (`member`). `settings` is what it changed. `rate_card` is what priced its `usage`; where that was worth no
    whole number of microcents, `carry_before` and `carry_after` say what is carried, in exact millicents. `merged` are
    two grants that became one for want of room. `not_restored` is what it did not give back, because the grants that
    had paid have expired. `hash` chains the entries of an account.
    """

    key: str
    seq: int
    kind: str
    actor: str
    by: str
    amount: Decimal
    available_before: Decimal
    available_after: Decimal
    held_before: Decimal
    held_after: Decimal
    at: Time
    outcome: str
    hash: str
    app: str | None = None
    drawn: tuple[Draw, ...] = ()
    meter: str | None = None
    metadata: Mapping[str, Any] | None = None
    reason: str | None = None
    hold: "Hold | None" = None
    settings: "Settings | None" = None
    low_balance: tuple[Decimal, ...] = ()
    limit: "Decision | None" = None
    member: str | None = None
    parent: str | None = None
    usage: Mapping[str, Any] | None = None
    rate_card: str | None = None
    carry_before: str | None = None
    carry_after: str | None = None
    merged: Merger | None = None
    not_restored: Decimal = Decimal(0)


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """An account's money after an operation."""

    available: Decimal
    held: Decimal
    funded: Decimal
    spent: Decimal


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A lot of credits; `remaining` of `amount` are left. Lower `priority` is spent first."""

    id: str
    amount: Decimal
    remaining: Decimal
    priority: int
    category: str
    expires_at: Time | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Credits set aside. `status` is `open`, `captured`, `released` or `expired`."""

    id: str
    actor: str
    amount: Decimal
    captured: Decimal
    status: str
    expires_at: Time


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A spending limit: at most `amount` through `app` and on `meter` (where it names them), a `window` or ever.

    `used` includes holds and resets at `resets_at`. A change of limits shows what it set, and not what is used.
    """

    amount: Decimal
    window: str | None = None
    app: str | None = None
    meter: str | None = None
    used: Decimal | None = None
    resets_at: Time | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What decided a refusal: a spending limit; the balance of the `account` above; or, with both, a limit of that."""

    account: str | None = None
    amount: Decimal | None = None
    used: Decimal | None = None
    window: str | None = None
    app: str | None = None
    meter: str | None = None
    resets_at: Time | None = None


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` every `interval`, next at `next_at`, which is absent where it was only just set.

    What is left rolls over up to `rollover_maximum`, where it is `rollover_minimum` at least.
    """

    amount: Decimal
    interval: str
    priority: int
    rollover_minimum: Decimal
    rollover_maximum: Decimal
    next_at: Time | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of settings has set. What it left as it was is not in it; where an allowance was ended, or a parent
    left, its value is empty.
    """

    # Not in it is UNSET here, empty is None.

    overdraft_limit: Decimal | msgspec.UnsetType = msgspec.UNSET
    low_balance_thresholds: tuple[Decimal, ...] | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType = msgspec.UNSET
    status: str | msgspec.UnsetType = msgspec.UNSET
    limits: tuple[Limit, ...] | msgspec.UnsetType = msgspec.UNSET
    allowance: Allowance | msgspec.UnsetType | None = msgspec.UNSET
    parent: str | msgspec.UnsetType | None = msgspec.UNSET


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the actor may go ahead: what a charge of `minimum` would be told.

    `spendable` is the most that a charge could take now: what is available and may be overdrawn, within every limit, by
    all who pay. `rate_card` is what priced the usage that was asked for. Where it is refused `reason` says why, `limit`
    what decides, if not the account's own balance, and the figures are those of the charge's refusal.
    """

    allowed: bool
    actor: str
    minimum: Decimal
    available: Decimal
    held: Decimal
    check_id: str
    spendable: Decimal | None = None
    reason: str | None = None
    rate_card: str | None = None
    required: Decimal | None = None
    shortfall: Decimal | None = None
    largest_affordable: Decimal | None = None
    limit: Decision | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded mutation: its entry and the balance after it.

    `replayed` says that it had been recorded before, under the same key, and that nothing was applied again.
    `shortfall` is what a partial charge, or a hold with a minimum, could not take. `hold` is what the operation made of
    a hold, `grant` the grant that it made, `settings` what it changed.
    """

    entry: Entry
    balance: Balance
    grant: Grant | None = None
    hold: Hold | None = None
    settings: Settings | None = None
    shortfall: Decimal = Decimal(0)
    replayed: bool = False


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it is now; `seq` is the number of its newest entry. `parent` is the account that pays with it."""

    actor: str
    available: Decimal
    held: Decimal
    funded: Decimal
    spent: Decimal
    overdraft_limit: Decimal
    seq: int
    grants: tuple[Grant, ...] = ()
    holds: tuple[Hold, ...] = ()
    status: str = "open"
    time_zone: str = "UTC"
    low_balance_thresholds: tuple[Decimal, ...] = ()
    limits: tuple[Limit, ...] = ()
    allowance: Allowance | None = None
    parent: str | None = None


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One fault in a request: the JSON path of the field and what it should be."""

    path: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457) with the members that Millicent adds."""

    status: int
    code: str | None = None
    title: str | None = None
    detail: str | None = None
    errors: tuple[FieldError, ...] = ()
    required: Decimal | None = None
    available: Decimal | None = None
    held: Decimal | None = None
    shortfall: Decimal | None = None
    funded: Decimal | None = None
    reason: str | None = None
    largest_affordable: Decimal | None = None
    limit: Decision | None = None
    meter: str | None = None
    model: str | None = None
    newest: int | None = None


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one charge of a batch: its `entry`, or the `problem` that kept it from being one.

    `status` and `problem` are what the charge would have been answered alone, `unpriced` for one. 429 and 503 leave it
    open: send it again, with its key. There is no `key` where the service could not read it.
    """

    key: str | None
    status: int
    replayed: bool = False
    entry: Entry | None = None
    problem: Problem | None = None
    shortfall: Decimal = Decimal(0)

    @property
    def is_open(self) -> bool:
        """Whether nothing certain is known of it yet."""
        return self.status in {429, 503}


class BatchResults(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of the charges."""

    results: tuple[BatchResult, ...]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded under a key: the entry, the `status` that was first answered and, of a refusal, the problem."""

    entry: Entry
    balance: Balance
    status: int
    problem: Problem | None = None


class EntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `next` continues the listing and is opaque; the last page has none."""

    items: tuple[Entry, ...]
    next: str | None = None


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of the audit table, newest first.

    `verified`: True where their sequence is dense and their chain of hashes holds; False where something was altered,
    or is missing for longer than a copy takes; "pending" where all that is there holds and copies are on their way.
    `verified_through` is the seq up to which it is True.
    """

    items: tuple[Entry, ...]
    verified: Verified
    verified_through: int | None = None
    next: str | None = None


class AuditTrail(msgspec.Struct, frozen=True, kw_only=True):
    """The pages of an audit put together: `verified` as that of a page, and only if every page is."""

    items: tuple[Entry, ...]
    verified: Verified
    verified_through: int | None = None


class Tier(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another price above so many units."""

    above: str
    price: str


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Millicents for `per` units. Prices are exact decimal texts.

    `graduated` tiers hold for the units above their bound, `volume` tiers for all units, by the number of `tiers_by`.
    What is `part_of` other quantities is paid for once.
    """

    price: str
    per: int
    tiers: tuple[Tier, ...] = ()
    tier_mode: str = "graduated"
    tiers_by: str | None = None
    part_of: tuple[str, ...] = ()
    minimum_units: str | None = None

    @property
    def more(self) -> str:
        """All but price and per, in words."""
        words = [f"{tier.price} above {tier.above} {self.tiers_by or ''}".rstrip() for tier in self.tiers]
        if self.tiers:
            words.append(self.tier_mode)
        if self.part_of:
            words.append(f"part of {', '.join(self.part_of)}")
        if self.minimum_units is not None:
            words.append(f"at least {self.minimum_units}")
        return "; ".join(words)


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the prices of a model of a meter; `card` names it. The built-in one was made by nobody."""

    card: str
    version: int | str
    meter: str
    model: str | None = None
    prices: Mapping[str, Price]
    request_price: str
    minimum_charge: str
    effective_from: Time | None = None
    made_at: Time | None = None
    by: str | None = None


class UsageSums(msgspec.Struct, frozen=True, kw_only=True):
    """What was charged and given back in a period; `net` is the difference, `count` the number of charges and captures.

    They are of the day, app, meter or member that is named, or of all that names none.
    """

    charged: Decimal
    refunded: Decimal
    net: Decimal
    count: int
    day: date | None = None
    app: str | None = None
    meter: str | None = None
    member: str | None = None


class UsagePage(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """What was spent in some days of UTC, of which the first and the last are included.

    Every entry up to seq `counted_through` is in the sums, and later ones may be. `next` continues the listing and is
    opaque; the last page has none.
    """

    actor: str
    group_by: str
    first: date
    last: date
    items: tuple[UsageSums, ...]
    counted_through: int
    next: str | None = None


class RatePage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of meter, model and version. `in_effect` of one card, where the listing is of one."""

    items: tuple[RateCard, ...]
    next: str | None = None
    in_effect: RateCard | None = None


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """Units at one price, exact decimal texts; `item` is a quantity, `request` or `minimum_charge`."""

    item: str
    units: str
    price: str
    per: int
    amount: str


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What usage is worth: `amount`, rounded once from the sum of `items`, by the rate card `card`.

    `hold` is what a hold of it sets aside: the most that it can be worth, however it turns out. Of an estimate that is
    the amount too. Where it was asked for an account, the amount is what its next operation takes with what is carried:
    `carry_before` it and `carry_after` it, in exact millicents.
    """

    amount: Decimal
    hold: Decimal
    card: str
    items: tuple[LineItem, ...]
    carry_before: str | None = None
    carry_after: str | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The service answers; `status` is `ok`."""

    status: str


# msgspec looks into a type when it is first read. Two threads that read their first answers at once could meet a half
# of that, which ends the process: so it is done here, where there is one.
for _kind in [kind for kind in vars().values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]:
    msgspec.json.Decoder(_kind)
