from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.outbox.runtime import outbox_runtime
from functions.outbox.schema import new_entries
from shared.usecases.publish_entries import Publication, publish_entries

runtime = outbox_runtime()


class BusUnavailable(Exception):
    """The bus accepted no event of a batch.

    The error propagates, so that the whole batch is delivered again and counts as an error of the function.
    """


def observe(publication: Publication) -> None:
    seen = runtime.observability
    seen.count("EventsPublished", publication.published)
    seen.count("RecordsPoisoned", publication.poisoned)
    seen.count("EventsNotPublished", len(publication.failed))
    figures = {
        "published": publication.published,
        "poisoned": publication.poisoned,
        "failed": len(publication.failed),
    }
    seen.logger.info("entries published", extra=figures)
    if publication.failed:
        seen.failed("entries not published", publication.cause, failed=len(publication.failed))


@runtime.observability.invoked()
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    publication = publish_entries(
        new_entries(event, runtime.is_entry_sk, runtime.text_of),
        runtime.bus,
        runtime.failure_queue,
        size_bytes=runtime.size_bytes,
        pause=runtime.pause,
    )
    observe(publication)
    if publication.is_outage:
        raise BusUnavailable(f"{len(publication.failed)} events wait for the bus") from publication.cause
    return {"batchItemFailures": [{"itemIdentifier": number} for number in publication.failed]}
