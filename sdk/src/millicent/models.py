"""The answers of the API. Amounts are exact millicents, times have their offset (UTC).

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
    """The part of a charge that one grant paid."""

    grant: str
    amount: Decimal
    priority: int
    category: str
    expires_at: Time | None = None


class Merger(msgspec.Struct, frozen=True, kw_only=True):
    """A grant was merged into another because the account had too many: its amount, and the merged grant's expiry."""

    grant: str
    into: str
    amount: Decimal
    expires_at: Time | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger.

    `amount` is signed (a charge is negative). `outcome` is `applied`, `partial` or `refused`; a refused operation
    changed nothing and has a `reason` and, if it was not the account's own balance, what decided (`limit`).
    `low_balance` are the thresholds that the balance fell below. `parent` is the parent that paid too; `member` in the
    parent's entry is the member. `settings` is what it changed. `rate_card` priced its `usage`, which was of `model`;
    `adjustment` changed that price. `cost_usd` is the cost in dollars as it was given, `cost_money` that in another
    currency, of which `exchange_rate` was used. If the price had a fraction of a microcent, `carry_before` and
    `carry_after` are the carry, in exact millicents. `merged` are two grants that were merged because the account had
    too many. `not_restored` is the part that was not returned because its grants had expired. `occurred_at` is when the
    spending occurred, if the caller said so; `at` is when it was recorded. `charge` is the key of the charge that a
    refund returns, `check_id` the check that came before a charge. `hash` chains the entries of an account.
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
    model: str | None = None
    adjustment: str | None = None
    cost_usd: str | None = None
    cost_money: Mapping[str, str] | None = None
    exchange_rate: Mapping[str, Any] | None = None
    carry_before: str | None = None
    carry_after: str | None = None
    merged: Merger | None = None
    not_restored: Decimal = Decimal(0)
    occurred_at: Time | None = None
    charge: str | None = None
    check_id: str | None = None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The balances of an account after an operation."""

    available: Decimal
    held: Decimal
    funded: Decimal
    spent: Decimal


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Credits with a priority and an expiry; `remaining` of `amount` are left. Lower `priority` is spent first."""

    id: str
    amount: Decimal
    remaining: Decimal
    priority: int
    category: str
    expires_at: Time | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Credits set aside. `status` is `open`, `captured`, `released` or `expired`.

    `captured` is the sum of its captures, `remaining` what is still set aside: 0 once the hold has ended.
    """

    id: str
    actor: str
    amount: Decimal
    captured: Decimal
    remaining: Decimal
    status: str
    expires_at: Time


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A spending limit: at most `amount` through `app`, on `meter` and of `model` (if set) in a `window`, or ever.

    `used` includes holds and resets at `resets_at`; of a rolling window, such as PT5H, the first part leaves then. A
    change of limits shows only what was set, without `used`.
    """

    amount: Decimal
    window: str | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None
    used: Decimal | None = None
    resets_at: Time | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What decided a refusal: a spending limit; the balance of the parent `account`; or, with both, a limit of that
    account.
    """

    account: str | None = None
    amount: Decimal | None = None
    used: Decimal | None = None
    window: str | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None
    resets_at: Time | None = None


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` every `interval`, next at `next_at`, which is absent right after it was set.

    The rest of a period rolls over up to `rollover_maximum` if it is at least `rollover_minimum`.
    """

    amount: Decimal
    interval: str
    priority: int
    rollover_minimum: Decimal
    rollover_maximum: Decimal
    next_at: Time | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that a change has set, without unchanged ones.

    After the end of an allowance or a membership its value is empty.
    """

    # An unchanged setting is UNSET here; None means that it was removed.

    overdraft_limit: Decimal | msgspec.UnsetType = msgspec.UNSET
    low_balance_thresholds: tuple[Decimal, ...] | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType = msgspec.UNSET
    status: str | msgspec.UnsetType = msgspec.UNSET
    limits: tuple[Limit, ...] | msgspec.UnsetType = msgspec.UNSET
    allowance: Allowance | msgspec.UnsetType | None = msgspec.UNSET
    parent: str | msgspec.UnsetType | None = msgspec.UNSET


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the actor may spend: the result that a charge of `minimum` would have.

    `spendable` is the most that a charge could take now: the available credits and the overdraft limit, within every
    limit, of all accounts that pay. `rate_card` priced the usage of the question. If it is refused, `reason` says why,
    `limit` what decided (if not the account's own balance), and the figures are those of the charge's refusal.
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

    `replayed` means that it was recorded before, under the same key, and was not applied again. `shortfall` is what a
    partial charge, or a hold with a minimum, could not take. `hold` is the resulting state of a hold, `grant` the new
    grant, `settings` what was changed.
    """

    entry: Entry
    balance: Balance
    grant: Grant | None = None
    hold: Hold | None = None
    settings: Settings | None = None
    shortfall: Decimal = Decimal(0)
    replayed: bool = False


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account in its present state; `seq` is its newest entry. `parent` is the account that pays with it."""

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


class ListedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account in the list of its tenant, in its present state; `seq` is its newest entry, of `updated_at`.

    `low`: available and held together are below its highest threshold. `updated_at` is null until an account that an
    older release wrote has its next entry.
    """

    actor: str
    available: Decimal
    held: Decimal
    funded: Decimal
    spent: Decimal
    status: str
    seq: int
    updated_at: datetime | None
    low: bool


