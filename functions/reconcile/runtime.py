"""The runtime of the reconcile function."""

from collections.abc import Callable
from dataclasses import field

from shared.adapters.dynamodb_inspection import DynamoLedgerInspection
from shared.adapters.lambda_continuation import LambdaContinuation, lambda_client
from shared.composition.audit import trail_of
from shared.composition.boards import boards_of
from shared.composition.digests import digests_of
from shared.ledger.frozen import dataclass
from shared.ports.boards import BoardStore
from shared.ports.inspection import Continuation, DigestStore, LedgerInspection
from shared.ports.ledger import AuditTrail
from shared.runtime.clock import epoch_now_ms, monotonic_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRuntime:
    observability: Observability
    books: LedgerInspection
    digests: DigestStore
    trail: AuditTrail
    boards: BoardStore
    continuation: Continuation
    grace_s: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)
    monotonic_ms: Callable[[], int] = field(default=monotonic_now_ms)


def reconcile_runtime() -> ReconcileRuntime:
    settings = settings_of("reconcile")
    return ReconcileRuntime(
        observability=observability(settings),
        books=DynamoLedgerInspection(settings.ledger_table, settings.audit_table, settings.usage_table),
        digests=digests_of(settings),
        trail=trail_of(settings),
        boards=boards_of(settings),
        continuation=LambdaContinuation(lambda_client()),
        grace_s=settings.audit_grace_s,
    )
