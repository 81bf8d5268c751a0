"""What is due, wherever the record is kept: the same listing of it, and the same outcome of doing it."""

from collections.abc import Iterator

import pytest

from in_memory.due import MemoryDueAccounts
from in_memory.ledger import MemoryLedger
from shared.adapters.dynamodb_due import DynamoDueAccounts
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.keys import account_of, account_pk
from shared.ledger.accounts import Account
from shared.ledger.due import DueHolds
from shared.ledger.operations import CaptureHold, Charge, Configure, FundingUpdate, PlaceHold
from shared.ledger.protocol import DUE_ALONE, FindDue, FoundDue
from shared.ledger.reducer import NOTHING_NAMED, Change, ReplacedHold, step
from shared.ports.due import AccountBehind, DueAccounts
from shared.ports.ledger import Ledger
from shared.usecases.do_what_is_due import Plan, do_what_is_due
from tests.builders import ALICE, NOW_MS, SECOND_MS, operation
from tests.database import patient_connections
from tests.ledger_driver import LedgerDriver

TTL_MS = 60 * SECOND_MS
BOB = Account("main", "user:bob")
TEAM = Account("main", "team:red")
_PER_TRANSACTION = 45

AnyLedger = MemoryLedger | DynamoLedger


@pytest.fixture
def stored(ledger: Ledger) -> AnyLedger:
    """The same, with what is beneath the port."""
    assert isinstance(ledger, MemoryLedger | DynamoLedger)
    return ledger


@pytest.fixture
def accounts(stored: AnyLedger) -> DueAccounts:
    if isinstance(stored, MemoryLedger):
        return MemoryDueAccounts(stored)
    with patient_connections():
        made = DynamoDueAccounts("contract-ledger", host=stored._table.whole.Meta.host)
    made._holds._connection = stored._table.whole._get_connection()
    return made


def leak(ledger: AnyLedger, ttls_ms: list[int], account: Account = ALICE, spare: int = 0) -> None:
    """Funds the account and places a hold of 1 for each, many to a transaction, as only a test does."""
    ledger.record(operation("fund", FundingUpdate(0, len(ttls_ms) + spare), account=account), NOW_MS)
    state = ledger.state(account)
    assert state is not None
    for part in _parts(ttls_ms):
        seen, entries, holds = state, [], []
        for ttl_ms in part:
            state, entry, effect = step(
                state, operation(f"hold-{state.seq}", PlaceHold(1, ttl_ms), account=account), NOW_MS
            )
            entries.append(entry)
            assert effect.hold is not None
            holds.append(ReplacedHold(effect.hold, 0))
        ledger._write(Change(seen, NOTHING_NAMED, state, tuple(entries), tuple(holds)))


def _parts(ttls_ms: list[int]) -> Iterator[list[int]]:
    return (ttls_ms[start : start + _PER_TRANSACTION] for start in range(0, len(ttls_ms), _PER_TRANSACTION))


def found(ledger: AnyLedger, now_ms: int) -> DueHolds:
    outcome = ledger.execute(FindDue(ALICE, now_ms))
    assert isinstance(outcome, FoundDue)
    return outcome.due


def balances(ledger: Ledger, account: Account = ALICE) -> tuple[int, int, int]:
    """Available, held, spent; checked against all there is on record."""
    driver = LedgerDriver(ledger)
    driver._accounts.add(account)
    return driver.balances(account)


def mixed(number: int) -> list[int]:
    """Placed in another order than they end in, three of them together."""
    return [TTL_MS + (number * 7919 % 50) * SECOND_MS for number in range(number)]


@pytest.mark.parametrize("number", [0, 3, 150])
def test_holds_are_listed_in_the_order_in_which_they_are_over(stored: AnyLedger, number: int) -> None:
    leak(stored, mixed(number))
    ends_ms = sorted(NOW_MS + ttl_ms for ttl_ms in mixed(number))
    instants_ms = {NOW_MS, NOW_MS + TTL_MS, NOW_MS + TTL_MS + 25 * SECOND_MS, NOW_MS + 10 * TTL_MS}
    for now_ms in sorted(instants_ms):
        due = found(stored, now_ms)
        assert [hold.expires_at_ms for hold in due.holds] == [each for each in ends_ms if each <= now_ms]
        keys = [(hold.expires_at_ms, hold.placed_seq) for hold in due.holds]
        assert keys == sorted(keys)
        assert due.next_ms == next((each for each in ends_ms if each > now_ms), None)
        assert due.listed == number


def test_holds_that_ended_are_not_listed(stored: AnyLedger) -> None:
    leak(stored, [TTL_MS, TTL_MS, 2 * TTL_MS])
    stored.record(operation("capture", CaptureHold("h2")), NOW_MS)
    due = found(stored, NOW_MS + TTL_MS)
    assert ([hold.id for hold in due.holds], due.next_ms, due.listed) == (["h3"], NOW_MS + 2 * TTL_MS, 2)


