"""The runtime of the history function."""

from collections.abc import Callable
from dataclasses import field

from shared.composition.audit import trail_of
from shared.composition.ledger import ledger_of
from shared.composition.parts import identity_of
from shared.composition.usage import usage_book_of
from shared.edge.identity import IdentityRule
from shared.ledger.frozen import dataclass
from shared.ports.ledger import AuditTrail, Ledger
from shared.ports.usage import UsageBook
from shared.runtime.clock import epoch_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRuntime:
    observability: Observability
    identity: IdentityRule
    ledger: Ledger
    trail: AuditTrail
    usage: UsageBook
    audit_grace_ms: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


def history_runtime() -> HistoryRuntime:
    settings = settings_of("history")
    return HistoryRuntime(
        observability=observability(settings),
        identity=identity_of(settings),
        ledger=ledger_of(settings),
        trail=trail_of(settings),
        usage=usage_book_of(settings),
        audit_grace_ms=settings.audit_grace_s * 1000,
    )
