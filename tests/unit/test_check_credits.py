"""A check answers what a charge of the minimum would be told, by whoever pays."""

from decimal import Decimal
from typing import Any

import pytest

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account, AccountState
from shared.ledger.operations import Charge, Configure, GrantCredits, PlaceHold, Terms
from shared.ledger.views import explanation_of
from shared.usecases.check_credits import CreditQuestion, check_credits
from tests.builders import ALICE
from tests.fakes.no_bus import NoBus
from tests.ledger_driver import TTL_MS, LedgerDriver

TEAM = Account("main", "team:red")
ORG = Account("main", "org")


def asked(driver: LedgerDriver, minimum: int, app: str | None = None, meter: str | None = None) -> dict[str, Any]:
    question = CreditQuestion(ALICE, minimum, "check-1", "request-1", app, meter)
    answer = check_credits(question, driver.ledger, NoBus(), driver.now_ms, "none")
    assert answer.is_allowed == answer.body["allowed"]
    return answer.body


def assert_that_a_charge_is_told_the_same(driver: LedgerDriver, minimum: int) -> None:
    told = asked(driver, minimum)
    entry = driver.send(Charge(minimum))
    assert told["allowed"] != entry.is_refused
    if entry.is_refused:
        assert told == told | explanation_of(entry)


@pytest.fixture
def driver() -> LedgerDriver:
    """Alice is a member of the team, the team of the organisation; each has a hundred millicents."""
    driver = LedgerDriver()
    for account in (ALICE, TEAM, ORG):
        driver.send(GrantCredits(100_000), account)
    driver.send(Configure(parent=TEAM.actor))
    driver.send(Configure(parent=ORG.actor), TEAM)
    return driver


@pytest.mark.parametrize("account", [ALICE, TEAM, ORG])
def test_the_poorest_of_all_who_pay_decides_and_is_named(driver: LedgerDriver, account: Account) -> None:
    driver.send(Charge(60_000), account)
    assert asked(driver, 40_000)["allowed"]
    refused = asked(driver, 40_001)
    assert (refused["spendable"], refused["largest_affordable"], refused["shortfall"]) == (40, 40, Decimal("0.001"))
    assert refused["reason"] == "insufficient_credits"
    assert refused.get("limit") == (None if account == ALICE else {"account": account.actor})


@pytest.mark.parametrize("account", [ALICE, TEAM, ORG])
def test_a_limit_of_any_who_pay_is_told_with_its_reset(driver: LedgerDriver, account: Account) -> None:
    limit = {"amount": 50_000, "window": "day", "app": "chat", "meter": None}
    driver.send(Configure(limits=[limit]), account)
    assert asked(driver, 50_001)["allowed"]
    refused = asked(driver, 50_001, app="chat")
    assert refused["reason"] == "limit_exceeded"
    told = refused["limit"]
    assert isinstance(told, dict)
    assert (told["amount"], told["used"], told["resets_at"]) == (50, 0, "2025-11-24T00:00:00.000Z")
    assert told.get("account") == (None if account == ALICE else account.actor)


@pytest.mark.parametrize("account", [ALICE, TEAM, ORG])
def test_one_frozen_account_refuses_for_all_below_it(driver: LedgerDriver, account: Account) -> None:
    driver.send(Configure(status="frozen"), account)
    refused = asked(driver, 1)
    assert (refused["reason"], refused["spendable"]) == ("account_frozen", 0)
    assert refused.get("limit") == (None if account == ALICE else {"account": account.actor})


@pytest.mark.parametrize("short", [ALICE, TEAM, ORG])
@pytest.mark.parametrize("frozen", [ALICE, TEAM, ORG])
def test_who_is_frozen_is_told_before_who_is_short_and_a_charge_is_told_the_same(
    driver: LedgerDriver, short: Account, frozen: Account
) -> None:
    driver.send(Charge(60_000), short)
    driver.send(Configure(status="frozen"), frozen)
    refused = asked(driver, 90_000)
    assert refused["reason"] == "account_frozen"
    assert refused.get("limit") == (None if frozen == ALICE else {"account": frozen.actor})
    assert_that_a_charge_is_told_the_same(driver, 90_000)


