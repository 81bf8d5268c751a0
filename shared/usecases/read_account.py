"""Reads an account strongly, without expired grants and holds."""

from typing import Any

from shared.ledger.accounts import Account, AccountState
from shared.ledger.amounts import to_millicents
from shared.ledger.calendar import Periods
from shared.ledger.entries import public_balance, public_hold, public_limit
from shared.ledger.errors import AccountNotFound
from shared.ledger.grants import Grant
from shared.ledger.policies import Allowance, Policy, limit_values
from shared.ledger.ports import Ledger
from shared.ledger.times import rfc3339
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


def public_policy(policy: Policy, now_ms: int) -> dict[str, Any]:
    """What governs the account, as the API shows it: amounts in millicents."""
    return {
        "status": policy.status,
        "time_zone": policy.time_zone,
        "low_balance_thresholds": [to_millicents(each.amount) for each in policy.thresholds],
        "limits": [public_limit(limit_values(limit)) for limit in policy.limits_at(Periods(now_ms, policy.time_zone))],
        "allowance": None if policy.allowance is None else _public_allowance(policy.allowance),
        "parent": policy.parent,
    }


def known_state(account: Account, ledger: Ledger) -> AccountState:
    """The stored state. Raises AccountNotFound for an actor for whom nothing was ever recorded."""
    state = ledger.state(account)
    if state is None:
        raise _unknown(account)
    return state


def _unknown(account: Account) -> AccountNotFound:
    return AccountNotFound(f"account {account.actor} does not exist")


def _public_allowance(allowance: Allowance) -> dict[str, Any]:
    return {
        "amount": to_millicents(allowance.amount),
        "interval": allowance.interval,
        "priority": allowance.priority,
        "rollover_minimum": to_millicents(allowance.rollover_minimum),
        "rollover_maximum": to_millicents(allowance.rollover_maximum),
        "next_at": rfc3339(allowance.next_at_ms),
    }


def _public_grant(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "amount": to_millicents(grant.amount),
        "remaining": to_millicents(grant.remaining),
        "priority": grant.priority,
        "category": grant.category,
        "expires_at": None if grant.expires_at_ms is None else rfc3339(grant.expires_at_ms),
    }
