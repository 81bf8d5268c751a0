from collections import Counter
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.cost.schema import MAX_BATCH_BYTES, RefundRequest, batch, results
from shared.composition.pricing import priced_runtime
from shared.edge import http
from shared.edge.charges import Circumstances, CostRequest, charge
from shared.edge.mutations import mutate
from shared.ledger.operations import Operation
from shared.usecases.record_batch import damages
from shared.usecases.record_priced import record_priced, record_priced_batch

LAST_TRY_MS: Final = 3_000
"""A try that begins just before the deadline: 1 s to connect, 2 s to read."""

runtime = priced_runtime("cost")
app = http.Resolver(runtime.observability)


@app.post("/v1/cost")
def record_cost() -> Response[str]:
    event = app.current_event
    caller = http.caller(event, "credits/charge", runtime.tenants)
    key = http.idempotency_key(event)
    request = http.body(event, CostRequest)
    account = caller.account_of(request.actor)
    operation = charge(request, account, key, Circumstances(caller.subject, http.request_id(event)))
    recorded = record_priced(operation, runtime.ledger, runtime.rates, runtime.now_ms())
    runtime.observability.recorded(recorded)
    return http.recorded(recorded)


@app.post("/v1/cost/batch")
def record_costs() -> Response[str]:
    event = app.current_event
    caller = http.caller(event, "credits/charge", runtime.tenants)
    lines = batch(http.document(event, MAX_BATCH_BYTES), caller, http.request_id(event))
    operations = [line.asked for line in lines if isinstance(line.asked, Operation)]
    answers = record_priced_batch(operations, runtime.ledger, runtime.rates, runtime.now_ms(), may_begin_another)
    shown = results(lines, answers)
    for damage in damages(answers):
        runtime.observability.damaged(damage)
    observe(shown)
    return http.answer({"results": shown})


@app.post("/v1/refunds")
def record_refund() -> Response[str]:
    return mutate(app.current_event, runtime, "credits/charge", RefundRequest, lambda request: request.terms)


def may_begin_another() -> bool:
    """Whether one more transaction would end before this function does."""
    remaining_ms: int = app.lambda_context.get_remaining_time_in_millis()
    return remaining_ms > runtime.deadline_ms + LAST_TRY_MS


def observe(results: list[dict[str, Any]]) -> None:
    statuses = Counter(result["status"] for result in results)
    recorded = statuses[HTTPStatus.CREATED]
    runtime.observability.count("BatchChargesRecorded", recorded)
    runtime.observability.count("BatchChargesNotRecorded", len(results) - recorded)
    runtime.observability.logger.info("batch recorded", extra={"charges": len(results), "statuses": dict(statuses)})


@runtime.observability.logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
@runtime.observability.metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
