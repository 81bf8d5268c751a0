"""The runtime of the audit function."""

from shared.composition.activity_writer import feed_to_write
from shared.composition.audit import trail_of
from shared.ledger.frozen import dataclass
from shared.ports.activity import ActivityFeed
from shared.ports.ledger import AuditTrail
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRuntime:
    observability: Observability
    trail: AuditTrail
    feed: ActivityFeed


def audit_runtime() -> AuditRuntime:
    settings = settings_of("audit")
    return AuditRuntime(observability=observability(settings), trail=trail_of(settings), feed=feed_to_write(settings))
