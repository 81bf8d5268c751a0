"""A charge that brings its key along: of a batch, or of the ingest queue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.exact_json import MAX_BODY_BYTES
from shared.edge.usage_request import UsageDocument, given, metered_by, one_of, read_usage
from shared.edge.validation import Identifier, Metadata, Microcents, convert
from shared.ledger.accounts import Account
from shared.ledger.operations import Charge, IfInsufficient, Operation

AccountOf: TypeAlias = Callable[[str], Account]
"""The account that an actor's charges go to."""


class CostRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was spent: its `cost`, or the `usage` that a rate card prices."""

    actor: Identifier
    cost: Microcents | msgspec.UnsetType = msgspec.UNSET
    usage: UsageDocument | msgspec.UnsetType = msgspec.UNSET
    if_insufficient: IfInsufficient = "refuse"
    check_id: Identifier | None = None
    app: Identifier | None = None
    meter: Identifier | None = None
    metadata: Metadata | None = None


class KeyedCost(CostRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    key: Identifier


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, in which request, and where in that request the charge is."""

    by: str
    correlation_id: str
    root: str = "$"


def charge(request: CostRequest, account: Account, key: str, asked: RequestContext) -> Operation:
    """A charge of a cost, or of usage that is still to be priced. Raises ValidationFailed."""
    one_of({"cost": request.cost, "usage": request.usage}, asked.root)
    usage = read_usage(request.usage, f"{asked.root}.usage")
    content = None if usage is None else usage.content
    return Operation(
        account=account,
        key=key,
        terms=Charge(given(request.cost) or 0, request.if_insufficient, request.check_id, usage=content),
        by=asked.by,
        correlation_id=asked.correlation_id,
        app=request.app,
        meter=metered_by(request.meter, usage, asked.root),
        metadata=request.metadata,
    )


def keyed_charge(document: object, account_of: AccountOf, asked: RequestContext) -> Operation:
    """The charge in a document that was read exactly. Raises ValidationFailed and what `account_of` does."""
    if not isinstance(document, Mapping):
        raise ValidationFailed([FieldError(asked.root, "must be a JSON object")])
    request = convert(document, KeyedCost, root=asked.root)
    # An entry is an event and a row elsewhere: it may be as large as one that came alone, and no larger.
    if len(msgspec.json.encode(request.metadata)) > MAX_BODY_BYTES:
        fault = FieldError(f"{asked.root}.metadata", f"must have at most {MAX_BODY_BYTES} bytes as JSON")
        raise ValidationFailed([fault])
    return charge(request, account_of(request.actor), request.key, asked)
