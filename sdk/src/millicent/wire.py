"""The parts of a request as the API spells them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from millicent.amounts import Amount, Dollars, wire_text
from millicent.ids import in_path
from millicent.keys import new_key

IfInsufficient: TypeAlias = Literal["refuse", "overdraw", "partial"]
Overrun: TypeAlias = Literal["refuse", "charge", "partial", "overdraw"]
IfExpired: TypeAlias = Literal["refuse", "charge", "overdraw"]
Category: TypeAlias = Literal["purchased", "promotional", "allowance"]
Grouping: TypeAlias = Literal["meter", "app", "model", "member", "day"]
TenantGrouping: TypeAlias = Literal["actor", "meter", "app", "model", "day"]

Status: TypeAlias = Literal["open", "frozen"]
Window: TypeAlias = Literal["hour", "day", "week", "month"]
Interval: TypeAlias = Literal["daily", "weekly", "monthly"]

Wire: TypeAlias = Mapping[str, object]
"""A part of a request in its JSON form."""

Usage: TypeAlias = Mapping[str, object]
"""A meter, a model and quantities: `{"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}`.

Or a provider's report: `{"provider": "openai", "model": response.model, "raw": response.usage.model_dump()}`.
"""

NULL: Final = msgspec.Raw(b"null")
"""The value of a member that is sent as null; a member that is None is not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCharge:
    """One cost of a batch, or the `usage` that a rate card prices, or `cost_usd`, with its own idempotency key.

    `occurred_at`, with its offset, is the time of the work, as in `Millicent.charge`. With a `hold` it is charged from
    what is left of that hold, which stays open; `overrun` and `if_expired` are those of `Millicent.capture`.
    """

    actor: str
    cost: Amount | None = None
    usage: Usage | None = None
    cost_usd: Dollars | None = None
    occurred_at: datetime | None = None
    if_insufficient: IfInsufficient = "refuse"
    check_id: str | None = None
    app: str | None = None
    meter: str | None = None
    metadata: Mapping[str, Any] | None = None
    hold: str | None = None
    overrun: Overrun | None = None
    if_expired: IfExpired | None = None
    key: str = field(default_factory=new_key)

    @property
    def wire(self) -> dict[str, object]:
        """The JSON form of the API."""
        members = {each.name: getattr(self, each.name) for each in fields(self)} | {
            "cost": optional_amount(self.cost),
            "cost_usd": optional_dollars(self.cost_usd),
            "occurred_at": optional_instant(self.occurred_at),
            # A part of a hold has overrun in its place.
            "if_insufficient": self.if_insufficient if self.hold is None else None,
        }
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingLimit:
    """At most `amount` through `app`, on `meter` and of `model` (None: any) in every `window`; None: ever.

    A window is an hour, day, week or month, or rolls: then it is its length as an ISO 8601 duration, such as PT5H.
    """

    amount: Amount
    window: Window | str | None = None
    app: str | None = None
    meter: str | None = None
    model: str | None = None

    @property
    def wire(self) -> Wire:
        """The JSON form of the API."""
        scope = {"window": self.window, "app": self.app, "meter": self.meter}
        return {"amount": wire_text(self.amount), **scope, **({} if self.model is None else {"model": self.model})}


def account_path(actor: str) -> str:
    return f"/v1/accounts/{in_path(actor)}"


def optional_amount(amount: Amount | None) -> str | None:
    return None if amount is None else wire_text(amount)


def optional_dollars(dollars: Dollars | None) -> str | None:
    """A text stays as it is: the record keeps it as it was given. Raises TypeError and ValueError as wire_text does."""
    plain = optional_amount(dollars)
    return dollars if isinstance(dollars, str) else plain


def optional_instant(at: datetime | None) -> str | None:
    """RFC 3339. Raises ValueError for a time without offset, which would be ambiguous."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"{at} has no offset: give a time zone")
    return at.isoformat()


def optional_day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
