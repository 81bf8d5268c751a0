"""The runtime of the audit function."""

from shared.composition.audit import trail_of
from shared.ledger.frozen import dataclass
from shared.ports.ledger import AuditTrail
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRuntime:
    observability: Observability
    trail: AuditTrail


def audit_runtime() -> AuditRuntime:
    settings = settings_of("audit")
    return AuditRuntime(observability=observability(settings), trail=trail_of(settings))
