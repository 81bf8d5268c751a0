"""Random histories against a model so plain that it can be believed at a glance: a list of lots and five sums."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.ledger.accounts import AccountState
from shared.ledger.chain import breaks
from shared.ledger.entries import Entry
from shared.ledger.grants import MAX_OPEN_GRANTS
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, IfInsufficient, Terms
from shared.ledger.reducer import apply, as_of, replay
from tests.builders import ALICE, NOW_MS, operation

AMOUNTS = st.integers(min_value=0, max_value=300)
NEVER = 10**18


@dataclass
class Lot:
    priority: int
    expires_at_ms: int
    left: int


@dataclass
class PlainAccount:
    """What an account is worth, kept without sequence, hashes, merging or limits on the number of lots."""

    overdraft_limit: int = 0
    debt: int = 0
    funded: int = 0
    spent: int = 0
    expired: int = 0
    lots: list[Lot] = field(default_factory=list)

    @property
    def available(self) -> int:
        return sum(lot.left for lot in self.lots) - self.debt

    def expire(self, now_ms: int) -> None:
        for lot in self.lots:
            if lot.expires_at_ms <= now_ms:
                self.expired += lot.left
                lot.left = 0

    def add(self, amount: int, priority: int, expires_at_ms: int) -> None:
        repaid = min(self.debt, amount)
        self.debt -= repaid
        self.funded += amount
        self.lots.append(Lot(priority, expires_at_ms, amount - repaid))

    def take(self, amount: int, *, last_first: bool = False) -> None:
        for lot in sorted(self.lots, key=lambda lot: (lot.priority, lot.expires_at_ms), reverse=last_first):
            taken = min(lot.left, amount)
            lot.left -= taken
            amount -= taken
        self.debt += amount

    def left_by_rank(self) -> dict[tuple[int, int], int]:
        sums: dict[tuple[int, int], int] = {}
        for lot in self.lots:
            if lot.left:
                rank = (lot.priority, lot.expires_at_ms)
                sums[rank] = sums.get(rank, 0) + lot.left
        return sums


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ms = NOW_MS
        self.state = AccountState(ALICE)
        self.opening = self.state
        self.entries: list[Entry] = []
        self.plain = PlainAccount()

    @initialize(overdraft_limit=st.sampled_from([0, 0, 50]))
    def open_account(self, overdraft_limit: int) -> None:
        self.state = self.opening = AccountState(ALICE, overdraft_limit=overdraft_limit)
        self.plain.overdraft_limit = overdraft_limit

    def send(self, terms: Terms) -> Entry:
        change = apply(self.state, operation(f"k{len(self.entries)}", terms), self.now_ms)
        self.state = change.state
        self.entries.extend(change.entries)
        return change.entries[-1]

    @rule(cost=AMOUNTS, mode=st.sampled_from(["refuse", "overdraw", "partial"]))
    def charge(self, cost: int, mode: IfInsufficient) -> None:
        entry = self.send(Charge(cost, mode))
        affordable = max(self.plain.available + self.plain.overdraft_limit, 0)
        takes = cost if cost <= affordable or mode == "overdraw" else affordable if mode == "partial" else 0
        assert -entry.amount == takes
        assert entry.is_refused == (mode == "refuse" and cost > affordable)
        self.plain.spent += takes
        self.plain.take(takes)

    @rule(change=st.integers(min_value=-200, max_value=200), stale=st.booleans(), force=st.booleans())
    def update_funding(self, change: int, stale: bool, force: bool) -> None:
        old = self.state.funded + stale
        entry = self.send(FundingUpdate(old, max(old + change, 0), force))
        change = max(old + change, 0) - old
        below = change < 0 and self.plain.available + change < -self.plain.overdraft_limit
        assert entry.is_refused == (stale or (below and not force))
        if entry.is_refused:
            return
        if change >= 0:
            self.plain.add(change, 10, NEVER)
        else:
            self.plain.funded += change
            self.plain.take(-change, last_first=True)

    @rule(
        amount=st.integers(min_value=1, max_value=200),
        priority=st.integers(0, 3),
        lasts_ms=st.sampled_from([5, 50, None]),
    )
    def grant(self, amount: int, priority: int, lasts_ms: int | None) -> None:
        expires_at_ms = None if lasts_ms is None else self.now_ms // 20 * 20 + 20 + lasts_ms
        entry = self.send(GrantCredits(amount, priority=priority, expires_at_ms=expires_at_ms))
        if not entry.is_refused:
            self.plain.add(amount, priority, NEVER if expires_at_ms is None else expires_at_ms)
        else:
            assert len(self.state.grants) == MAX_OPEN_GRANTS

    @rule(passed_ms=st.integers(min_value=1, max_value=40))
    def let_time_pass(self, passed_ms: int) -> None:
        self.now_ms += passed_ms
        self.plain.expire(self.now_ms)

    @invariant()
    def the_state_is_worth_what_the_plain_account_is_worth(self) -> None:
        seen = as_of(self.state, self.now_ms)
        assert (seen.available, seen.funded, seen.spent) == (
            self.plain.available,
            self.plain.funded,
            self.plain.spent,
        )

    @invariant()
    def grants_hold_what_is_available(self) -> None:
        seen = as_of(self.state, self.now_ms)
        assert sum(grant.remaining for grant in seen.grants) == max(seen.available, 0)
        left = {
            (grant.priority, NEVER if grant.expires_at_ms is None else grant.expires_at_ms): grant.remaining
            for grant in seen.grants
        }
        assert left == self.plain.left_by_rank()
        assert len(seen.grants) <= MAX_OPEN_GRANTS

    @invariant()
    def nothing_appears_or_vanishes(self) -> None:
        state = self.state
        assert state.available + state.held + state.spent + state.expired == state.funded

    @invariant()
    def the_record_is_dense_chained_and_replays_to_the_state(self) -> None:
        assert [entry.seq for entry in self.entries] == list(range(1, self.state.seq + 1))
        assert breaks(self.entries) == []
        if not self.opening.overdraft_limit:
            assert replay(ALICE, self.entries) == self.state


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
