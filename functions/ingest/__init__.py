"""The audit trail: from the queue behind the bus to the audit table."""