class AccountPage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of the names. `next` continues the listing and is opaque; the last page has none.

    A page of a filtered listing looks at 400 accounts, so it may be short, or empty, before the last.
    """

    items: tuple[ListedAccount, ...]
    next: str | None = None


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One fault in a request: the JSON path of the field, and its requirement."""

    path: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457) with Millicent's extensions."""

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
    currency: str | None = None
    newest: int | None = None


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one charge of a batch: its `entry`, or the `problem` that prevented it.

    `status` and `problem` are those of a single charge, `unpriced` for a missing price. After 429 and 503 the outcome
    is open: send the charge again, with its key. `key` is absent if the service could not read it.
    """

    key: str | None
    status: int
    replayed: bool = False
    entry: Entry | None = None
    problem: Problem | None = None
    shortfall: Decimal = Decimal(0)

    @property
    def is_open(self) -> bool:
        """Whether its outcome is still unknown."""
        return self.status in {429, 503}


class BatchResults(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of the charges."""

    results: tuple[BatchResult, ...]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """The record under a key: the entry, the `status` of the first answer and, for a refusal, the problem."""

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

    `verified`: True if their sequence is dense and their hash chain is intact; False if a row was altered, or is
    missing for longer than a copy takes; "pending" if all existing rows are correct and copies are on their way.
    `verified_through` is the seq up to which it is True.
    """

    items: tuple[Entry, ...]
    verified: Verified
    verified_through: int | None = None
    next: str | None = None


class AuditTrail(msgspec.Struct, frozen=True, kw_only=True):
    """All pages of an audit: `verified` is that of the worst page."""

    items: tuple[Entry, ...]
    verified: Verified
    verified_through: int | None = None


class Tier(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another price above a number of units."""

    above: str
    price: str


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Millicents for `per` units. Prices are exact decimal texts.

    `graduated` tiers apply to the units above their bound, `volume` tiers to all units, by the number of `tiers_by`.
    Units that are `part_of` other quantities are paid only once.
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
        """All fields but price and per, in words."""
        words = [f"{tier.price} above {tier.above} {self.tiers_by or ''}".rstrip() for tier in self.tiers]
        if self.tiers:
            words.append(self.tier_mode)
        if self.part_of:
            words.append(f"part of {', '.join(self.part_of)}")
        if self.minimum_units is not None:
            words.append(f"at least {self.minimum_units}")
        return "; ".join(words)


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the prices of a model of a meter; `card` names it. The built-in card has no creator.

    `aliases` are further names that the card is for. `matched_model` is given of the card in effect: the model that the
    name was taken for, `provider/model` if it is a known one.
    """

    card: str
    version: int | str
    meter: str
    model: str | None = None
    aliases: tuple[str, ...] = ()
    matched_model: str | None = None
    prices: Mapping[str, Price]
    request_price: str
    minimum_charge: str
    effective_from: Time | None = None
    made_at: Time | None = None
    by: str | None = None


class UsageSums(msgspec.Struct, frozen=True, kw_only=True):
    """The sums charged and refunded in a period; `net` is the difference, `count` the number of charges and captures.

    They are for the named day, app, meter, model, member or actor, or for all entries without one.
    """

    charged: Decimal
    refunded: Decimal
    net: Decimal
    count: int
    day: date | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None
    member: str | None = None
    actor: str | None = None


class PlainSums(msgspec.Struct, frozen=True, kw_only=True):
    """The sums charged and refunded; `net` is the difference, `count` the number of charges and captures."""

    charged: Decimal
    refunded: Decimal
    net: Decimal
    count: int


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


class RatePage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of meter, model and version. `in_effect` is given if the listing is of one card."""

    items: tuple[RateCard, ...]
    next: str | None = None
    in_effect: RateCard | None = None


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an adjustment of the built-in card. A selector that is absent selects everything.

    The price is the list price, times `per_dollar`, times `multiplier`, plus `request_price`, and at least
    `minimum_charge`. All are decimal texts.
    """

    adjustment: str
    name: str
    version: int
    multiplier: str
    request_price: str
    minimum_charge: str
    per_dollar: str
    active: bool
    effective_from: Time
    made_at: Time
    by: str
    meter: str | None = None
    provider: str | None = None
    model: str | None = None
    service_tier: str | None = None
    currency: str | None = None


class AdjustmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of name and version. `in_effect` names the versions in effect now."""

    items: tuple[Adjustment, ...]
    next: str | None = None
    in_effect: tuple[str, ...] = ()


