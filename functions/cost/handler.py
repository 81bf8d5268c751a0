from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.cost.schema import CostRequest, charge
from shared import http
from shared.bootstrap import mutation_runtime
from shared.usecases.record_operation import record_operation

runtime = mutation_runtime("cost")
app = http.Resolver(runtime.observability)


@app.post("/v1/cost")
def record_cost() -> Response[str]:
    event = app.current_event
    caller = http.caller(event, "credits/charge", runtime.tenants)
    key = http.idempotency_key(event)
    request = http.body(event, CostRequest)
    account = caller.account_of(request.actor)
    operation = charge(request, account, key, caller.subject, http.request_id(event))
    recorded = record_operation(operation, runtime.ledger, runtime.now_ms())
    runtime.observability.recorded(recorded)
    return http.recorded(recorded)


@runtime.observability.logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
@runtime.observability.metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
