"""A charge with a key in its body, or a part of a hold: of a batch, or of the ingest queue."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.exact_json import MAX_BODY_BYTES
from shared.edge.usage_request import UsageDocument, given, metered_by, one_of, read_usage
from shared.edge.validation import (
    Dollars,
    Identifier,
    Metadata,
    Microcents,
    MoneyText,
    Time,
    convert,
    given_ms,
    schema_named,
)
from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass
from shared.ledger.money import microcents_of
from shared.ledger.operations import CaptureHold, Charge, IfExpired, IfInsufficient, Operation, Overrun
from shared.ledger.remainders import rounded

AccountOf: TypeAlias = Callable[[str], Account]
"""The account that an actor's charges go to."""

CurrencyCode: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z", description='the three letters of a currency, such as "EUR"')
]
MoneyDocument: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(description="a JSON object with currency and amount", extra_json_schema=schema_named("Money")),
]

_Charged = TypeVar("_Charged", bound=Charge | CaptureHold)


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount of a currency."""

    currency: CurrencyCode
    amount: MoneyText


class CostRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cost that was spent, the `usage` that a rate card prices, or a cost in dollars or another currency."""

    actor: Identifier
    cost: Microcents | msgspec.UnsetType = msgspec.UNSET
    usage: UsageDocument | msgspec.UnsetType = msgspec.UNSET
    cost_usd: Dollars | msgspec.UnsetType = msgspec.UNSET
    cost_money: MoneyDocument | msgspec.UnsetType = msgspec.UNSET
    if_insufficient: IfInsufficient = "refuse"
    check_id: Identifier | None = None
    app: Identifier | None = None
    meter: Identifier | None = None
    metadata: Metadata | None = None
    occurred_at: Time | None = None


class KeyedCost(CostRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """With a `hold` it is a part of that hold, which stays open; `overrun` and `if_expired` are those of a capture."""

    key: Identifier
    hold: Identifier | None = None
    overrun: Overrun | None = None
    if_expired: IfExpired | None = None


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, in which request, and the charge's place in that request."""

    by: str
    correlation_id: str
    root: str = "$"


def charge(request: CostRequest, account: Account, key: str, asked: RequestContext) -> Operation:
    """A charge of a cost, or of usage without a price yet. Raises ValidationFailed."""
    terms = Charge(given(request.cost) or 0, request.if_insufficient, request.check_id)
    return _operation(request, terms, account, key, asked)


def part_of_hold(request: KeyedCost, account: Account, hold: str, asked: RequestContext) -> Operation:
    """The same as a capture of the hold with `final: false`. Raises ValidationFailed."""
    _require_absent(asked.root, ("if_insufficient", "check_id"), request, "with hold, where overrun decides")
    # The defaults are those of a capture, so that either call answers the key of the other.
    if_expired = None if request.if_expired == "refuse" else request.if_expired
    terms = CaptureHold(hold, given(request.cost), request.overrun or "refuse", if_expired=if_expired, final=False)
    return _operation(request, terms, account, request.key, asked)


def _require_absent(root: str, names: Iterable[str], request: KeyedCost, when: str) -> None:
    """Raises ValidationFailed if one of the members is given other than by its default."""
    given_ones = [name for name in names if getattr(request, name) not in {None, "refuse"}]
    if given_ones:
        raise ValidationFailed([FieldError(f"{root}.{name}", f"must be omitted {when}") for name in given_ones])


def _operation(
    request: CostRequest, terms: Charge | CaptureHold, account: Account, key: str, asked: RequestContext
) -> Operation:
    amounts = ("cost", "usage", "cost_usd", "cost_money")
    one_of({name: getattr(request, name) for name in amounts}, asked.root)
    usage = read_usage(request.usage, f"{asked.root}.usage")
    if usage is not None or request.occurred_at is not None:
        content = None if usage is None else usage.content
        terms = replace(terms, usage=content, occurred_at_ms=given_ms(request.occurred_at))
    return Operation(
        account=account,
        key=key,
        terms=in_money(terms, request.cost_usd, request.cost_money, asked.root),
        by=asked.by,
        correlation_id=asked.correlation_id,
        app=request.app,
        meter=metered_by(request.meter, usage, asked.root),
        metadata=request.metadata,
    )


def in_money(
    terms: _Charged,
    cost_usd: Dollars | msgspec.UnsetType,
    cost_money: MoneyDocument | msgspec.UnsetType,
    root: str = "$",
) -> _Charged:
    """The terms with the cost in dollars as their amount, or with one in another currency, which has no price yet."""
    if not isinstance(cost_usd, msgspec.UnsetType):
        amount, remainder = rounded(microcents_of(cost_usd))
        return replace(terms, **_amount_of(terms, amount), remainder=remainder or None, cost_usd=str(cost_usd))
    if not isinstance(cost_money, msgspec.UnsetType):
        money = convert(cost_money, Money, root=f"{root}.cost_money")
        return replace(terms, cost_money={"amount": str(money.amount), "currency": money.currency})
    return terms


def _amount_of(terms: Charge | CaptureHold, amount: int) -> dict[str, Any]:
    return {"cost" if isinstance(terms, Charge) else "amount": amount}


def keyed_charge(document: object, account_of: AccountOf, asked: RequestContext) -> Operation:
    """The charge in an exactly parsed document. Raises ValidationFailed and the errors of `account_of`."""
    if not isinstance(document, Mapping):
        raise ValidationFailed([FieldError(asked.root, "must be a JSON object")])
    request = convert(document, KeyedCost, root=asked.root)
    # An entry is also an event and an audit row, so its metadata may be as large as in a single charge, but not larger.
    if len(msgspec.json.encode(request.metadata)) > MAX_BODY_BYTES:
        fault = FieldError(f"{asked.root}.metadata", f"must have at most {MAX_BODY_BYTES} bytes as JSON")
        raise ValidationFailed([fault])
    account = account_of(request.actor)
    if request.hold is not None:
        return part_of_hold(request, account, request.hold, asked)
    _require_absent(asked.root, ("overrun", "if_expired"), request, "without hold")
    return charge(request, account, request.key, asked)
