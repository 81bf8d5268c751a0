"""What is due is done although nobody calls: of every account that is behind, whatever becomes of the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Barrier, Lock

import pytest

from in_memory.due import MemoryDueAccounts
from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account
from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.operations import Configure, FundingUpdate, GrantCredits, PlaceHold
from shared.usecases.do_what_is_due import ACCOUNTS_AT_ONCE, BEHIND_MS, Plan, Run, do_what_is_due
from shared.usecases.present_state import present_state
from tests.builders import ALICE, NOW_MS, SECOND_MS
from tests.ledger_driver import LedgerDriver
from tests.unit.ledger.test_allowances import START_MS, allowance, at

TTL_MS = 10 * SECOND_MS
GRACE_MS = 60 * SECOND_MS
WEEK_MS = 7 * 24 * 3600 * SECOND_MS


class StrikingLedger(MemoryLedger):
    """Fails for some accounts; says who was gone to and when."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: dict[Account, Exception] = {}
        self.asked: list[tuple[Account, int]] = []
        self.together: Barrier | None = None
        self._asking = Lock()

    def do_what_is_due(self, account: Account, correlation_id: str, now_ms: int) -> int:
        with self._asking:
            self.asked.append((account, now_ms))
        if self.together is not None:
            self.together.wait(timeout=10)
        if account in self.failing:
            raise self.failing[account]
        return super().do_what_is_due(account, correlation_id, now_ms)


@dataclass
class Round:
    """Accounts that leaked a hold, and whoever goes round them."""

    ledger: StrikingLedger = field(default_factory=StrikingLedger)
    page_size: int = 100
    time_left: int = 10**9
    """How often there is time yet."""

    def __post_init__(self) -> None:
        self.driver = LedgerDriver(self.ledger)
        self.accounts = MemoryDueAccounts(self.ledger, self.page_size)

    def leak(self, accounts: Sequence[Account], holds: int = 1) -> None:
        for account in accounts:
            self.driver.send(FundingUpdate(0, 100), account)
            for _ in range(holds):
                self.driver.send(PlaceHold(10, TTL_MS), account)

    def go(self, after: str | None = None, grace_ms: int = GRACE_MS) -> Run:
        plan = Plan(grace_ms, "background", lambda: self.driver.now_ms, self._is_time_up)
        return do_what_is_due(after, self.accounts, self.ledger, plan)

    def held(self, accounts: Sequence[Account]) -> list[int]:
        return [self.driver.state(account).held for account in accounts]

    def _is_time_up(self) -> bool:
        self.time_left -= 1
        return self.time_left < 0


def actors(number: int) -> list[Account]:
    return [Account("main", f"user:{each:03}") for each in range(number)]


def test_an_account_that_nobody_calls_for_weeks_is_tidy_all_the_same() -> None:
    round_ = Round()
    round_.leak([ALICE], holds=5)
    round_.driver.now_ms += 3 * WEEK_MS
    run = round_.go()
    assert (run.accounts, run.entries, run.next) == (1, 5, None)
    assert round_.driver.balances() == (100, 0, 0)
    assert {entry.correlation_id for entry in round_.driver.entries() if entry.kind == "expire"} == {"background"}
    assert round_.go() == Run(None)


def test_refills_and_grants_of_such_an_account_are_done_in_the_same_line() -> None:
    round_ = Round()
    driver = round_.driver
    driver.now_ms = START_MS
    driver.send(Configure(allowance=allowance(20, "daily")))
    driver.send(GrantCredits(10, "promotional", expires_at_ms=START_MS + WEEK_MS))
    driver.hold(25, ttl_ms=TTL_MS)
    driver.now_ms = at("2026-01-20")
    shown = present_state(ALICE, driver.ledger, driver.now_ms)
    round_.go()
    driver.check()
    assert shown is not None
    stored = driver.state()
    assert (stored.available, stored.funded, stored.grants) == (shown.available, shown.funded, shown.grants)
    assert {"expire", "allowance"} <= {entry.kind for entry in driver.entries()}


