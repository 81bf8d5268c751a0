"""An account as readers must see it now: with all due items applied, even if they have no entry yet.

Expired grants are gone, expired holds are returned, and refills have come, in the order of their instants, as the next
operation will record them.
"""

from typing import Final

from shared.ledger.accounts import Account, AccountState
from shared.ledger.due import DueHolds, in_due_order, may_hold_what_is_due
from shared.ledger.frozen import dataclass
from shared.ledger.holds import Hold
from shared.ledger.reducer import as_of
from shared.ports.ledger import Ledger

_READS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Present:
    """`holds` are the open ones, first to expire first."""

    state: AccountState
    holds: tuple[Hold, ...]


def present_state(account: Account, ledger: Ledger, now_ms: int) -> AccountState | None:
    """None for an account without entries. Lists holds only if one may have expired."""
    state = ledger.state(account)
    return None if state is None else as_present(state, ledger, now_ms)


def as_present(state: AccountState, ledger: Ledger, now_ms: int) -> AccountState:
    """The same, of a state that has just been read."""
    return _present(state, ledger, now_ms).state if may_hold_what_is_due(state, now_ms) else as_of(state, now_ms)


def present_account(account: Account, ledger: Ledger, now_ms: int) -> Present | None:
    """The same as `present_state`, with the open holds."""
    state = ledger.state(account)
    if state is None:
        return None
    return _present(state, ledger, now_ms) if state.open_holds else Present(as_of(state, now_ms), ())


def _present(state: AccountState, ledger: Ledger, now_ms: int) -> Present:
    """Applies due items in the reader's copy alone.

    The listing of holds may be behind the state. They match if they agree on the held amount. If they still differ
    after a few reads, the stored state is used, which never shows more than is available.
    """
    account = state.account
    holds: tuple[Hold, ...] = ()
    for _ in range(_READS_MAX):
        holds = ledger.open_holds(account)
        if sum(hold.remaining for hold in holds) == state.held:
            due = DueHolds(in_due_order([hold for hold in holds if hold.is_due(now_ms)]))
            return Present(as_of(state, now_ms, due), _open(holds, now_ms))
        state = ledger.state(account) or state
    return Present(as_of(state, now_ms), _open(holds, now_ms))


def _open(holds: tuple[Hold, ...], now_ms: int) -> tuple[Hold, ...]:
    return tuple(hold for hold in holds if not hold.is_due(now_ms))
