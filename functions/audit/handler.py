from collections import Counter
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.audit.runtime import audit_runtime
from functions.audit.schema import messages
from shared.usecases.keep_audit import Audited, keep_audit

runtime = audit_runtime()


def observe(audited: list[Audited]) -> None:
    seen = runtime.observability
    fates = Counter(each.fate for each in audited)
    seen.count("AuditRowsKept", fates["kept"])
    seen.count("AuditRowsDiffering", fates["differs"])
    seen.count("AuditMessagesMalformed", fates["malformed"])
    seen.logger.info("audit rows kept", extra={"fates": dict(fates)})
    for each in audited:
        if each.is_failed:
            seen.logger.error("audit row not kept", extra={"message_id": each.message_id, "fate": each.fate})


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    audited = keep_audit(messages(event), runtime.trail)
    observe(audited)
    return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in audited if each.is_failed]}