def test_who_was_over_a_moment_ago_is_left_to_the_next_operation() -> None:
    round_ = Round()
    round_.leak([ALICE])
    round_.driver.now_ms += TTL_MS + GRACE_MS - 1
    assert (round_.go().accounts, round_.held([ALICE])) == (0, [10])
    round_.driver.now_ms += 1
    assert (round_.go().accounts, round_.held([ALICE])) == (1, [0])


def test_an_account_without_holds_that_are_over_is_not_gone_to() -> None:
    round_ = Round()
    round_.driver.now_ms = START_MS
    round_.driver.send(Configure(allowance=allowance(20, "daily")))
    round_.driver.hold(5, ttl_ms=2 * WEEK_MS)
    round_.driver.now_ms += WEEK_MS
    assert round_.go() == Run(None)
    assert round_.ledger.asked == []


@pytest.mark.parametrize(
    "failure", [LedgerUnavailable("no answer"), LedgerThrottled("over capacity"), ValueError("a state of schema 9")]
)
def test_one_account_that_fails_does_not_keep_the_others_from_being_done(failure: Exception) -> None:
    round_, accounts = Round(page_size=3), actors(7)
    round_.leak(accounts)
    round_.ledger.failing[accounts[1]] = failure
    round_.driver.now_ms += TTL_MS + GRACE_MS
    run = round_.go()
    assert round_.held(accounts) == [0, 10, 0, 0, 0, 0, 0]
    assert (run.accounts, run.entries, run.next) == (6, 6, None)
    assert [each.account for each in run.failed] == [accounts[1]]
    assert run.failed[0].problem == f"{type(failure).__name__}: {failure}"


def test_an_account_stays_behind_that_fails_for_more_than_an_hour() -> None:
    round_ = Round()
    round_.leak([ALICE])
    round_.ledger.failing[ALICE] = LedgerThrottled("over capacity")
    round_.driver.now_ms += TTL_MS + BEHIND_MS
    assert (len(round_.go().failed), round_.go().behind) == (1, 0)
    round_.driver.now_ms += 1
    assert (len(round_.go().failed), round_.go().behind) == (1, 1)


def test_several_accounts_are_done_side_by_side() -> None:
    round_, accounts = Round(), actors(ACCOUNTS_AT_ONCE)
    round_.leak(accounts)
    round_.driver.now_ms += TTL_MS + GRACE_MS
    round_.ledger.together = Barrier(ACCOUNTS_AT_ONCE)
    assert round_.go().accounts == ACCOUNTS_AT_ONCE


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
@pytest.mark.parametrize("time_left", [0, 1, 2, 3, 5])
def test_runs_that_end_for_want_of_time_go_on_until_all_is_done(page_size: int, time_left: int) -> None:
    round_, accounts = Round(page_size=page_size), actors(12)
    round_.leak(accounts)
    round_.driver.now_ms += TTL_MS + GRACE_MS
    runs: list[Run] = []
    while not runs or runs[-1].next is not None:
        round_.time_left = time_left
        runs.append(round_.go(runs[-1].next if runs else None))
        assert runs[-1].accounts, "a run that does nothing would be continued for ever"
    assert len(runs) > 1
    assert round_.held(accounts) == [0] * 12
    assert sorted(asked.actor for asked, _ in round_.ledger.asked) == [each.actor for each in accounts]


def test_a_run_reads_the_time_anew_for_each_account() -> None:
    round_, accounts = Round(page_size=1), actors(3)
    round_.leak(accounts)
    round_.driver.now_ms += TTL_MS + GRACE_MS
    begun_ms = round_.driver.now_ms

    def a_second_passes() -> None:
        round_.driver.now_ms += SECOND_MS

    round_.accounts.on_page = a_second_passes
    round_.go()
    assert [at_ms - begun_ms for _, at_ms in round_.ledger.asked] == [SECOND_MS, 2 * SECOND_MS, 3 * SECOND_MS]


def test_now_is_the_instant_of_what_is_done() -> None:
    round_ = Round()
    round_.leak([ALICE])
    round_.driver.now_ms = NOW_MS + WEEK_MS
    round_.go()
    assert round_.driver.entries()[-1].at_ms == NOW_MS + WEEK_MS
