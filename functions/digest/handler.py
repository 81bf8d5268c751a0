from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.digest.runtime import digest_runtime
from shared.ledger.events import digest_event
from shared.usecases.make_digest import MadeDigest, make_digest
from shared.usecases.prove_account import public_digest
from shared.verification.digest import Digest

runtime = digest_runtime()

SHOWN_MAX: Final = 100
"""Regressions in an answer; all that are listed lie beside the digest."""


def observe(made: MadeDigest) -> None:
    seen, digest = runtime.observability, made.digest
    seen.count("DigestsMade")
    seen.count("HeadsDigested", digest.count)
    seen.count("DigestRegressions", digest.regressions)
    seen.logger.info("digest made", extra={"number": digest.number, "count": digest.count, "root": digest.root})
    for each in made.regressions.listed:
        ids = {"number": digest.number, "tenant": each.tenant, "actor": each.actor}
        seen.logger.error("digest contradicts the last", extra={**ids, "problem": each.problem})


def publish(made: MadeDigest) -> None:
    """Tells those who keep digests. One that the bus did not take can be asked for by its number."""
    event = digest_event(public_digest(made.signed), made.digest.number, made.digest.made_at)
    published = runtime.bus.publish([event])
    runtime.observability.count("DigestEventsLost", len(published.failed))
    if published.failed:
        runtime.observability.failed("digest event lost", published.cause, number=made.digest.number)


@runtime.observability.invoked()
def lambda_handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    runtime.observability.count("DigestsAsked")
    made = make_digest(runtime.accounts, runtime.store, runtime.signer, runtime.now_ms())
    observe(made)
    publish(made)
    return {name: getattr(made.digest, name) for name in Digest.__slots__} | {
        "findings": [
            {"tenant": each.tenant, "actor": each.actor, "problem": each.problem}
            for each in made.regressions.listed[:SHOWN_MAX]
        ]
    }
