"""A ledger driver: sends operations to a ledger, each with a new key, and verifies every resulting record."""

from itertools import count

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.operations import Operation, PlaceHold, Terms
from shared.ledger.policies import Policy
from shared.ledger.reducer import replay
from shared.ports.ledger import EntryFilter, Ledger
from shared.verification.accounts import verify_account
from tests.builders import ALICE, NOW_MS, SECOND_MS

TTL_MS = 600 * SECOND_MS


class LedgerDriver:
    """`now_ms` is the time of what is sent next; it can be set."""

    def __init__(self, ledger: Ledger | None = None, now_ms: int = NOW_MS) -> None:
        self.ledger = ledger or MemoryLedger()
        self.now_ms = now_ms
        self._numbers = count(1)
        self._accounts: set[Account] = set()

    def send(
        self,
        terms: Terms,
        account: Account = ALICE,
        *,
        app: str | None = None,
        meter: str | None = None,
        model: str | None = None,
    ) -> Entry:
        key = f"k{next(self._numbers)}"
        self._accounts.add(account)
        operation = Operation(account, key, terms, "service", f"request-of-{key}", app, meter, model=model)
        return self.ledger.record(operation, self.now_ms).entry

    def hold(self, amount: int, account: Account = ALICE, *, app: str | None = None, ttl_ms: int = TTL_MS) -> str:
        """The id of a hold that was placed."""
        entry = self.send(PlaceHold(amount, ttl_ms), account, app=app)
        assert entry.hold is not None
        return str(entry.hold["id"])

    def state(self, account: Account = ALICE) -> AccountState:
        return self.ledger.state(account) or AccountState(account)

    def policy(self, account: Account = ALICE) -> Policy:
        policy = self.state(account).policy
        assert policy is not None
        return policy

    def balances(self, account: Account = ALICE) -> tuple[int, int, int]:
        """Available, held, spent; once the records are checked."""
        self.check()
        state = self.state(account)
        return state.available, state.held, state.spent

    def entries(self, account: Account = ALICE) -> list[Entry]:
        return list(self.ledger.entries(account, EntryFilter(1000)).items)[::-1]

    def check(self) -> None:
        """Each record by itself adds up to its state, and every word of it is what the reducer says."""
        for account in self._accounts:
            entries, state = self.entries(account), self.state(account)
            assert verify_account(account, entries, state) == []
            assert replay(account, entries) == state
            assert sum(hold.remaining for hold in self.ledger.open_holds(account)) == state.held


def ending(entry: Entry) -> tuple[str, str | None]:
    return entry.outcome, entry.reason
