"""The runtime of the ingest function."""

from collections.abc import Callable
from dataclasses import field

from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.failure_queue import sqs_client
from shared.adapters.poison_queue import SqsPoisonQueue
from shared.composition.rates import rate_book_of
from shared.ledger.frozen import dataclass
from shared.ports.ingest import PoisonQueue
from shared.ports.ledger import Ledger
from shared.pricing.cards import RateBook
from shared.runtime.clock import epoch_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import IngestTenant, settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRuntime:
    """`deadline_ms` applies to one transaction of the ledger."""

    observability: Observability
    default_tenant: str
    tenant_from: IngestTenant
    ledger: Ledger
    rates: RateBook
    max_usage_age_days: int
    poison_queue: PoisonQueue
    deadline_ms: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


def ingest_runtime() -> IngestRuntime:
    settings = settings_of("ingest")
    seen = observability(settings)
    return IngestRuntime(
        observability=seen,
        default_tenant=settings.default_tenant,
        tenant_from=settings.ingest_tenant,
        ledger=DynamoLedger(settings.ledger_table, settings.ledger_deadline_ms),
        rates=rate_book_of(settings),
        max_usage_age_days=settings.max_usage_age_days,
        poison_queue=SqsPoisonQueue(settings.failure_queue_url, sqs_client(), seen.failed),
        deadline_ms=settings.ledger_deadline_ms,
    )
