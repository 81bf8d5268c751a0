from collections import Counter
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.audit.runtime import audit_runtime
from functions.audit.schema import messages
from shared.usecases.keep_activity import FeedKept, keep_activity
from shared.usecases.keep_audit import Audited, keep_audit

runtime = audit_runtime()


def observe(audited: list[Audited]) -> None:
    seen = runtime.observability
    results = Counter(each.result for each in audited)
    seen.count("AuditRowsKept", results["kept"])
    seen.count("AuditRowsDiffering", results["differs"])
    seen.count("AuditMessagesMalformed", results["malformed"])
    seen.logger.info("audit rows kept", extra={"results": dict(results)})
    for each in audited:
        if each.is_failed:
            seen.logger.error("audit row not kept", extra={"message_id": each.message_id, "result": each.result})


def observe_feed(feed: FeedKept) -> None:
    runtime.observability.count("ActivityLinesKept", feed.kept)
    if feed.lost:
        runtime.observability.count("ActivityLinesLost", feed.lost)
        runtime.observability.failed("activity not kept", feed.cause, number=feed.lost)


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    audited = keep_audit(messages(event), runtime.trail)
    observe(audited)
    observe_feed(keep_activity(audited, runtime.feed))
    return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in audited if each.is_failed]}
