from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.funding.schema import VoidRequest, funding, funding_request
from shared.composition.mutations import mutation_runtime
from shared.edge import http
from shared.edge.mutations import mutate
from shared.edge.validation import identifier
from shared.usecases.record_operation import record_operation

runtime = mutation_runtime("funding")
app = http.Resolver(runtime.observability)


@app.post("/v1/funding")
def record_funding() -> Response[str]:
    event = app.current_event
    caller = http.caller(event, "credits/fund", runtime.tenants)
    key = http.idempotency_key(event)
    request = funding_request(http.document(event))
    account = caller.account_of(request.actor)
    operation = funding(request, account, key, caller.subject, http.request_id(event))
    recorded = record_operation(operation, runtime.ledger, runtime.now_ms())
    runtime.observability.recorded(recorded)
    return http.recorded(recorded)


@app.post("/v1/grants/<grant_id>/void")
def void_grant(grant_id: str) -> Response[str]:
    grant = unquote(grant_id)
    return mutate(
        app.current_event,
        runtime,
        "credits/fund",
        VoidRequest,
        lambda request: request.terms(identifier(grant, "path.id")),
    )


@runtime.observability.logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
@runtime.observability.metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
