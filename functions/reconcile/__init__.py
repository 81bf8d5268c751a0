"""Checks that the ledger adds up and that the audit table says the same; on a schedule and on demand."""
