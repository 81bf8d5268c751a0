"""What a configure changes, what it leaves, and what a frozen account still does."""

import json

import pytest

from shared.ledger.canonical import canonical_json
from shared.ledger.errors import InvalidOperation
from shared.ledger.events import entry_event
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from shared.ledger.policies import Policy, policy_from, policy_values
from tests.ledger_driver import TTL_MS, LedgerDriver, ending

ALLOWANCE = {"amount": 10, "interval": "daily", "priority": 5, "rollover_minimum": 0, "rollover_maximum": 0}
LIMIT = {"amount": 5, "window": "day", "app": "chat", "meter": None}


def test_an_account_without_settings_has_no_policy() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(5))
    assert (driver.state().policy, driver.state().policy_seq) == (None, 0)


def test_what_a_configure_does_not_name_stays_as_it_is() -> None:
    driver = LedgerDriver()
    driver.send(Configure(status="frozen", time_zone="Asia/Tokyo"))
    driver.send(Configure(low_balance_thresholds=[7]))
    policy = driver.policy()
    assert (policy.status, policy.time_zone, [each.amount for each in policy.thresholds]) == (
        "frozen",
        "Asia/Tokyo",
        [7],
    )
    driver.check()


def test_an_overdraft_limit_alone_makes_no_policy() -> None:
    driver = LedgerDriver()
    driver.send(Configure(overdraft_limit=10))
    assert driver.state().policy is None
    assert ending(driver.send(Charge(10))) == ("applied", None)
    assert ending(driver.send(Charge(1))) == ("refused", "insufficient_credits")
    assert driver.balances() == (-10, 0, 10)


def test_an_overdraft_limit_below_what_is_owed_lets_nothing_more_through() -> None:
    driver = LedgerDriver()
    driver.send(Configure(overdraft_limit=10))
    driver.send(Charge(10))
    driver.send(Configure(overdraft_limit=0))
    assert ending(driver.send(Charge(1))) == ("refused", "insufficient_credits")
    assert ending(driver.send(Charge(0))) == ("applied", None)
    assert driver.balances() == (-10, 0, 10)


def test_a_policy_belongs_to_the_entry_that_last_changed_it() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(50))
    driver.send(Configure(limits=[LIMIT]))
    assert driver.state().policy_seq == driver.policy().seq == 2
    driver.send(Charge(1))
    assert driver.policy().seq == 2
    driver.send(Charge(1), app="chat")
    assert driver.state().policy_seq == driver.policy().seq == 4
    driver.check()


def test_a_policy_as_json_values_comes_back_as_it_was() -> None:
    driver = LedgerDriver()
    driver.send(
        Configure(
            low_balance_thresholds=[5], limits=[LIMIT], allowance=ALLOWANCE, parent="team", time_zone="Africa/Cairo"
        )
    )
    policy = driver.policy()
    assert policy_from(json.loads(canonical_json(policy_values(policy)))) == policy
    assert policy_from(policy_values(Policy())) == Policy()


@pytest.mark.parametrize(
    ("terms", "field"),
    [(Configure(time_zone="Mars/Olympus"), "time_zone"), (Configure(parent="user:alice"), "parent")],
)
def test_what_no_account_can_have_is_no_operation(terms: Terms, field: str) -> None:
    driver = LedgerDriver()
    with pytest.raises(InvalidOperation) as invalid:
        driver.send(terms)
    assert invalid.value.field == field
    assert driver.entries() == []


def test_a_configure_is_an_entry_with_an_event_of_its_own() -> None:
    driver = LedgerDriver()
    entry = driver.send(Configure(status="frozen"))
    assert (entry.kind, entry.amount, ending(entry)) == ("configure", 0, ("applied", None))
    assert entry_event(entry).detail_type == "credit.configure"


@pytest.fixture
def frozen() -> LedgerDriver:
    """120 credits, of which a hold of 20 ("h3") and a charge of 10 ("k4")."""
    driver = LedgerDriver()
    driver.send(GrantCredits(100))
    driver.send(GrantCredits(20, "promotional", priority=1))
    assert driver.hold(20) == "h3"
    driver.send(Charge(10))
    driver.send(Configure(status="frozen"))
    return driver


@pytest.mark.parametrize(
    "terms",
    [
        Charge(1),
        Charge(0),
        Charge(1, "partial"),
        PlaceHold(1, TTL_MS),
        PlaceHold(10, TTL_MS, 0),
        ExtendHold("h3", 2 * TTL_MS),
        CaptureHold("h3", 21, "charge"),
    ],
    ids=str,
)
def test_a_frozen_account_spends_nothing_new(frozen: LedgerDriver, terms: Terms) -> None:
    before = frozen.balances()
    assert ending(frozen.send(terms)) == ("refused", "account_frozen")
    assert frozen.balances() == before


@pytest.mark.parametrize(
    "terms",
    [
        Charge(1000, "overdraw"),
        CaptureHold("h3"),
        CaptureHold("h3", 20, "charge"),
        ReleaseHold("h3"),
        Refund("k4"),
        GrantCredits(5),
        FundingUpdate(120, 130),
        FundingUpdate(120, 110),
        VoidGrant("g1"),
        Configure(status="open"),
    ],
    ids=str,
)
def test_a_frozen_account_settles_what_was_begun_and_takes_funding(frozen: LedgerDriver, terms: Terms) -> None:
    assert frozen.send(terms).outcome == "applied"
    frozen.check()


def test_a_frozen_account_spends_again_when_it_is_opened(frozen: LedgerDriver) -> None:
    frozen.send(Configure(status="open"))
    assert ending(frozen.send(Charge(1))) == ("applied", None)


def test_a_capture_above_the_hold_that_was_not_asked_for_is_told_as_such_also_when_frozen(frozen: LedgerDriver) -> None:
    assert ending(frozen.send(CaptureHold("h3", 21))) == ("refused", "exceeds_hold")
