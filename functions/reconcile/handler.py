from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.reconcile.runtime import reconcile_runtime
from functions.reconcile.schema import ReconcileRequest, answer, continued, reconcile_request
from shared.usecases.board_sums import BoardSums
from shared.usecases.reconcile_accounts import (
    LastDigest,
    ReconcileTerms,
    Run,
    Sources,
    reconcile_accounts,
    reconcile_one,
)

runtime = reconcile_runtime()

RESERVE_MS: Final = 30_000
"""Reserved for the last account's repairs and for invoking the next run."""


def policy_for(request: ReconcileRequest, context: LambdaContext) -> ReconcileTerms:
    allowed_ms = context.get_remaining_time_in_millis() - RESERVE_MS
    budget_ms = allowed_ms if request.budget_s is None else min(request.budget_s * 1000, allowed_ms)
    ends_at_ms = runtime.monotonic_ms() + budget_ms
    return ReconcileTerms(
        now_ms=runtime.now_ms(),
        grace_ms=1000 * (runtime.grace_s if request.grace_s is None else request.grace_s),
        repair=request.repair,
        is_time_up=lambda: runtime.monotonic_ms() >= ends_at_ms,
    )


def observe(run: Run) -> None:
    seen = runtime.observability
    seen.count("AccountsVerified", run.accounts)
    seen.count("AccountsUnverified", len(run.unverified))
    seen.count("DriftMicrocents", run.drift_microcents)
    seen.count("Findings", len(run.findings))
    seen.count("AuditRowsLate", run.late)
    seen.count("AuditRowsRepaired", run.repaired)
    seen.logger.info("accounts reconciled", extra={"accounts": run.accounts, "is_finished": run.next is None})
    for account in run.unverified:
        seen.logger.error("account too large for one run", extra={"tenant": account.tenant, "actor": account.actor})
    for found in run.findings:
        ids = {"tenant": found.account.tenant, "actor": found.account.actor, "seq": found.seq}
        seen.logger.error("account does not hold", extra={**ids, "place": found.place, "problem": found.problem})


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    runtime.observability.count("ReconciliationsAsked")
    request = reconcile_request(event)
    policy = policy_for(request, context)
    sources = Sources(runtime.books, runtime.trail, LastDigest(runtime.digests), BoardSums(runtime.boards))
    if request.account:
        run = reconcile_one(request.account, sources, policy)
    else:
        run = reconcile_accounts(request.after, sources, policy)
    observe(run)
    if request.scheduled and run.next is not None:
        runtime.continuation.go_on(context.function_name, continued(request, run))
    return answer(run)
