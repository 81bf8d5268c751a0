from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.funding.schema import funding, funding_request
from shared import http
from shared.bootstrap import mutation_runtime
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


@runtime.observability.logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
@runtime.observability.metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
