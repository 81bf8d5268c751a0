"""The audit table."""

from shared.adapters.dynamodb_audit import DynamoAuditTrail
from shared.ports.ledger import AuditTrail
from shared.runtime.settings import Settings


def trail_of(settings: Settings) -> AuditTrail:
    return DynamoAuditTrail(settings.audit_table)
