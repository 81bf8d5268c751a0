from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.check.runtime import check_runtime
from functions.check.schema import CheckRequest
from shared.edge import http
from shared.edge.routes import Response
from shared.usecases.check_credits import CreditAnswer, CreditQuestion, check_credits

runtime = check_runtime()
app = http.Routes(runtime.observability)


@app.route("POST /v1/check")
def check() -> Response:
    event = app.current_event
    caller = http.caller(event, "credits/read", runtime.identity)
    request = http.body(event, CheckRequest)
    usage, meter = request.metered
    question = CreditQuestion(
        account=caller.account_of(request.actor),
        minimum=int(request.minimum),
        check_id=runtime.new_id(),
        correlation_id=http.request_id(event),
        app=request.app,
        meter=meter,
        usage=None if usage is None else usage.content,
    )
    told = runtime.bus, runtime.now_ms(), runtime.check_events
    answer = check_credits(question, runtime.ledger, *told, runtime.rates)
    observe(question, answer)
    return http.answer(answer.body)


def observe(question: CreditQuestion, answer: CreditAnswer) -> None:
    seen = runtime.observability
    seen.count("CheckAllowed" if answer.is_allowed else "CheckRefused")
    seen.count("CheckEventsLost", int(answer.is_unpublished))
    if answer.is_unpublished:
        seen.failed("check event lost", answer.cause, check_id=question.check_id)
    seen.logger.info(
        "credits checked",
        extra={
            "tenant": question.account.tenant,
            "actor": question.account.actor,
            "app": question.app,
            "check_id": question.check_id,
            "allowed": answer.is_allowed,
        },
    )


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
