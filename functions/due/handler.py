from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.due.runtime import DUE_DEADLINE_MS, due_runtime
from functions.due.schema import ROUNDS_MAX, DueRequest, answer, continued, due_request
from shared.usecases.do_what_is_due import Plan, Run, do_what_is_due

runtime = due_runtime()

GRACE_S: Final = 60
RESERVE_MS: Final = DUE_DEADLINE_MS + 15_000
"""Left for the accounts that were begun last: each may outlast its deadline by a backlog, and by a last try."""


def plan_for(request: DueRequest, context: LambdaContext) -> Plan:
    allowed_ms = context.get_remaining_time_in_millis() - RESERVE_MS
    budget_ms = allowed_ms if request.budget_s is None else min(request.budget_s * 1000, allowed_ms)
    ends_at_ms = runtime.monotonic_ms() + budget_ms
    return Plan(
        grace_ms=1000 * (GRACE_S if request.grace_s is None else request.grace_s),
        correlation_id=context.aws_request_id,
        now_ms=runtime.now_ms,
        is_time_up=lambda: runtime.monotonic_ms() >= ends_at_ms,
    )


def observe(run: Run, *, is_left: bool) -> None:
    """`is_left`: the run has not ended and nobody goes on with it."""
    seen = runtime.observability
    seen.count("AccountsCaughtUp", run.accounts)
    seen.count("EntriesWritten", run.entries)
    seen.count("AccountsFailed", len(run.failed))
    seen.count("AccountsBehind", run.behind + is_left)
    facts = {"accounts": run.accounts, "entries": run.entries, "is_finished": run.next is None}
    seen.logger.info("what was due is done", extra=facts)
    for failed in run.failed:
        ids = {"tenant": failed.account.tenant, "actor": failed.account.actor}
        seen.failed("what is due was not done", failed.cause, **ids, problem=failed.problem)
    if is_left:
        seen.logger.error("more is due than is done in time")


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    runtime.observability.count("DueAsked")
    request = due_request(event)
    run = do_what_is_due(request.after, runtime.accounts, runtime.ledger, plan_for(request, context))
    is_more = request.scheduled and run.next is not None
    goes_on = is_more and request.round < ROUNDS_MAX
    observe(run, is_left=is_more and not goes_on)
    if goes_on:
        runtime.continuation.go_on(context.function_name, continued(request, run))
    return answer(run)
