from collections import Counter as Tallied
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.usage.runtime import usage_runtime
from functions.usage.schema import wakes
from shared.usecases.count_usage import Counter, Counting, count_usage

LAST_STEP_MS: Final = 15_000
"""A step that begins just in time: a read and an addition, each within the deadline of its table."""

runtime = usage_runtime()


def observe(countings: list[Counting]) -> None:
    seen = runtime.observability
    fates = Tallied(each.fate for each in countings)
    seen.count("UsageMessagesCounted", fates["counted"])
    seen.count("UsageMessagesWaiting", fates["waiting"])
    seen.count("UsageMessagesMalformed", fates["malformed"])
    seen.logger.info("usage counted", extra={"fates": dict(fates)})
    for each in countings:
        if each.is_failed:
            seen.logger.error("usage not counted", extra={"message_id": each.message_id, "fate": each.fate})


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    def has_time() -> bool:
        remaining_ms: int = context.get_remaining_time_in_millis()
        return remaining_ms > LAST_STEP_MS

    counter = Counter(runtime.entries, runtime.book, has_time, runtime.pause)
    countings = count_usage(wakes(event), counter)
    observe(countings)
    return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in countings if each.is_failed]}
