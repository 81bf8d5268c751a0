"""An account as a reader must see it now: without what has expired since the last entry.

Expired grants are gone and expired holds are returned, although no entry says so yet: the next operation that needs
their credits writes it down.
"""

from dataclasses import dataclass
from typing import Final

from shared.ledger.accounts import Account, AccountState
from shared.ledger.holds import Hold
from shared.ledger.ports import Ledger
from shared.ledger.reducer import as_of, returned_as_of

_READS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Present:
    """`holds` are the open ones, first to expire first."""

    state: AccountState
    holds: tuple[Hold, ...]


def present_state(account: Account, ledger: Ledger, now_ms: int) -> AccountState | None:
    """None for an account that nothing was ever recorded for. Asks for holds only where one may have expired."""
    state = ledger.state(account)
    if state is None or not _may_hold_what_expired(state, now_ms):
        return None if state is None else as_of(state, now_ms)
    return _present(state, ledger, now_ms).state


def present_account(account: Account, ledger: Ledger, now_ms: int) -> Present | None:
    """As `present_state`, with the open holds."""
    state = ledger.state(account)
    if state is None:
        return None
    return _present(state, ledger, now_ms) if state.held else Present(as_of(state, now_ms), ())


def _may_hold_what_expired(state: AccountState, now_ms: int) -> bool:
    bound_ms = state.next_hold_expiry_ms
    return bool(state.held) and bound_ms is not None and bound_ms <= now_ms


def _present(state: AccountState, ledger: Ledger, now_ms: int) -> Present:
    """Returns what is due, in the reader's view alone.

    The listing of holds may trail the state. They belong together when they agree on what is held; where they do not
    after a few reads, the state stands as it is stored, which never shows more than there is.
    """
    account = state.account
    holds: tuple[Hold, ...] = ()
    for _ in range(_READS_MAX):
        holds = ledger.open_holds(account)
        if sum(hold.amount for hold in holds) == state.held:
            # Holds come first: what they return was there before what became due after they were over.
            return Present(as_of(_returned(state, holds, now_ms), now_ms), _open(holds, now_ms))
        state = ledger.state(account) or state
    return Present(as_of(state, now_ms), _open(holds, now_ms))


def _returned(state: AccountState, holds: tuple[Hold, ...], now_ms: int) -> AccountState:
    for due in (hold for hold in holds if hold.is_due(now_ms)):
        state = returned_as_of(state, due, now_ms)
    return state


def _open(holds: tuple[Hold, ...], now_ms: int) -> tuple[Hold, ...]:
    return tuple(hold for hold in holds if not hold.is_due(now_ms))
