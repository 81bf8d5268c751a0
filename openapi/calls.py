"""Every call of the API: one line each. What a request may hold comes from the struct that its function reads it into,
what an answer holds from the client's model of it."""

from collections.abc import Mapping
from dataclasses import field
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from functions.accounts.schema import AccountsQuery
from functions.check.schema import CheckRequest
from functions.cost.schema import MAX_CHARGES, RefundRequest
from functions.funding.schema import FundingUpdateRequest, GrantRequest, VoidRequest
from functions.history.schema import AuditQuery, EntriesQuery, OperationQuery, RecordedKey, UsageQuery
from functions.holds.schema import CaptureRequest, ExtendRequest, PlaceHoldRequest, ReleaseRequest
from functions.policies.schema import AllowanceRequest, LimitRequest, SettingsRequest
from functions.proof.schema import DigestNumber, ProofQuery
from functions.rates.schema import QuoteRequest, RateDocument, RatesQuery
from functions.rates.terms import AdjustmentDocument, CurrencyDocument, TermsQuery
from functions.tenant.activity_schema import ActivityQuery
from functions.tenant.usage_schema import TenantUsageQuery
from millicent import models
from openapi.answers import Proof, SignedDigest
from shared.edge.charges import CostRequest, KeyedCost
from shared.edge.identity import Scope
from shared.ledger.frozen import dataclass
from shared.ledger.operations import Reason
from shared.ledger.policies import MAX_LIMITS

Tag: TypeAlias = Literal["Checks and charges", "Holds", "Funding", "Rates", "Accounts", "Records", "Tenant", "Service"]

