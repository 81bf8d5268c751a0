"""Errors of the HTTP edge, raised before the ledger is called: invalid requests and unauthorized callers."""

from collections.abc import Iterable
from itertools import islice
from typing import ClassVar, Final

from shared.ledger.frozen import dataclass

MAX_FIELD_ERRORS: Final = 32


class EdgeError(Exception):
    """Base of all errors of the HTTP edge; `code` is the stable name in the API."""

    code: ClassVar[str]


class BodyTooLarge(EdgeError):
    code = "body_too_large"


class InvalidJson(EdgeError):
    code = "invalid_json"


class DuplicateJsonKey(EdgeError):
    code = "duplicate_json_key"


class IdempotencyKeyRequired(EdgeError):
    code = "idempotency_key_required"


class RouteNotFound(EdgeError):
    code = "route_not_found"


class Unauthenticated(EdgeError):
    code = "unauthenticated"


class InsufficientScope(EdgeError):
    code = "insufficient_scope"


class ActorNotAllowed(EdgeError):
    code = "actor_not_allowed"


class TenantMissing(EdgeError):
    code = "tenant_missing"


@dataclass(frozen=True, slots=True)
class FieldError:
    """`path` is the place in the request; `detail` says what is required there."""

    path: str
    detail: str


class ValidationFailed(EdgeError):
    """The request is invalid; `errors` names every invalid field."""

    code = "validation_failed"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(islice(errors, MAX_FIELD_ERRORS))
        super().__init__("each field in `errors` is invalid")
