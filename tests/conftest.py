"""Fixtures of more than one suite."""

from tests.database import aws_credentials, database, new_ledger

__all__ = ["aws_credentials", "database", "new_ledger"]
