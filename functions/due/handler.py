from collections.abc import Callable
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.due.runtime import DUE_DEADLINE_MS, due_runtime
from functions.due.schema import (
    ROUNDS_MAX,
    BackfillRequest,
    DueRequest,
    answer,
    backfill_answer,
    backfill_request,
    continued,
    due_request,
    is_backfill,
)
from shared.usecases.backfill_accounts import backfill_accounts
from shared.usecases.do_what_is_due import Plan, Run, do_what_is_due

runtime = due_runtime()

GRACE_S: Final = 60
RESERVE_MS: Final = DUE_DEADLINE_MS + 15_000
"""Reserved for the accounts that were begun last: each may exceed its deadline by a backlog and a last attempt."""


def time_of(request: DueRequest | BackfillRequest, context: LambdaContext) -> Callable[[], bool]:
    """Whether the time of this invocation is up."""
    allowed_ms = context.get_remaining_time_in_millis() - RESERVE_MS
    budget_ms = allowed_ms if request.budget_s is None else min(request.budget_s * 1000, allowed_ms)
    ends_at_ms = runtime.monotonic_ms() + budget_ms
    return lambda: runtime.monotonic_ms() >= ends_at_ms


def plan_for(request: DueRequest, context: LambdaContext) -> Plan:
    return Plan(
        grace_ms=1000 * (GRACE_S if request.grace_s is None else request.grace_s),
        correlation_id=context.aws_request_id,
        now_ms=runtime.now_ms,
        is_time_up=time_of(request, context),
    )


def observe(run: Run, *, is_left: bool) -> None:
    """`is_left`: the run has not ended, and no further invocation continues it."""
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


def backfill(request: BackfillRequest, context: LambdaContext) -> dict[str, Any]:
    done = backfill_accounts(request.after, runtime.unlisted, time_of(request, context))
    runtime.observability.count("AccountsListed", done.listed)
    facts = {"accounts": done.accounts, "listed": done.listed, "is_finished": done.next is None}
    runtime.observability.logger.info("older accounts listed", extra=facts)
    return backfill_answer(done)


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if is_backfill(event):
        return backfill(backfill_request(event), context)
    runtime.observability.count("DueAsked")
    request = due_request(event)
    run = do_what_is_due(request.after, runtime.accounts, runtime.ledger, plan_for(request, context))
    is_more = request.scheduled and run.next is not None
    goes_on = is_more and request.round < ROUNDS_MAX
    observe(run, is_left=is_more and not goes_on)
    if goes_on:
        runtime.continuation.go_on(context.function_name, continued(request, run))
    return answer(run)
