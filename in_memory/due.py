"""The accounts that are behind in a ledger in memory, a few to a page."""

import dataclasses
from collections.abc import Callable
from operator import attrgetter

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account
from shared.ports.due import AccountBehind, AccountsBehind


@dataclasses.dataclass  # noqa: TID251 - a test changes it
class MemoryDueAccounts:
    """Implements due_ports.DueAccounts. A cursor is the name of the account before it."""

    ledger: MemoryLedger
    page_size: int = 100
    on_page: Callable[[], None] = lambda: None

    def behind(self, before_ms: int, after: str | None) -> AccountsBehind:
        self.on_page()
        since_ms: dict[Account, int] = {}
        for account, hold in self.ledger.all_holds():
            if hold.is_due(before_ms):
                since_ms[account] = min(hold.expires_at_ms, since_ms.get(account, hold.expires_at_ms))
        listed = sorted(since_ms, key=attrgetter("tenant", "actor"))
        left = [each for each in listed if after is None or each.actor > after]
        page = left[: self.page_size]
        items = tuple(AccountBehind(each, since_ms[each], each.actor) for each in page)
        return AccountsBehind(items, page[-1].actor if len(left) > len(page) else None)
