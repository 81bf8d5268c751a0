"""The entries of an account, newest first."""

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ports.ledger import EntryFilter, Ledger, Page
from shared.usecases.read_account import known_state


def list_entries(account: Account, wanted: EntryFilter, ledger: Ledger) -> Page[Entry]:
    """Raises AccountNotFound for an actor without entries."""
    page = ledger.entries(account, wanted)
    if not page.items:
        known_state(account, ledger)
    return page
