"""The ingest queue: asynchronous charges of services."""

from collections import Counter
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.ingest.runtime import ingest_runtime
from functions.ingest.schema import requests
from shared.usecases.event_time import RecordingTime
from shared.usecases.record_batch import damages, failures
from shared.usecases.take_charges import Taken, take_charges

LAST_TRY_MS: Final = 3_000
"""For an attempt that begins just before the deadline: 1 s to connect, 2 s to read."""

runtime = ingest_runtime()


def observe(taken: list[Taken]) -> None:
    seen = runtime.observability
    results = Counter(each.result for each in taken)
    seen.count("IngestedChargesRecorded", results["recorded"] + results["refused"])
    seen.count("IngestedMessagesSetAside", results["set_aside"])
    seen.count("IngestedMessagesFailed", results["failed"])
    seen.logger.info("messages ingested", extra={"results": dict(results)})
    not_recorded = [each.failure for each in taken]
    for damage in damages(not_recorded):
        seen.damaged(damage)
    seen.failed_together("charges not recorded", failures(not_recorded))
    for each in taken:
        if each.poison is not None:
            said = {"message_id": each.letter.id, "sender": each.letter.sender, "code": each.poison.code}
            seen.logger.error("message set aside", extra=said | {"result": each.result, "why": each.poison.why})


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    def may_begin_another() -> bool:
        """Whether one more transaction would end before this function does."""
        remaining_ms: int = context.get_remaining_time_in_millis()
        return remaining_ms > runtime.deadline_ms + LAST_TRY_MS

    asked = requests(event, runtime.default_tenant, runtime.tenant_from)
    ledger, rates, poison_queue = runtime.ledger, runtime.rates, runtime.poison_queue
    time = RecordingTime(runtime.now_ms(), runtime.max_usage_age_days)
    taken = take_charges(asked, ledger, rates, poison_queue, time, may_begin_another)
    observe(taken)
    return {"batchItemFailures": [{"itemIdentifier": each.letter.id} for each in taken if each.result == "failed"]}
