from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.funding.schema import VoidRequest, funding_request
from shared.composition.mutations import mutation_runtime
from shared.edge import http
from shared.edge.mutations import Asked, mutate, mutate_by
from shared.edge.path_ids import from_path
from shared.edge.routes import Response
from shared.edge.validation import identifier
from shared.ledger.operations import Operation

runtime = mutation_runtime("funding")
app = http.Routes(runtime.observability)


@app.route("POST /v1/funding")
def record_funding() -> Response:
    return mutate(app.current_event, runtime, "credits/fund", asked_funding)


def asked_funding(asked: Asked) -> Operation:
    request = funding_request(http.document(app.current_event))
    return asked.operation(asked.caller.account_of(request.actor), request.terms)


@app.route("POST /v1/grants/{id}/void")
def void_grant(grant_id: str) -> Response:
    grant = from_path(grant_id)
    return mutate_by(
        app.current_event,
        runtime,
        "credits/fund",
        VoidRequest,
        lambda request: request.terms(identifier(grant, "path.id")),
    )


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
