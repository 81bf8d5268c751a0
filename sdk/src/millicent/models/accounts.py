"""An account and what belongs to it: grants, holds, limits, allowance, settings."""

from datetime import datetime
from decimal import Decimal

import msgspec

from millicent.models.times import Time


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