@pytest.mark.parametrize("leaked", [40, 130])
def test_a_charge_behind_leaked_holds_has_all_of_them_to_spend(stored: AnyLedger, leaked: int) -> None:
    leak(stored, [TTL_MS] * leaked, spare=50)
    now_ms = NOW_MS + TTL_MS
    entry = stored.record(operation("charge", Charge(leaked + 50)), now_ms).entry
    assert (entry.outcome, entry.before.held, entry.seq) == ("applied", 0, 2 * leaked + 2)
    assert balances(stored) == (0, 0, leaked + 50)
    assert found(stored, now_ms) == DueHolds()


@pytest.mark.parametrize("leaked", [0, 1, DUE_ALONE, DUE_ALONE + 1, 130])
def test_what_is_due_is_done_without_an_operation_and_once(stored: AnyLedger, leaked: int) -> None:
    leak(stored, [TTL_MS] * leaked + [3 * TTL_MS])
    now_ms = NOW_MS + TTL_MS
    assert stored.do_what_is_due(ALICE, "background", now_ms - 1) == 0
    assert stored.do_what_is_due(ALICE, "background", now_ms) == leaked
    assert stored.do_what_is_due(ALICE, "background", now_ms) == 0
    assert balances(stored) == (leaked, 1, 0)


def test_accounts_are_behind_whose_holds_are_over_since_the_first_of_them(
    stored: AnyLedger, accounts: DueAccounts
) -> None:
    leak(stored, [2 * TTL_MS, TTL_MS, 3 * TTL_MS])
    leak(stored, [3 * TTL_MS], BOB)
    assert seen(accounts, NOW_MS + TTL_MS - 1) == {}
    assert seen(accounts, NOW_MS + 2 * TTL_MS) == {ALICE: NOW_MS + TTL_MS}
    assert seen(accounts, NOW_MS + 3 * TTL_MS) == {ALICE: NOW_MS + TTL_MS, BOB: NOW_MS + 3 * TTL_MS}
    stored.do_what_is_due(ALICE, "background", NOW_MS + 3 * TTL_MS)
    assert seen(accounts, NOW_MS + 3 * TTL_MS) == {BOB: NOW_MS + 3 * TTL_MS}


@pytest.mark.parametrize("ledger", ["memory", "dynamodb-local"], indirect=True)
def test_the_listing_goes_on_after_any_account_also_once_that_is_done(stored: AnyLedger, accounts: DueAccounts) -> None:
    names = [Account("main", f"user:{number}") for number in range(5)]
    for account in names:
        leak(stored, [TTL_MS] * 3, account)
    over_ms = NOW_MS + TTL_MS
    items = listed(accounts, over_ms)
    for number, item in enumerate(items):
        assert [each.account for each in listed(accounts, over_ms, item.cursor)] == [
            each.account for each in items[number + 1 :]
        ]
        stored.do_what_is_due(item.account, "background", over_ms)
        assert [each.account for each in listed(accounts, over_ms, item.cursor)] == [
            each.account for each in items[number + 1 :]
        ]


def test_a_member_and_its_parent_that_nobody_calls_are_both_done(stored: AnyLedger, accounts: DueAccounts) -> None:
    driver = LedgerDriver(stored)
    driver.send(FundingUpdate(0, 100), TEAM)
    driver.send(FundingUpdate(0, 100))
    driver.send(Configure(parent=TEAM.actor))
    driver.hold(30, ttl_ms=TTL_MS)
    assert (driver.state().held, driver.state(TEAM).held) == (30, 30)
    driver.now_ms += TTL_MS
    plan = Plan(0, "background", lambda: driver.now_ms, lambda: False)
    run = do_what_is_due(None, accounts, stored, plan)
    assert (run.accounts, run.entries, run.failed, run.next) == (2, 2, (), None)
    assert driver.balances(TEAM) == driver.balances() == (100, 0, 0)


def seen(accounts: DueAccounts, before_ms: int) -> dict[Account, int]:
    return {each.account: each.since_ms for each in listed(accounts, before_ms)}


def listed(accounts: DueAccounts, before_ms: int, after: str | None = None) -> list[AccountBehind]:
    items: list[AccountBehind] = []
    while True:
        page = accounts.behind(before_ms, after)
        items += page.items
        if page.next is None:
            return items
        after = page.next


@pytest.mark.parametrize("account", [ALICE, Account("a:b", "x@y.z"), Account("ACTOR", "TENANT")])
def test_a_partition_is_that_of_its_account(account: Account) -> None:
    assert account_of(account_pk(account)) == account


@pytest.mark.parametrize("pk", ["", "TENANT#main#RATES", "TENANT##ACTOR#a", "TENANT#main#ACTOR#", "main#ACTOR#a"])
def test_a_partition_of_no_account_is_none(pk: str) -> None:
    assert account_of(pk) is None
