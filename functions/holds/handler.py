from collections.abc import Callable
from typing import Any, Final, TypeVar

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.holds.schema import CaptureRequest, ExtendRequest, PlaceHoldRequest, ReleaseRequest
from shared.composition.pricing import priced_runtime
from shared.edge import http
from shared.edge.identity import Scope
from shared.edge.mutations import ActorRequest, mutate_by
from shared.edge.path_ids import from_path
from shared.edge.routes import Response
from shared.edge.validation import identifier
from shared.ledger.operations import Operation, Terms
from shared.ledger.protocol import Recorded
from shared.ports.ledger import Ledger
from shared.usecases.record_priced import record_priced

SCOPE: Final[Scope] = "credits/charge"

runtime = priced_runtime("holds")
app = http.Routes(runtime.observability)

_Request = TypeVar("_Request", bound=ActorRequest)


@app.route("POST /v1/holds")
def place_hold() -> Response:
    return mutate_by(app.current_event, runtime, SCOPE, PlaceHoldRequest, lambda request: request.terms, record)


@app.route("POST /v1/holds/{id}/capture")
def capture_hold(hold_id: str) -> Response:
    return change_hold(hold_id, CaptureRequest, CaptureRequest.terms)


@app.route("POST /v1/holds/{id}/release")
def release_hold(hold_id: str) -> Response:
    return change_hold(hold_id, ReleaseRequest, ReleaseRequest.terms)


@app.route("POST /v1/holds/{id}/extend")
def extend_hold(hold_id: str) -> Response:
    return change_hold(hold_id, ExtendRequest, ExtendRequest.terms)


def change_hold(hold_id: str, request_type: type[_Request], terms: Callable[[_Request, str], Terms]) -> Response:
    hold = from_path(hold_id)
    return mutate_by(
        app.current_event,
        runtime,
        SCOPE,
        request_type,
        lambda request: terms(request, identifier(hold, "path.id")),
        record,
    )


def record(operation: Operation, ledger: Ledger, now_ms: int) -> Recorded:
    return record_priced(operation, ledger, runtime.rates, runtime.recording_time(now_ms))


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
