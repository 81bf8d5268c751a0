"""Problem details (RFC 9457): the table that maps errors and refusals to HTTP."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from shared.edge import errors as edge_errors
from shared.edge.errors import EdgeError, ValidationFailed
from shared.ledger import errors
from shared.ledger.entries import Entry
from shared.ledger.errors import AccountBusy, InvalidOperation, LedgerError, LedgerThrottled, LedgerUnavailable
from shared.ledger.frozen import dataclass
from shared.ledger.operations import Reason
from shared.ledger.views import explanation_of
from shared.pricing import errors as prices
from shared.pricing.errors import RateVersionConflict, TierUnpriced, UnknownCurrency, Unpriced
from shared.verification import errors as proofs

RETRY_AFTER_S: Final = 1
BUSY_RETRY_AFTER_S: Final = range(2, 6)
"""Between these, at random."""


@dataclass(frozen=True, slots=True)
class Meaning:
    status: HTTPStatus
    title: str


MEANINGS: Final[Mapping[type[LedgerError | EdgeError], Meaning]] = {
    edge_errors.BodyTooLarge: Meaning(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request body too large"),
    edge_errors.InvalidJson: Meaning(HTTPStatus.BAD_REQUEST, "Invalid JSON"),
    edge_errors.DuplicateJsonKey: Meaning(HTTPStatus.BAD_REQUEST, "Duplicate JSON key"),
    edge_errors.IdempotencyKeyRequired: Meaning(HTTPStatus.BAD_REQUEST, "Missing idempotency key"),
    edge_errors.ValidationFailed: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid request"),
    edge_errors.RouteNotFound: Meaning(HTTPStatus.NOT_FOUND, "No such route"),
    edge_errors.Unauthenticated: Meaning(HTTPStatus.UNAUTHORIZED, "Not authenticated"),
    edge_errors.InsufficientScope: Meaning(HTTPStatus.FORBIDDEN, "Insufficient scope"),
    edge_errors.ActorNotAllowed: Meaning(HTTPStatus.FORBIDDEN, "Actor not allowed"),
    edge_errors.TenantMissing: Meaning(HTTPStatus.FORBIDDEN, "No tenant in the token"),
    errors.InvalidAmount: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid amount"),
    errors.InvalidOperation: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid request"),
    errors.IdempotencyKeyReused: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency key reused"),
    errors.TooManyHolds: Meaning(HTTPStatus.CONFLICT, "Too many open holds"),
    errors.TooManyGrants: Meaning(HTTPStatus.CONFLICT, "Too many open grants"),
    errors.AccountNotFound: Meaning(HTTPStatus.NOT_FOUND, "Account not found"),
    errors.OperationNotFound: Meaning(HTTPStatus.NOT_FOUND, "Operation not found"),
    proofs.DigestNotFound: Meaning(HTTPStatus.NOT_FOUND, "Digest not found"),
    proofs.DigestExists: Meaning(HTTPStatus.CONFLICT, "Digest already exists"),
    proofs.HeadsNotFound: Meaning(HTTPStatus.NOT_FOUND, "Digest data missing"),
    proofs.NotInDigest: Meaning(HTTPStatus.NOT_FOUND, "Account not in the digest"),
    prices.Unpriced: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "No price for this usage"),
    prices.TierUnpriced: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "No price for this usage"),
    prices.UnknownCurrency: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "No rate for this currency"),
    prices.RateVersionConflict: Meaning(HTTPStatus.CONFLICT, "Rate card version conflict"),
    errors.LedgerThrottled: Meaning(HTTPStatus.TOO_MANY_REQUESTS, "Ledger over capacity"),
    errors.AccountBusy: Meaning(HTTPStatus.TOO_MANY_REQUESTS, "Account busy"),
    errors.LedgerUnavailable: Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "Ledger unavailable"),
    errors.RecordDamaged: Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "Ledger unavailable"),
}

REFUSALS: Final[Mapping[Reason, Meaning]] = {
    "insufficient_credits": Meaning(HTTPStatus.PAYMENT_REQUIRED, "Insufficient credits"),
    "limit_exceeded": Meaning(HTTPStatus.PAYMENT_REQUIRED, "Spending limit exceeded"),
    "account_frozen": Meaning(HTTPStatus.CONFLICT, "Account frozen"),
    "funding_conflict": Meaning(HTTPStatus.CONFLICT, "The funded total has changed"),
    "would_overdraw": Meaning(HTTPStatus.CONFLICT, "The account would be overdrawn"),
    "grant_not_found": Meaning(HTTPStatus.NOT_FOUND, "Grant not found"),
    "hold_not_found": Meaning(HTTPStatus.NOT_FOUND, "Hold not found"),
    "hold_captured": Meaning(HTTPStatus.CONFLICT, "Hold already captured"),
    "hold_released": Meaning(HTTPStatus.CONFLICT, "Hold already released"),
    "hold_expired": Meaning(HTTPStatus.CONFLICT, "Hold expired"),
    "exceeds_hold": Meaning(HTTPStatus.CONFLICT, "Capture exceeds the hold"),
    "charge_not_found": Meaning(HTTPStatus.NOT_FOUND, "Charge not found"),
    "exceeds_charge": Meaning(HTTPStatus.CONFLICT, "Refund exceeds the charge"),
}

_DETAILS: Final[Mapping[Reason, str]] = {
    "insufficient_credits": "the {kind} was refused and no credits were taken",
    "limit_exceeded": "the {kind} was refused and no credits were taken; limit names the limit and when it resets",
    "account_frozen": "new spending is refused until the status is open; open holds can still be captured",
    "funding_conflict": "old_amount must equal the funded total; read the account and send the update under a new key",
    "would_overdraw": "the account has spent more than the new total; force: true sets the total anyway",
    "grant_not_found": "the grant was never made, is spent or expired, or was merged into an older grant",
    "hold_not_found": "the actor has no hold with this id; a hold belongs to the actor it was placed for",
    "hold_captured": "a hold ends once; this hold was captured",
    "hold_released": "a hold ends once; this hold was released",
    "hold_expired": "the held credits are available again; if_expired: charge captures an expired hold as a charge",
    "exceeds_hold": "the hold is unchanged; set overrun to charge, partial or overdraw to capture more than is left",
    "charge_not_found": "a refund names the key of a charge or capture that this actor paid",
    "exceeds_charge": "no credits were refunded; the refunds of a charge cannot exceed what it took",
}


def retry_after_s(error: LedgerError | EdgeError) -> int | None:
    """The seconds after which a passing error is worth another attempt; None for every other error.

    Random for a busy account: a crowd that was sent away together would come back together.
    """
    if isinstance(error, AccountBusy):
        return secrets.choice(BUSY_RETRY_AFTER_S)
    return RETRY_AFTER_S if isinstance(error, LedgerThrottled | LedgerUnavailable) else None


def problem_of(error: LedgerError | EdgeError) -> dict[str, Any]:
    """The problem document of an error."""
    return _problem(error.code, MEANINGS[type(error)], str(error)) | _particulars(error)


def refusal_of(entry: Entry) -> dict[str, Any]:
    """The problem document of a refused operation. It depends on the entry alone, so a replay returns the same."""
    if entry.reason is None:
        raise ValueError(f"entry {entry.seq} was not refused")
    detail = _DETAILS[entry.reason].format(kind=entry.kind)
    return _problem(entry.reason, REFUSALS[entry.reason], detail) | explanation_of(entry)


def internal_problem() -> dict[str, Any]:
    """The answer to an internal failure. It reveals no internals."""
    meaning = Meaning(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error")
    return _problem(
        "internal_error", meaning, "the failure was logged under the request id; it is safe to retry with the same key"
    )


def _problem(code: str, meaning: Meaning, detail: str) -> dict[str, Any]:
    return {
        "type": f"urn:millicent:problem:{code}",
        "title": meaning.title,
        "status": int(meaning.status),
        "detail": detail,
        "code": code,
    }


def _particulars(error: LedgerError | EdgeError) -> dict[str, Any]:
    match error:
        case ValidationFailed():
            return {"errors": [{"path": each.path, "detail": each.detail} for each in error.errors]}
        case InvalidOperation():
            return {"errors": [{"path": f"$.{error.field}", "detail": f"must be {error.must_be}"}]}
        case UnknownCurrency():
            detail = "must be a currency with a rate in effect"
            return {"currency": error.currency, "errors": [{"path": f"$.{error.field}", "detail": detail}]}
        case Unpriced():
            fault = {"path": f"$.{error.field}", "detail": _must_be_priced(error)}
            return {"meter": error.meter, "model": error.model, "errors": [fault]}
        case RateVersionConflict():
            return {"newest": error.newest}
        case _:
            return {}


def _must_be_priced(error: Unpriced) -> str:
    if isinstance(error, TierUnpriced):
        return "must be default, a tier that an adjustment names, or batch for a model of OpenAI or Anthropic"
    return "must have a price on a rate card"
