"""The HTTP edge: requests in, answers out. Every failure becomes a problem document."""

from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.edge import validation
from shared.edge.amount_texts import PARAMETER as AMOUNTS_PARAMETER
from shared.edge.amount_texts import AmountsAs, amounts_asked, with_texts
from shared.edge.errors import EdgeError, FieldError, ValidationFailed
from shared.edge.exact_json import MAX_BODY_BYTES, body_bytes, read_object
from shared.edge.identity import Caller, IdentityRule, Scope, caller_of, operator_of
from shared.edge.problems import internal_problem, problem_of, refusal_of, retry_after_s
from shared.edge.requests import Request
from shared.edge.routes import JSON, PROBLEM_JSON, Response, RouteTable
from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerError, LedgerThrottled, RecordDamaged
from shared.ledger.kinds import KINDS
from shared.ledger.protocol import Recorded
from shared.ledger.views import effect_of
from shared.runtime.causes import causes_of
from shared.runtime.observability import Observability

CORRELATION_ID: Final = "requestContext.requestId"
"""Where an event has the request's id, which its answer and every line of the log carry."""

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_amounts_as: Final[ContextVar[AmountsAs]] = ContextVar("amounts_as", default="number")
"""The form of amounts that the current request asked for."""
_Request = TypeVar("_Request", bound=msgspec.Struct)


class Routes(RouteTable):
    """A table of routes whose every error becomes a problem document."""

    def __init__(self, observability: Observability) -> None:
        super().__init__()
        self._observability = observability

    def resolve(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        self._observability.count("Requests")
        return super().resolve(event, context)

    def answer_of(self, event: dict[str, Any]) -> Response:
        accept = (event.get("headers") or {}).get("accept")
        try:
            asked = amounts_asked(event.get("queryStringParameters") or {}, accept)
        except EdgeError as wrong:
            return self._refused(wrong)
        before = _amounts_as.set(asked)
        try:
            return super().answer_of(event)
        except (EdgeError, LedgerError) as error:
            return self._refused(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged, and the caller gets an answer
            return self._failed(error)
        finally:
            _amounts_as.reset(before)

    def _refused(self, error: EdgeError | LedgerError) -> Response:
        told = problem_of(error)
        self._observe(error, told["status"])
        wait_s = retry_after_s(error)
        return problem(told, {} if wait_s is None else {"Retry-After": str(wait_s)})

    def _observe(self, error: EdgeError | LedgerError, status: int) -> None:
        seen = self._observability
        seen.count("RequestsFailed" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "RequestsRefused")
        if isinstance(error, RecordDamaged):
            seen.damaged(error)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            seen.failed("request failed", error)
        elif isinstance(error, LedgerThrottled):
            seen.warned("request throttled", error)
        else:
            seen.logger.info("request refused", extra={"code": error.code})

    def _failed(self, error: Exception) -> Response:
        self._observability.count("RequestsFailed")
        self._observability.logger.error("request failed", exc_info=error, extra=causes_of(error))
        return problem(internal_problem())


def caller(event: Request, scope: Scope, identity: IdentityRule) -> Caller:
    """The caller. Raises as `caller_of` does."""
    return caller_of(event.context, scope, identity)


def operator(event: Request, scope: Scope, identity: IdentityRule) -> Caller:
    """The caller of a call about the whole tenant. Raises as `operator_of` does."""
    return operator_of(event.context, scope, identity)


def request_id(event: Request) -> str:
    return event.id


def document(event: Request, limit: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """The body, of at most `limit` bytes, parsed exactly. Raises BodyTooLarge, InvalidJson or DuplicateJsonKey."""
    return read_object(body_bytes(event.body, is_base64=event.is_base64, limit=limit))


def body(event: Request, request_type: type[_Request]) -> _Request:
    """The body as a request. Raises as `document` does, and ValidationFailed."""
    return validation.convert(document(event), request_type)


def query(event: Request, request_type: type[_Request]) -> _Request:
    """The query parameters as a request, without `amounts`, which every call accepts. Raises ValidationFailed."""
    names = Counter(name for name, _ in parse_qsl(event.raw_query, keep_blank_values=True))
    if repeated := [name for name, times in names.items() if times > 1]:
        # The gateway joins them with a comma, which an id may have in it.
        raise ValidationFailed(FieldError(f"query.{name[:64]}", "must be given once") for name in repeated)
    given = {name: value for name, value in event.query.items() if name != AMOUNTS_PARAMETER}
    return validation.convert(given, request_type, root="query")


def idempotency_key(event: Request) -> str:
    """Raises IdempotencyKeyRequired or ValidationFailed."""
    return validation.idempotency_key(event.header("idempotency-key"))


def answer(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, JSON, encoded(content), dict(headers or {}))


def problem(content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(content["status"], PROBLEM_JSON, encoded(content), dict(headers or {}))


def recorded(outcome: Recorded) -> Response:
    """The answer to a mutation: 200 if replayed, but a replayed refusal keeps its status."""
    headers = {"Idempotency-Replayed": "true"} if outcome.replayed else {}
    if outcome.entry.is_refused:
        return problem(refusal_of(outcome.entry), headers)
    return answer(effect_of(outcome.entry), 200 if outcome.replayed else status_of(outcome.entry), headers)


def status_of(entry: Entry) -> int:
    """The first status of a mutation that was not refused: 201, or 200 for a change of settings."""
    return KINDS[entry.kind].status


def encoded(content: Mapping[str, Any]) -> str:
    """JSON text; a Decimal is written as a number, an amount as the request asked for it."""
    return _ENCODER.encode(with_texts(content) if _amounts_as.get() == "string" else content).decode()
