"""A charge with a key in its body: of a batch, or of the ingest queue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.exact_json import MAX_BODY_BYTES
from shared.edge.usage_request import UsageDocument, given, metered_by, one_of, read_usage
from shared.edge.validation import Dollars, Identifier, Metadata, Microcents, Time, convert, given_ms
from shared.ledger.accounts import Account
from shared.ledger.money import microcents_of
from shared.ledger.operations import CaptureHold, Charge, IfInsufficient, Operation
from shared.ledger.remainders import rounded

AccountOf: TypeAlias = Callable[[str], Account]
"""The account that an actor's charges go to."""

_Charged = TypeVar("_Charged", bound=Charge | CaptureHold)


class CostRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cost that was spent, the `usage` that a rate card prices, or a cost in dollars."""

    actor: Identifier
    cost: Microcents | msgspec.UnsetType = msgspec.UNSET
    usage: UsageDocument | msgspec.UnsetType = msgspec.UNSET
    cost_usd: Dollars | msgspec.UnsetType = msgspec.UNSET
    if_insufficient: IfInsufficient = "refuse"
    check_id: Identifier | None = None
    app: Identifier | None = None
    meter: Identifier | None = None
    metadata: Metadata | None = None
    occurred_at: Time | None = None


class KeyedCost(CostRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    key: Identifier


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, in which request, and the charge's place in that request."""

    by: str
    correlation_id: str
    root: str = "$"


def charge(request: CostRequest, account: Account, key: str, asked: RequestContext) -> Operation:
    """A charge of a cost, or of usage without a price yet. Raises ValidationFailed."""
    one_of({"cost": request.cost, "usage": request.usage, "cost_usd": request.cost_usd}, asked.root)
    usage = read_usage(request.usage, f"{asked.root}.usage")
    terms = Charge(
        given(request.cost) or 0,
        request.if_insufficient,
        request.check_id,
        usage=None if usage is None else usage.content,
        occurred_at_ms=given_ms(request.occurred_at),
    )
    return Operation(
        account=account,
        key=key,
        terms=in_dollars(terms, request.cost_usd),
        by=asked.by,
        correlation_id=asked.correlation_id,
        app=request.app,
        meter=metered_by(request.meter, usage, asked.root),
        metadata=request.metadata,
    )


def in_dollars(terms: _Charged, cost_usd: Dollars | msgspec.UnsetType) -> _Charged:
    """The terms with the amount of the cost in dollars, if there is one."""
    if isinstance(cost_usd, msgspec.UnsetType):
        return terms
    amount, remainder = rounded(microcents_of(cost_usd))
    member: dict[str, Any] = {"cost" if isinstance(terms, Charge) else "amount": amount}
    return replace(terms, **member, remainder=remainder or None, cost_usd=str(cost_usd))


def keyed_charge(document: object, account_of: AccountOf, asked: RequestContext) -> Operation:
    """The charge in an exactly parsed document. Raises ValidationFailed and the errors of `account_of`."""
    if not isinstance(document, Mapping):
        raise ValidationFailed([FieldError(asked.root, "must be a JSON object")])
    request = convert(document, KeyedCost, root=asked.root)
    # An entry is also an event and an audit row, so its metadata may be as large as in a single charge, but not larger.
    if len(msgspec.json.encode(request.metadata)) > MAX_BODY_BYTES:
        fault = FieldError(f"{asked.root}.metadata", f"must have at most {MAX_BODY_BYTES} bytes as JSON")
        raise ValidationFailed([fault])
    return charge(request, account_of(request.actor), request.key, asked)
