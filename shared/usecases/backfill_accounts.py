"""Lists the accounts that older releases made and did not list.

It may be stopped at any time, and run again: an account that is listed stays as it is.
"""

from collections.abc import Callable

from shared.ledger.frozen import dataclass
from shared.ports.accounts import UnlistedAccounts


@dataclass(frozen=True, slots=True)
class Backfilled:
    """Of so many `accounts` so many were `listed`. `next` continues, None at the end."""

    accounts: int
    listed: int
    next: str | None


def backfill_accounts(after: str | None, accounts: UnlistedAccounts, is_time_up: Callable[[], bool]) -> Backfilled:
    """From `after` on (None: from the first), as far as time allows; at least one page."""
    looked_at = listed = 0
    while True:
        page = accounts.page(after)
        listed += sum(accounts.list_account(account) for account in page.accounts)
        looked_at, after = looked_at + page.looked_at, page.next
        if after is None or is_time_up():
            return Backfilled(looked_at, listed, after)
