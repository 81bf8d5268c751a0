"""The accounts of a tenant in the order of their names, each with the figures that reading it alone would show.

A filter looks at accounts, not at an index of what it asks for: whether an account is low changes with every charge. So
one page looks at a bounded number of accounts, and may have few items, or none, before the end of the list.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from shared.ledger.accounts import Account, AccountState
from shared.ledger.due import may_hold_what_is_due
from shared.ledger.frozen import dataclass
from shared.ledger.policies import Status
from shared.ledger.times import rfc3339
from shared.ledger.views import public_balance
from shared.ports.accounts import AccountList
from shared.ports.ledger import Ledger
from shared.usecases.present_state import as_present

LOOKED_AT_MAX: Final = 400
"""Accounts that one page looks at."""
_AT_ONCE: Final = 100
_PRESENTED_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class AccountsWanted:
    """At most `limit` accounts whose names begin with `prefix` and come after `after`.

    `status` and `is_low` leave out the others; None: any.
    """

    limit: int
    prefix: str = ""
    after: str | None = None
    status: Status | None = None
    is_low: bool | None = None

    @property
    def is_sieve(self) -> bool:
        return self.status is not None or self.is_low is not None

    def admits(self, state: AccountState) -> bool:
        return self.status in {None, _status(state)} and self.is_low in {None, state.is_low}


@dataclass(frozen=True, slots=True)
class AccountsPage:
    """`next_after` is the last name that was looked at, None at the end of the list.

    `damaged` are listed, but have no state that can be read.
    """

    items: tuple[AccountState, ...]
    next_after: str | None
    damaged: tuple[Account, ...] = ()


def list_accounts(
    tenant: str, wanted: AccountsWanted, accounts: AccountList, ledger: Ledger, now_ms: int
) -> AccountsPage:
    page = _Page(wanted.limit)
    after, looked_at = wanted.after, 0
    while True:
        room = min(_AT_ONCE if wanted.is_sieve else wanted.limit - len(page.found), LOOKED_AT_MAX - looked_at)
        names = accounts.names(tenant, wanted.prefix, after, room)
        listed = [Account(tenant, actor) for actor in names.actors]
        states = _present(accounts.states(listed), ledger, now_ms)
        last = page.take(listed, states, wanted)
        after, looked_at = last or names.next_after, looked_at + max(len(listed), 1)
        if last or after is None or looked_at >= LOOKED_AT_MAX:
            is_over = names.next_after is None and last in {None, *names.actors[-1:]}
            return AccountsPage(tuple(page.found), None if is_over else after, tuple(page.damaged))


class _Page:
    def __init__(self, limit: int) -> None:
        self.found: list[AccountState] = []
        self.damaged: list[Account] = []
        self._limit = limit

    def take(
        self, listed: Sequence[Account], states: Mapping[Account, AccountState], wanted: AccountsWanted
    ) -> str | None:
        """The name at which the page became full, if it did."""
        for account in listed:
            state = states.get(account)
            if state is None:
                self.damaged.append(account)
            elif wanted.admits(state):
                self.found.append(state)
            if len(self.found) == self._limit:
                return account.actor
        return None


def _present(stored: Mapping[Account, AccountState], ledger: Ledger, now_ms: int) -> Mapping[Account, AccountState]:
    """With what is due applied. The holds of those in which some may have expired are listed, a few at once."""
    behind = {account: state for account, state in stored.items() if may_hold_what_is_due(state, now_ms)}
    with ThreadPoolExecutor(_PRESENTED_AT_ONCE) as threads:
        looked_up = threads.map(lambda state: as_present(state, ledger, now_ms), behind.values())
        present = dict(zip(behind, looked_up, strict=True))
    return {account: present.get(account) or as_present(state, ledger, now_ms) for account, state in stored.items()}


def public_account(state: AccountState) -> dict[str, Any]:
    """An account in a listing, as the API shows it: amounts in millicents."""
    return {
        "actor": state.account.actor,
        **public_balance(state.balances),
        "status": _status(state),
        "seq": state.seq,
        "updated_at": None if state.updated_at_ms is None else rfc3339(state.updated_at_ms),
        "low": state.is_low,
    }


def _status(state: AccountState) -> Status:
    return "frozen" if state.is_frozen else "open"