SPENDING: Final[tuple[Reason, ...]] = ("insufficient_credits", "limit_exceeded", "account_frozen")
ENDED: Final[tuple[Reason, ...]] = ("hold_not_found", "hold_captured", "hold_released", "hold_expired")


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A charge that is none is answered in its own place of `results`, and the others are recorded."""

    charges: Annotated[list[KeyedCost], msgspec.Meta(min_length=1, max_length=MAX_CHARGES)]


class LimitsRequest(msgspec.Struct, forbid_unknown_fields=True):
    limits: Annotated[list[LimitRequest], msgspec.Meta(max_length=MAX_LIMITS)]


_COSTS: Final = ("cost", "usage", "cost_usd", "cost_money")
EITHER: Final[Mapping[type[msgspec.Struct], tuple[str, ...]]] = {
    CostRequest: _COSTS,
    KeyedCost: _COSTS,
    PlaceHoldRequest: ("amount", "usage"),
}
"""Fields of which a request has exactly one."""
AT_MOST_ONE: Final[Mapping[type[msgspec.Struct], tuple[str, ...]]] = {
    CheckRequest: ("minimum", "usage"),
    CaptureRequest: ("amount", "usage", "cost_usd", "cost_money"),
}
"""Fields of which a request has one or none. What is null is not there."""
WITHOUT: Final[Mapping[type[msgspec.Struct], Mapping[str, Any]]] = {
    CaptureRequest: {"properties": {"final": {"const": True}}}
}
"""What holds of a request that has none of them: a part of a hold says how much it is."""
NOT_EMPTY: Final = frozenset({SettingsRequest})
"""Requests that have at least one of their fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One route. Without a `scope` it is open; `keyed` ones need an idempotency key.

    `body` are the forms of the request, `refusals` the answers that are on the record, `errors` others of its own.
    `path_types` says what the parameters in the path are; those that it does not name are ids.
    `sample` is the file in events/ whose body is shown; `also` are media types beside JSON that can be accepted.
    """

    route: str
    tag: Tag
    summary: str
    answer: type[msgspec.Struct] | Literal["text/html", "application/json"]
    scope: Scope | None = None
    keyed: bool = False
    status: int = 200
    body: tuple[type[msgspec.Struct], ...] = ()
    path_types: Mapping[str, Any] = field(default_factory=dict)
    query: type[msgspec.Struct] | None = None
    refusals: tuple[Reason, ...] = ()
    errors: tuple[str, ...] = ()
    sample: str | None = None
    also: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0].lower()

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]


_changed: Final = partial(Call, keyed=True, answer=models.Receipt)
"""A mutation, which is done once for its key."""
_recorded: Final = partial(_changed, status=201)
"""A mutation that makes something."""

CALLS: Final = (
    Call(
        route="POST /v1/check",
        tag="Checks and charges",
        summary="Check whether an actor may spend",
        scope="credits/read",
        body=(CheckRequest,),
        answer=models.CheckResult,
        errors=("unpriced", "invalid_operation"),
        sample="check",
    ),
    _recorded(
        route="POST /v1/cost",
        tag="Checks and charges",
        summary="Charge a cost",
        scope="credits/charge",
        body=(CostRequest,),
        refusals=SPENDING,
        errors=("unpriced", "unknown_currency"),
        sample="cost",
    ),
    Call(
        route="POST /v1/cost/batch",
        tag="Checks and charges",
        summary="Charge up to 1000 costs, each with its own key",
        scope="credits/charge",
        body=(BatchRequest,),
        answer=models.BatchResults,
        sample="cost-batch",
    ),
    _recorded(
        route="POST /v1/refunds",
        tag="Checks and charges",
        summary="Refund a charge or a part of it",
        scope="credits/charge",
        body=(RefundRequest,),
        refusals=("charge_not_found", "exceeds_charge"),
        sample="cost-refund",
    ),
    _recorded(
        route="POST /v1/holds",
        tag="Holds",
        summary="Hold credits",
        scope="credits/charge",
        body=(PlaceHoldRequest,),
        refusals=SPENDING,
        errors=("unpriced", "too_many_holds"),
        sample="holds",
    ),
    _recorded(
        route="POST /v1/holds/{id}/capture",
        tag="Holds",
        summary="Capture a hold, or a part of it",
        scope="credits/charge",
        body=(CaptureRequest,),
        refusals=(*ENDED, "exceeds_hold", *SPENDING),
        errors=("unpriced", "unknown_currency"),
        sample="holds-capture",
    ),
    _recorded(
        route="POST /v1/holds/{id}/release",
        tag="Holds",
        summary="Release a hold",
        scope="credits/charge",
        body=(ReleaseRequest,),
        refusals=ENDED,
        sample="holds-release",
    ),
    _recorded(
        route="POST /v1/holds/{id}/extend",
        tag="Holds",
        summary="Extend a hold",
        scope="credits/charge",
        body=(ExtendRequest,),
        refusals=ENDED,
        sample="holds-extend",
    ),
    _recorded(
        route="POST /v1/funding",
        tag="Funding",
        summary="Set the funded total, or add a grant",
        scope="credits/fund",
        body=(FundingUpdateRequest, GrantRequest),
        refusals=("funding_conflict", "would_overdraw"),
        errors=("too_many_grants",),
        sample="funding-update",
    ),
    _recorded(
        route="POST /v1/grants/{id}/void",
        tag="Funding",
        summary="Void a grant: take back its unspent credits",
        scope="credits/fund",
        body=(VoidRequest,),
        refusals=("grant_not_found",),
        sample="funding-void",
    ),
    Call(
        route="GET /v1/rates",
        tag="Rates",
        summary="List rate cards, and show the card in effect for a meter and model",
        scope="credits/read",
        query=RatesQuery,
        answer=models.RatePage,
    ),
    Call(
        route="PUT /v1/rates",
        tag="Rates",
        summary="Create the next version of a rate card",
        scope="credits/admin",
        body=(RateDocument,),
        answer=models.RateCard,
        status=201,
        errors=("rate_version_conflict",),
        sample="rates-put",
    ),
    Call(
        route="GET /v1/rates/adjustments",
        tag="Rates",
        summary="List adjustments of the built-in card, all versions",
        scope="credits/read",
        query=TermsQuery,
        answer=models.AdjustmentPage,
    ),
    Call(
        route="PUT /v1/rates/adjustments",
        tag="Rates",
        summary="Create the next version of an adjustment of the built-in card",
        scope="credits/admin",
        body=(AdjustmentDocument,),
        answer=models.Adjustment,
        status=201,
        errors=("rate_version_conflict",),
        sample="rates-adjustments-put",
    ),
    Call(
        route="GET /v1/rates/currencies",
        tag="Rates",
        summary="List the rates of currencies, all versions",
        scope="credits/read",
        query=TermsQuery,
        answer=models.CurrencyPage,
    ),
    Call(
        route="PUT /v1/rates/currencies",
        tag="Rates",
        summary="Create the next version of the rate of a currency",
        scope="credits/admin",
        body=(CurrencyDocument,),
        answer=models.CurrencyRate,
        status=201,
        errors=("rate_version_conflict",),
        sample="rates-currencies-put",
    ),
    Call(
        route="POST /v1/rates/quote",
        tag="Rates",
        summary="Quote the current price of usage",
        scope="credits/read",
        body=(QuoteRequest,),
        answer=models.Quote,
        errors=("unpriced", "invalid_operation"),
        sample="rates-quote",
    ),
    Call(
        route="GET /v1/accounts",
        tag="Accounts",
        summary="List the accounts of the tenant by name, with their balances; for services and operators",
        scope="credits/read",
        query=AccountsQuery,
        answer=models.AccountPage,
    ),
    Call(
        route="GET /v1/accounts/{actor}",
        tag="Accounts",
        summary="Show the balance, grants, holds and settings of an account",
        scope="credits/read",
        answer=models.Account,
        errors=("account_not_found",),
    ),
    _changed(
        route="PATCH /v1/accounts/{actor}",
        tag="Accounts",
        summary="Change the settings of an account",
        scope="credits/fund",
        body=(SettingsRequest,),
        sample="policies",
    ),
    _changed(
        route="PUT /v1/accounts/{actor}/limits",
        tag="Accounts",
        summary="Replace the spending limits of an account",
        scope="credits/fund",
        body=(LimitsRequest,),
        sample="policies-limits",
    ),
    _changed(
        route="PUT /v1/accounts/{actor}/allowance",
        tag="Accounts",
        summary="Set the allowance of an account",
        scope="credits/fund",
        body=(AllowanceRequest,),
        sample="policies-allowance",
    ),
    _changed(
        route="DELETE /v1/accounts/{actor}/allowance",
        tag="Accounts",
        summary="End the allowance of an account",
        scope="credits/fund",
    ),
    Call(
        route="GET /v1/accounts/{actor}/entries",
        tag="Records",
        summary="The entries of an account, newest first; as text/csv a statement, of which a page may have 1000 lines",
        scope="credits/read",
        query=EntriesQuery,
        answer=models.EntryPage,
        also=("text/csv",),
        errors=("account_not_found",),
    ),
    Call(
        route="GET /v1/accounts/{actor}/usage",
        tag="Records",
        summary="Show the spending of an account by meter, app, model, member or day",
        scope="credits/read",
        query=UsageQuery,
        answer=models.UsagePage,
        errors=("account_not_found",),
    ),
    Call(
        route="GET /v1/usage",
        tag="Records",
        summary="Show the spending of all accounts by meter, app, model or day, or the actors that spent most",
        scope="credits/read",
        query=TenantUsageQuery,
        answer=models.TenantUsagePage,
    ),
    Call(
        route="GET /v1/accounts/{actor}/audit",
        tag="Records",
        summary="List the audit rows, newest first, and verify their chain",
        scope="credits/read",
        query=AuditQuery,
        answer=models.AuditPage,
        errors=("account_not_found",),
    ),
    Call(
        route="GET /v1/accounts/{actor}/proof",
        tag="Records",
        summary="Get the proof that an account is in a signed digest",
        scope="credits/read",
        query=ProofQuery,
        answer=Proof,
        errors=("digest_not_found", "not_in_digest", "heads_not_found"),
    ),
    Call(
        route="GET /v1/digests/{number}",
        path_types={"number": DigestNumber},
        tag="Records",
        summary="Get a signed digest over all accounts, by number or latest",
        scope="credits/read",
        answer=SignedDigest,
        errors=("digest_not_found",),
    ),
    Call(
        route="GET /v1/operations/{key}",
        path_types={"key": RecordedKey},
        tag="Records",
        summary="Look up the operation with a key",
        scope="credits/read",
        query=OperationQuery,
        answer=models.Operation,
        errors=("operation_not_found",),
    ),
    Call(
        route="GET /v1/activity",
        tag="Tenant",
        summary="The newest entries and checks of the whole tenant",
        scope="credits/read",
        query=ActivityQuery,
        answer=models.ActivityPage,
    ),
    Call(
        route="GET /v1/alerts",
        tag="Tenant",
        summary="What to look at: accounts that fell low, refusals of a day, holds that expire soon, failure queues",
        scope="credits/read",
        answer=models.Alerts,
    ),
    Call(route="GET /v1/health", tag="Service", summary="Check the health of the service", answer=models.Health),
    Call(route="GET /openapi.json", tag="Service", summary="This document", answer="application/json"),
    Call(
        route="GET /asyncapi.json",
        tag="Service",
        summary="The events on the bus, as an AsyncAPI document",
        answer="application/json",
    ),
    Call(route="GET /docs", tag="Service", summary="This document as a web page", answer="text/html"),
)
