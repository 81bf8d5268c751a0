"""Records a mutation exactly once, and returns its effect."""

from typing import Any

from shared.ledger.amounts import to_millicents
from shared.ledger.entries import Entry, public_balance, public_entry, public_hold
from shared.ledger.operations import GrantCredits, Operation
from shared.ledger.ports import Ledger
from shared.ledger.protocol import Recorded
from shared.ledger.times import rfc3339


def record_operation(operation: Operation, ledger: Ledger, now_ms: int) -> Recorded:
    return ledger.record(operation, now_ms)


def effect_of(entry: Entry) -> dict[str, Any]:
    """What an entry did, as the API says it. Made of the entry alone: a replay says the same word for word."""
    effect: dict[str, Any] = {"entry": public_entry(entry), "balance": public_balance(entry.after)}
    if entry.hold is not None:
        effect["hold"] = public_hold(entry.account, entry.hold)
    if entry.outcome == "partial":
        effect["shortfall"] = to_millicents(entry.shortfall)
    if isinstance(entry.terms, GrantCredits) and not entry.is_refused:
        effect["grant"] = _grant(entry, entry.terms)
    if entry.kind == "configure":
        effect["settings"] = effect["entry"]["settings"]
    return effect


def _grant(entry: Entry, terms: GrantCredits) -> dict[str, Any]:
    """The grant as this operation made it: what an overdraft took at once is gone from it.

    It may have joined an older one alike in priority, expiry and category, which is then the one that an account lists.
    """
    owed = max(-entry.before.available, 0)
    return {
        "id": f"g{entry.seq}",
        "amount": to_millicents(terms.amount),
        "remaining": to_millicents(max(terms.amount - owed, 0)),
        "priority": terms.priority,
        "category": terms.category,
        "expires_at": None if terms.expires_at_ms is None else rfc3339(terms.expires_at_ms),
    }
