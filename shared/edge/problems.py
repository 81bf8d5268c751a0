"""Problem details (RFC 9457): the one table that says what an error or a refusal is over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from shared.edge import errors as edge_errors
from shared.edge.errors import EdgeError, ValidationFailed
from shared.ledger import errors
from shared.ledger.entries import Entry
from shared.ledger.errors import InvalidOperation, LedgerError
from shared.ledger.operations import Reason
from shared.ledger.views import explanation_of
from shared.pricing import errors as prices
from shared.pricing.errors import RateVersionConflict, Unpriced
from shared.verification import errors as proofs

RETRY_AFTER_S: Final = 1


@dataclass(frozen=True, slots=True)
class Meaning:
    status: HTTPStatus
    title: str


MEANINGS: Final[Mapping[type[LedgerError | EdgeError], Meaning]] = {
    edge_errors.BodyTooLarge: Meaning(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    edge_errors.InvalidJson: Meaning(HTTPStatus.BAD_REQUEST, "The body is not JSON as it must be"),
    edge_errors.DuplicateJsonKey: Meaning(HTTPStatus.BAD_REQUEST, "A JSON key is there twice"),
    edge_errors.IdempotencyKeyRequired: Meaning(HTTPStatus.BAD_REQUEST, "The idempotency key is missing"),
    edge_errors.ValidationFailed: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "The content of the request is wrong"),
    edge_errors.RouteNotFound: Meaning(HTTPStatus.NOT_FOUND, "There is no such call"),
    edge_errors.Unauthenticated: Meaning(HTTPStatus.UNAUTHORIZED, "The caller is unknown"),
    edge_errors.InsufficientScope: Meaning(HTTPStatus.FORBIDDEN, "The token lacks the scope"),
    edge_errors.ActorNotAllowed: Meaning(HTTPStatus.FORBIDDEN, "The caller may not act for this actor"),
    edge_errors.TenantMissing: Meaning(HTTPStatus.FORBIDDEN, "The token belongs to no tenant"),
    errors.InvalidAmount: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "An amount is wrong"),
    errors.InvalidOperation: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "The content of the request is wrong"),
    errors.IdempotencyKeyReused: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "The idempotency key was used before"),
    errors.TooManyHolds: Meaning(HTTPStatus.CONFLICT, "Too many open holds"),
    errors.TooManyGrants: Meaning(HTTPStatus.CONFLICT, "Too many open grants"),
    errors.AccountNotFound: Meaning(HTTPStatus.NOT_FOUND, "The account does not exist"),
    errors.OperationNotFound: Meaning(HTTPStatus.NOT_FOUND, "The operation does not exist"),
    proofs.DigestNotFound: Meaning(HTTPStatus.NOT_FOUND, "There is no such digest"),
    proofs.DigestExists: Meaning(HTTPStatus.CONFLICT, "The digest has been made already"),
    proofs.HeadsNotFound: Meaning(HTTPStatus.NOT_FOUND, "What the digest was made of is gone"),
    proofs.NotInDigest: Meaning(HTTPStatus.NOT_FOUND, "The account is not in the digest"),
    prices.Unpriced: Meaning(HTTPStatus.UNPROCESSABLE_ENTITY, "The usage has no price"),
    prices.RateVersionConflict: Meaning(HTTPStatus.CONFLICT, "The version is not the next one"),
    errors.LedgerThrottled: Meaning(HTTPStatus.TOO_MANY_REQUESTS, "The ledger is over its capacity"),
    errors.LedgerUnavailable: Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "The ledger did not answer in time"),
    errors.RecordDamaged: Meaning(HTTPStatus.SERVICE_UNAVAILABLE, "The ledger did not answer in time"),
}

REFUSALS: Final[Mapping[Reason, Meaning]] = {
    "insufficient_credits": Meaning(HTTPStatus.PAYMENT_REQUIRED, "The credits do not suffice"),
    "limit_exceeded": Meaning(HTTPStatus.PAYMENT_REQUIRED, "A spending limit does not allow it"),
    "account_frozen": Meaning(HTTPStatus.CONFLICT, "The account is frozen"),
    "funding_conflict": Meaning(HTTPStatus.CONFLICT, "The funded total is another one"),
    "would_overdraw": Meaning(HTTPStatus.CONFLICT, "The account would fall below its limit"),
    "grant_not_found": Meaning(HTTPStatus.NOT_FOUND, "The account has no such open grant"),
    "hold_not_found": Meaning(HTTPStatus.NOT_FOUND, "The account has no such hold"),
    "hold_captured": Meaning(HTTPStatus.CONFLICT, "The hold was captured before"),
    "hold_released": Meaning(HTTPStatus.CONFLICT, "The hold was released before"),
    "hold_expired": Meaning(HTTPStatus.CONFLICT, "The hold has expired"),
    "exceeds_hold": Meaning(HTTPStatus.CONFLICT, "The capture is more than the hold"),
    "charge_not_found": Meaning(HTTPStatus.NOT_FOUND, "The account has no such charge"),
    "exceeds_charge": Meaning(HTTPStatus.CONFLICT, "The refund is more than what is left of the charge"),
}

_DETAILS: Final[Mapping[Reason, str]] = {
    "insufficient_credits": "the {kind} was refused and nothing was taken",
    "limit_exceeded": "the {kind} was refused and nothing was taken; limit says which one and when it starts again",
    "account_frozen": "nothing new can be spent until its status is open again; what is held can still be captured",
    "funding_conflict": "old_amount must be the funded total; read it and send the update under a new key",
    "would_overdraw": "what was spent is more than the new total; force: true records it nevertheless",
    "grant_not_found": "it was never made, is spent or expired, or has joined an older one that is alike",
    "hold_not_found": "holds belong to the actor that they were placed for",
    "hold_captured": "a hold ends once, and this one has paid",
    "hold_released": "a hold ends once, and this one was returned whole",
    "hold_expired": "what it held is available again; if_expired: charge settles the work in one call",
    "exceeds_hold": "the hold stands as it was; overrun: charge, partial or overdraw takes more than it has",
    "charge_not_found": "only a charge or capture that was taken from this actor can be refunded, by its key",
    "exceeds_charge": "nothing was given back; refunds of a charge add up to what it took at most",
}


def problem_of(error: LedgerError | EdgeError) -> dict[str, Any]:
    """The problem document of an error."""
    return _problem(error.code, MEANINGS[type(error)], str(error)) | _particulars(error)


def refusal_of(entry: Entry) -> dict[str, Any]:
    """The problem document of a refused operation. Made of the entry alone: a replay says the same word for word."""
    if entry.reason is None:
        raise ValueError(f"entry {entry.seq} was not refused")
    detail = _DETAILS[entry.reason].format(kind=entry.kind)
    return _problem(entry.reason, REFUSALS[entry.reason], detail) | explanation_of(entry)


def internal_problem() -> dict[str, Any]:
    """What a caller learns of a failure of ours: nothing of the inside."""
    meaning = Meaning(HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed")
    return _problem("internal_error", meaning, "the failure was logged under the request id; the same key is safe")


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
        case Unpriced():
            fault = {"path": f"$.{error.field}", "detail": "must be one that a rate card has a price for"}
            return {"meter": error.meter, "model": error.model, "errors": [fault]}
        case RateVersionConflict():
            return {"newest": error.newest}
        case _:
            return {}