@pytest.mark.parametrize("account", [ALICE, TEAM, ORG])
def test_a_limit_of_a_meter_is_told_to_who_asks_for_that_meter(driver: LedgerDriver, account: Account) -> None:
    driver.send(Configure(limits=[{"amount": 50_000, "window": None, "app": None, "meter": "llm"}]), account)
    assert asked(driver, 50_001)["allowed"]
    assert asked(driver, 50_001, meter="llm")["reason"] == "limit_exceeded"
    assert (asked(driver, 1)["spendable"], asked(driver, 1, meter="llm")["spendable"]) == (100, 50)


def test_an_overdraft_can_be_spent_and_is_not_available(driver: LedgerDriver) -> None:
    for account in (ALICE, TEAM, ORG):
        driver.send(Configure(overdraft_limit=30_000), account)
    told = asked(driver, 130_000)
    assert (told["allowed"], told["available"], told["spendable"]) == (True, 100, 130)
    refused = asked(driver, 130_001)
    assert (refused["allowed"], refused["largest_affordable"]) == (False, 130)
    assert_that_a_charge_is_told_the_same(driver, 130_001)
    assert_that_a_charge_is_told_the_same(driver, 130_000)


def test_a_check_of_an_account_without_a_parent_reads_its_state_once() -> None:
    class Counting(MemoryLedger):
        reads = 0

        def state(self, account: Account) -> AccountState | None:
            self.reads += 1
            return super().state(account)

    driver = LedgerDriver(ledger := Counting())
    driver.send(GrantCredits(100_000))
    ledger.reads = 0
    assert asked(driver, 1)["allowed"]
    assert ledger.reads == 1


@pytest.mark.parametrize("terms", [Configure(parent=""), Configure(parent=ALICE.actor)])
def test_who_does_not_pay_is_not_asked(driver: LedgerDriver, terms: Terms) -> None:
    driver.send(Charge(100_000), ORG)
    assert not asked(driver, 1)["allowed"]
    driver.send(terms, TEAM)
    assert asked(driver, 1)["allowed"]


def test_a_parent_that_nothing_was_recorded_for_pays_nothing() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(100_000))
    driver.send(Configure(parent=TEAM.actor))
    refused = asked(driver, 1)
    assert (refused["reason"], refused["limit"]) == ("insufficient_credits", {"account": TEAM.actor})


def test_what_an_expired_hold_keeps_back_at_a_parent_is_there_again(driver: LedgerDriver) -> None:
    driver.hold(100_000)
    assert not asked(driver, 1)["allowed"]
    driver.now_ms += TTL_MS
    assert asked(driver, 100_000)["allowed"]


DAY = {"amount": 50_000, "window": "day", "app": None, "meter": None}
ALONE: dict[str, list[Terms]] = {
    "nothing recorded": [],
    "credits": [GrantCredits(100_000)],
    "all spent": [GrantCredits(100_000), Charge(100_000)],
    "held": [GrantCredits(100_000), PlaceHold(30_000, TTL_MS)],
    "an overdraft": [GrantCredits(100_000), Configure(overdraft_limit=30_000)],
    "in debt": [GrantCredits(100_000), Charge(150_000, "overdraw")],
    "frozen": [GrantCredits(100_000), Configure(status="frozen")],
    "a limit": [GrantCredits(100_000), Configure(limits=[DAY]), Charge(10_000)],
    "a limit that is used up": [GrantCredits(100_000), Configure(limits=[DAY]), Charge(60_000, "overdraw")],
    "a limit of an app": [GrantCredits(100_000), Configure(limits=[{**DAY, "app": "chat"}])],
    "a limit of a meter": [GrantCredits(100_000), Configure(limits=[{**DAY, "meter": "llm"}])],
}


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("app", [None, "chat"])
@pytest.mark.parametrize("meter", [None, "llm"])
def test_spendable_is_what_a_partial_charge_of_everything_takes(name: str, app: str | None, meter: str | None) -> None:
    driver = LedgerDriver()
    for terms in ALONE[name]:
        driver.send(terms)
    told = asked(driver, 1, app, meter)["spendable"]
    assert told == -driver.send(Charge(10**14, "partial"), app=app, meter=meter).amount / 1000
