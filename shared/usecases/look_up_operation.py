"""Looks up the outcome of an operation by its key."""

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.errors import OperationNotFound
from shared.ports.ledger import Ledger


def look_up_operation(account: Account, key: str, ledger: Ledger) -> Entry:
    """Raises OperationNotFound if no entry has the key."""
    entry = ledger.entry(account, key)
    if entry is None:
        raise OperationNotFound(f"account {account.actor} has no operation with the key {key}")
    return entry