class CurrencyRate(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the rate of a currency: what one unit of it is worth in dollars, a decimal text."""

    currency: str
    version: int
    rate: str
    effective_from: Time
    made_at: Time
    by: str


class CurrencyPage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of currency and version. `in_effect` names the versions in effect now."""

    items: tuple[CurrencyRate, ...]
    next: str | None = None
    in_effect: tuple[str, ...] = ()


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """Units at one price, exact decimal texts.

    `item` is a quantity, `request` or `minimum_charge`; or `service_tier`, `currency`, `adjustment`,
    `adjustment_request` or `adjustment_minimum`, which say what was adjusted.
    """

    item: str
    units: str
    price: str
    per: int
    amount: str


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The price of usage: `amount`, rounded once from the sum of `items`, by the rate card `card`.

    `hold` is the amount that a hold of the usage sets aside: its highest possible price. For an estimate that is the
    amount too. If an account was given, the amount is that of its next operation including its carry: `carry_before`
    and `carry_after`, in exact millicents.
    """

    amount: Decimal
    hold: Decimal
    card: str
    items: tuple[LineItem, ...]
    adjustment: str | None = None
    carry_before: str | None = None
    carry_after: str | None = None


class ActivityItem(msgspec.Struct, frozen=True, kw_only=True):
    """An entry or a check (`type`) of the tenant in a few words; `id` is that of its event.

    Of an entry `outcome`, `amount` and all else are as in Entry, `hold` is the hold's id, `low_balance` the thresholds
    that it fell below. A check is `allowed` or `refused` and has `check_id` and the `minimum` that was asked for.
    """

    type: str
    id: str
    actor: str
    at: Time
    kind: str
    outcome: str
    available_after: Decimal
    reason: str | None = None
    amount: Decimal | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None
    by: str | None = None
    key: str | None = None
    seq: int | None = None
    hold: str | None = None
    member: str | None = None
    low_balance: tuple[Decimal, ...] = ()
    check_id: str | None = None
    minimum: Decimal | None = None


class ActivityPage(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `next` continues to older items and is opaque; the last page has none.

    A page can be short, even empty, before the end. `newer` is for `newer_than`: a listing of what came since then, or
    not long before, so that it repeats some items.
    """

    items: tuple[ActivityItem, ...]
    newer: str
    next: str | None = None


class LowAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that fell below `threshold` at `at` and is below it now."""

    actor: str
    threshold: Decimal
    available: Decimal
    at: Time


class RefusedCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often operations and checks of an actor were refused for a reason."""

    actor: str
    reason: str
    count: int


class Refusals(msgspec.Struct, frozen=True, kw_only=True):
    """Refusals since a time, the most frequent first. `complete`: that is a day, and these are all."""

    since: Time
    complete: bool
    items: tuple[RefusedCount, ...]


class ExpiringHold(msgspec.Struct, frozen=True, kw_only=True):
    """An open hold: `remaining` of its `amount` are set aside until `expires_at`."""

    actor: str
    id: str
    amount: Decimal
    remaining: Decimal
    expires_at: Time


class ExpiringHolds(msgspec.Struct, frozen=True, kw_only=True):
    """Open holds that expire within 15 minutes, the first first. `complete`: these are all."""

    complete: bool
    items: tuple[ExpiringHold, ...]


class FailureQueue(msgspec.Struct, frozen=True, kw_only=True):
    """A failure queue of the deployment that is not empty."""

    name: str
    messages: int


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at in the tenant. `low_complete`: no other account fell low since `refused.since`.

    `failure_queues` are told to administrators; otherwise `withheld` says why they are not.
    """

    low: tuple[LowAccount, ...]
    low_complete: bool
    refused: Refusals
    expiring_holds: ExpiringHolds
    failure_queues: tuple[FailureQueue, ...] | None = None
    withheld: Mapping[str, str] | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The service answers; `status` is `ok`."""

    status: str


# msgspec inspects a type at its first use. Two threads doing that at once could crash the process, so it is done here,
# in one thread.
for _kind in [kind for kind in vars().values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]:
    msgspec.json.Decoder(_kind)
