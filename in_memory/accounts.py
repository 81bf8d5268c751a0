"""The accounts of a ledger in memory."""

from collections.abc import Mapping, Sequence

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account, AccountState
from shared.ports.accounts import Names


class MemoryAccounts:
    """Implements ports.AccountList."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    def names(self, tenant: str, prefix: str, after: str | None, limit: int) -> Names:
        of_tenant = sorted(each.actor for each in self._ledger.all_accounts() if each.tenant == tenant)
        known = [actor for actor in of_tenant if actor.startswith(prefix) and (after is None or actor > after)]
        return Names(tuple(known[:limit]), known[limit - 1] if len(known) > limit else None)

    def states(self, accounts: Sequence[Account]) -> Mapping[Account, AccountState]:
        found = {account: self._ledger.state(account) for account in accounts}
        return {account: state for account, state in found.items() if state is not None}
