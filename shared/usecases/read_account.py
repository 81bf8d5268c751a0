"""Reads an account strongly, without expired grants and holds."""

from typing import Any

from shared.ledger.accounts import Account, AccountState
from shared.ledger.amounts import to_millicents
from shared.ledger.errors import AccountNotFound
from shared.ledger.views import _public_grant, public_balance, public_hold, public_policy
from shared.ports.ledger import Ledger
from shared.usecases.present_state import present_account


def read_account(account: Account, ledger: Ledger, now_ms: int) -> dict[str, Any]:
    """Raises AccountNotFound."""
    present = present_account(account, ledger, now_ms)
    if present is None:
        raise _unknown(account)
    state = present.state
    return {
        "actor": account.actor,
        **public_balance(state.balances),
        "overdraft_limit": to_millicents(state.overdraft_limit),
        "grants": [_public_grant(grant) for grant in state.grants],
        "holds": [public_hold(account, hold.summary) for hold in present.holds],
        "seq": state.seq,
        **({} if state.policy is None else public_policy(state.policy, now_ms)),
    }


def known_state(account: Account, ledger: Ledger) -> AccountState:
    """The stored state. Raises AccountNotFound for an actor without entries."""
    state = ledger.state(account)
    if state is None:
        raise _unknown(account)
    return state


def _unknown(account: Account) -> AccountNotFound:
    return AccountNotFound(f"account {account.actor} does not exist")
