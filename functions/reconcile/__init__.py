"""Checks that the ledger adds up and that the audit table matches; on a schedule and on demand."""
