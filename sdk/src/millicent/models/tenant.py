"""What happens in the whole tenant, what to look at in it, and whether the service answers."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from millicent.models.times import Time


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
