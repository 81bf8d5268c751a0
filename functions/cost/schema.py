import msgspec

from shared.ledger.accounts import Account
from shared.ledger.operations import Charge, IfInsufficient, Operation
from shared.validation import Identifier, Metadata, Microcents


class CostRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: Identifier
    cost: Microcents
    if_insufficient: IfInsufficient = "refuse"
    check_id: Identifier | None = None
    app: Identifier | None = None
    meter: Identifier | None = None
    metadata: Metadata | None = None


def charge(request: CostRequest, account: Account, key: str, by: str, correlation_id: str) -> Operation:
    return Operation(
        account=account,
        key=key,
        terms=Charge(int(request.cost), request.if_insufficient, request.check_id),
        by=by,
        correlation_id=correlation_id,
        app=request.app,
        meter=request.meter,
        metadata=request.metadata,
    )
