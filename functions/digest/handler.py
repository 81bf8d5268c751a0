from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.inspection_bootstrap import digest_runtime
from shared.ledger.digest import Digest
from shared.usecases.make_digest import make_digest

runtime = digest_runtime()


def observe(digest: Digest) -> None:
    runtime.observability.count("DigestsMade")
    runtime.observability.count("HeadsDigested", digest.count)
    facts = {"number": digest.number, "count": digest.count, "root": digest.root}
    runtime.observability.logger.info("digest made", extra=facts)


@runtime.observability.logger.inject_lambda_context(clear_state=True)
@runtime.observability.metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    runtime.observability.count("DigestsAsked")
    digest = make_digest(runtime.accounts, runtime.store, runtime.signer, runtime.now_ms())
    observe(digest)
    return {name: getattr(digest, name) for name in Digest.__slots__}
