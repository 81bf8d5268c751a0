from collections import Counter
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.cost.schema import MAX_BATCH_BYTES, RefundRequest, batch, results
from shared.composition.pricing import priced_runtime
from shared.edge import http
from shared.edge.charges import CostRequest, RequestContext, charge
from shared.edge.mutations import Asked, mutate, mutate_by
from shared.edge.routes import Response
from shared.ledger.operations import Operation
from shared.ledger.protocol import Recorded
from shared.ports.ledger import Ledger
from shared.usecases.record_batch import damages, failures
from shared.usecases.record_priced import record_priced, record_priced_batch

LAST_TRY_MS: Final = 3_000
"""For an attempt that begins just before the deadline: 1 s to connect, 2 s to read."""

runtime = priced_runtime("cost")
app = http.Routes(runtime.observability)


@app.route("POST /v1/cost")
def record_cost() -> Response:
    return mutate(app.current_event, runtime, "credits/charge", asked_charge, record)


def asked_charge(asked: Asked) -> Operation:
    request = http.body(app.current_event, CostRequest)
    account = asked.caller.account_of(request.actor)
    return charge(request, account, asked.key, RequestContext(asked.caller.subject, asked.correlation_id))


def record(operation: Operation, ledger: Ledger, now_ms: int) -> Recorded:
    return record_priced(operation, ledger, runtime.rates, runtime.recording_time(now_ms))


@app.route("POST /v1/cost/batch")
def record_costs() -> Response:
    event = app.current_event
    caller = http.caller(event, "credits/charge", runtime.identity)
    lines = batch(http.document(event, MAX_BATCH_BYTES), caller, http.request_id(event))
    operations = [line.asked for line in lines if isinstance(line.asked, Operation)]
    time = runtime.recording_time(runtime.now_ms())
    answers = record_priced_batch(operations, runtime.ledger, runtime.rates, time, may_begin_another)
    shown = results(lines, answers)
    for damage in damages(answers):
        runtime.observability.damaged(damage)
    runtime.observability.failed_together("charges not recorded", failures(answers))
    observe(shown)
    return http.answer({"results": shown})


@app.route("POST /v1/refunds")
def record_refund() -> Response:
    return mutate_by(app.current_event, runtime, "credits/charge", RefundRequest, lambda request: request.terms)


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


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
