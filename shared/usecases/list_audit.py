"""The audit rows of an account, newest first, and whether they are a whole piece of its history."""

from dataclasses import dataclass

from shared.ledger.accounts import GENESIS_HASH, Account
from shared.ledger.chain import breaks
from shared.ledger.entries import Entry
from shared.ledger.ports import AuditTrail, Ledger, Page
from shared.usecases.read_account import known_state


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`is_verified`: no row of the page, nor between it and the next, is missing, altered or out of place."""

    page: Page[Entry]
    is_verified: bool


def list_audit(account: Account, limit: int, before_seq: int | None, trail: AuditTrail, ledger: Ledger) -> AuditPage:
    """Raises AccountNotFound for an actor for whom nothing was ever recorded."""
    # One row more than is shown: the page must link to it.
    found = trail.page(account, limit + 1, before_seq)
    if not found.items:
        known_state(account, ledger)
    shown, beyond = found.items[:limit], found.items[limit:]
    page = Page(shown, shown[-1].seq if beyond else found.next_before_seq)
    return AuditPage(page, found.is_whole and _is_whole(shown, beyond, before_seq))


def _is_whole(shown: tuple[Entry, ...], beyond: tuple[Entry, ...], before_seq: int | None) -> bool:
    if not shown:
        return before_seq in {None, 1}
    if before_seq is not None and shown[0].seq != before_seq - 1:
        return False
    after_seq, after_hash = (beyond[0].seq, beyond[0].hash) if beyond else (0, GENESIS_HASH)
    return not breaks(reversed(shown), after_seq=after_seq, after_hash=after_hash)
