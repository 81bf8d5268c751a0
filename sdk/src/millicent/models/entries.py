"""What is on the record, and the answers to those who put it there or ask whether they may."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from millicent.models.accounts import Balance, Grant, Hold, Settings
from millicent.models.times import Time, Verified


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
    hold: Hold | None = None
    settings: Settings | None = None
    low_balance: tuple[Decimal, ...] = ()
    limit: Decision | None = None
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
