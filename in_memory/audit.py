"""An audit trail in memory."""

from threading import Lock

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.events import Event
from shared.ports.ledger import Kept, Page


class MemoryAuditTrail:
    """Implements ports.AuditTrail; `checks` holds the events of checks by account and name."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Account, dict[int, tuple[Entry, str]]] = {}
        self.checks: dict[tuple[Account, str], Event] = {}

    def keep_entry(self, entry: Entry, event_id: str) -> Kept:
        with self._lock:
            copies = self._entries.setdefault(entry.account, {})
            if entry.seq not in copies:
                copies[entry.seq] = (entry, event_id)
                return "kept"
            return "already_kept" if copies[entry.seq] == (entry, event_id) else "differs"

    def keep_check(self, event: Event) -> Kept:
        detail = event.detail
        name = f"{detail['occurred_at']}#{detail['data']['check_id']}"
        with self._lock:
            stored = self.checks.setdefault((Account(detail["tenant"], detail["actor"]), name), event)
        if stored is event:
            return "kept"
        return "already_kept" if stored == event else "differs"

    def page(self, account: Account, limit: int, before_seq: int | None) -> Page[Entry]:
        with self._lock:
            copies = {seq: entry for seq, (entry, _) in self._entries.get(account, {}).items()}
        older = sorted((seq for seq in copies if before_seq is None or seq < before_seq), reverse=True)
        shown = tuple(copies[seq] for seq in older[:limit] if copies[seq].seq == seq)
        is_whole = len(shown) == len(older[:limit])
        return Page(shown, older[limit - 1] if len(older) > limit else None, is_whole)
