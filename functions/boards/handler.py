from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.boards.runtime import boards_runtime
from functions.boards.schema import (
    BackfillRequest,
    SweepRequest,
    account_to_recount,
    answer,
    backfill_request,
    continued,
    is_backfill,
    is_recount,
    is_sweep,
    stream_batch,
    sweep_answer,
    sweep_request,
)
from shared.usecases.backfill_boards import backfill_boards
from shared.usecases.merge_boards import merge_boards, months_of, recount_account
from shared.usecases.sweep_boards import sweep_boards

runtime = boards_runtime()

RESERVE_MS: Final = 60_000
"""Reserved for the items that were read last."""


def take(event: Mapping[str, Any]) -> dict[str, Any]:
    """A batch of the stream, as a whole: what is taken again changes nothing."""
    batch = stream_batch(event, runtime.codec)
    observe_malformed(batch.malformed)
    changed = merge_boards(batch.registers, runtime.desk)
    for account, months in batch.removed.items():
        # What was deleted is counted again, maybe to less than it was.
        changed += recount_account(account, runtime.items, runtime.desk, months)
    runtime.observability.count("BoardsChanged", changed)
    runtime.observability.logger.info("boards merged", extra={"items": len(batch.registers), "boards": changed})
    return {"items": len(batch.registers), "boards": changed, "malformed": batch.malformed}


def time_of(request: BackfillRequest | SweepRequest, context: LambdaContext) -> Callable[[], bool]:
    """Whether the time of this invocation is up."""
    allowed_ms = context.get_remaining_time_in_millis() - RESERVE_MS
    budget_ms = allowed_ms if request.budget_s is None else min(request.budget_s * 1000, allowed_ms)
    ends_at_ms = runtime.monotonic_ms() + budget_ms
    return lambda: runtime.monotonic_ms() >= ends_at_ms


def sweep(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = sweep_request(event)
    done = sweep_boards(request.after, runtime.desk.store, time_of(request, context))
    runtime.observability.count("BoardTextsSwept", done.deleted)
    facts = {"texts": done.texts, "deleted": done.deleted, "is_finished": done.next is None}
    runtime.observability.logger.info("texts of boards swept", extra=facts)
    if request.scheduled and done.next is not None:
        runtime.continuation.go_on(context.function_name, continued(request, done))
    return sweep_answer(done)


def recount(event: Mapping[str, Any]) -> dict[str, Any]:
    account = account_to_recount(event)
    months = months_of(account.tenant, runtime.desk.store)
    changed = recount_account(account, runtime.items, runtime.desk, months)
    runtime.observability.count("BoardsChanged", changed)
    ids = {"tenant": account.tenant, "actor": account.actor}
    runtime.observability.logger.info("account recounted for its tenant", extra={**ids, "boards": changed})
    return {"boards": changed}


def backfill(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = backfill_request(event)
    done = backfill_boards(request.after, runtime.items, runtime.desk, time_of(request, context))
    observe_malformed(done.malformed)
    runtime.observability.count("BoardsChanged", done.boards)
    runtime.observability.logger.info(
        "boards backfilled", extra={"items": done.items, "is_finished": done.next is None}
    )
    return answer(done)


def observe_malformed(keys: Iterable[str]) -> None:
    """Items that the reconciler reports too: they must not hold up the others."""
    for key in keys:
        runtime.observability.count("UsageItemsMalformed", 1)
        runtime.observability.logger.error("no sums of an account", extra={"key": key})


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if is_recount(event):
        return recount(event)
    if is_sweep(event):
        return sweep(event, context)
    return backfill(event, context) if is_backfill(event) else take(event)
