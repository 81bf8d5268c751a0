"""Short spellings of ledger values for tests. Amounts are microcents unless a name says otherwise."""

from collections.abc import Iterable

from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.operations import Operation, Terms
from shared.ledger.reducer import apply

ALICE = Account("main", "user:alice")
NOW_MS = 1_763_900_000_000
SECOND_MS = 1000


def operation(key: str, terms: Terms, *, account: Account = ALICE, request: str | None = None) -> Operation:
    return Operation(account, key, terms, by="service", correlation_id=request or f"request-of-{key}")


def after(*terms: Terms, account: Account = ALICE, now_ms: int = NOW_MS) -> AccountState:
    """The state that these operations, each under a key of its own, lead to."""
    return history(*terms, account=account, now_ms=now_ms)[0]


def history(
    *terms: Terms, account: Account = ALICE, now_ms: int = NOW_MS, state: AccountState | None = None
) -> tuple[AccountState, list[Entry]]:
    state = state or AccountState(account)
    entries: list[Entry] = []
    for each in terms:
        change = apply(state, operation(f"key-{state.seq + 1}", each, account=account), now_ms)
        state = change.state
        entries.extend(change.entries)
    return state, entries


def remaining(state: AccountState) -> dict[str, int]:
    """What is left in each open grant, in draw-down order."""
    return {grant.id: grant.remaining for grant in state.grants}


def drawn(entry: Entry) -> dict[str, int]:
    return {draw.grant_id: draw.amount for draw in entry.drawn}


def outcomes(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    return [(entry.kind, entry.outcome) for entry in entries]
