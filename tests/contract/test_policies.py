"""Policies and parents, wherever the record is kept."""

from dataclasses import replace
from typing import Any

import pytest
from pynamodb.exceptions import DoesNotExist

from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.items import HoldItem, PolicyItem
from shared.adapters.keys import POLICY_SK, account_pk
from shared.ledger.accounts import Account, AccountState
from shared.ledger.errors import LedgerUnavailable
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    GrantCredits,
    Operation,
    Refund,
    ReleaseHold,
    Terms,
)
from shared.ledger.protocol import MAX_BATCH, Commit, Committed, Conflict, Found, Read, Recorded
from shared.ledger.reducer import Change, apply
from shared.ports.ledger import Ledger
from shared.verification.accounts import compare_halves, other_halves
from tests.builders import ALICE, NOW_MS, SECOND_MS, operation
from tests.contract.conftest import _empty, _ledger_at
from tests.ledger_driver import TTL_MS, LedgerDriver, ending

TEAM = Account("main", "team:red")
ORG = Account("main", "org")
DAY_MS = 24 * 3600 * SECOND_MS
CHAT_A_DAY = {"amount": 50, "window": "day", "app": "chat", "meter": None}
ALLOWANCE = {"amount": 100, "interval": "daily", "priority": 5, "rollover_minimum": 10, "rollover_maximum": 20}
EVERYTHING = Configure(
    overdraft_limit=5,
    low_balance_thresholds=[90, 50],
    time_zone="Asia/Tokyo",
    status="open",
    limits=[CHAT_A_DAY, {"amount": 500, "window": None, "app": None, "meter": "llm"}],
    allowance=ALLOWANCE,
    parent=ORG.actor,
)


@pytest.fixture
def driver(ledger: Ledger) -> LedgerDriver:
    return LedgerDriver(ledger)


@pytest.fixture
def hierarchy(driver: LedgerDriver) -> LedgerDriver:
    """Alice is a member of the team, the team of the organisation."""
    for account in (ALICE, TEAM, ORG):
        driver.send(GrantCredits(100), account)
    driver.send(Configure(parent=TEAM.actor))
    driver.send(Configure(parent=ORG.actor), TEAM)
    return driver


def test_settings_come_back_as_they_were_set(driver: LedgerDriver) -> None:
    driver.send(EVERYTHING)
    state = driver.state()
    policy = driver.policy()
    assert (state.overdraft_limit, state.policy_seq, policy.seq) == (5, 2, 2)
    assert (policy.time_zone, policy.parent, len(policy.limits), len(policy.thresholds)) == ("Asia/Tokyo", "org", 2, 2)
    driver.check()


def test_a_limit_is_counted_and_refuses_with_what_it_says(driver: LedgerDriver) -> None:
    driver.send(GrantCredits(100))
    driver.send(Configure(limits=[CHAT_A_DAY]))
    driver.send(Charge(30), app="chat")
    hold = driver.hold(20, app="chat")
    refused = driver.send(Charge(1), app="chat")
    assert ending(refused) == ("refused", "limit_exceeded")
    assert refused.limit is not None
    assert refused.limit["used"] == 50
    driver.send(ReleaseHold(hold))
    assert ending(driver.send(Charge(20), app="chat")) == ("applied", None)
    driver.now_ms += DAY_MS
    assert ending(driver.send(Charge(30), app="chat")) == ("applied", None)
    assert driver.balances() == (20, 0, 80)


def test_a_frozen_account_is_frozen_for_the_next_operation(driver: LedgerDriver) -> None:
    driver.send(GrantCredits(100))
    driver.send(Configure(status="frozen"))
    assert ending(driver.send(Charge(1))) == ("refused", "account_frozen")
    driver.send(Configure(status="open"))
    assert ending(driver.send(Charge(1))) == ("applied", None)
    driver.check()


def test_an_allowance_refills_in_the_transaction_of_the_next_operation(driver: LedgerDriver) -> None:
    driver.send(Configure(allowance=ALLOWANCE))
    driver.send(Charge(95))
    driver.now_ms += 2 * DAY_MS
    driver.send(Charge(1))
    assert [entry.amount for entry in driver.entries()] == [0, 100, -95, 115, -1]
    assert driver.balances() == (119, 0, 96)


def test_alerts_are_on_the_entry_that_fell_below(driver: LedgerDriver) -> None:
    driver.send(GrantCredits(95))
    driver.send(Configure(low_balance_thresholds=[90, 70, 50]))
    entry = driver.send(Charge(55))
    assert driver.ledger.entry(ALICE, entry.key) == entry
    assert entry.alerts == (90, 70, 50)


def test_member_and_parents_pay_in_one_transaction_and_each_record_stands_by_itself(hierarchy: LedgerDriver) -> None:
    charged = hierarchy.send(Charge(30), app="chat", meter="llm")
    captured = hierarchy.send(CaptureHold(hierarchy.hold(20, app="chat"), 15))
    hierarchy.send(ReleaseHold(hierarchy.hold(10)))
    hierarchy.send(Refund(charged.key, 10))
    hierarchy.send(Refund(captured.key))
    for account in (ALICE, TEAM, ORG):
        assert hierarchy.balances(account) == (80, 0, 20)
        for entry in hierarchy.entries(account):
            for half in other_halves(entry):
                assert compare_halves(entry, half, hierarchy.ledger.entry(half.account, half.key)) == []


def test_a_member_is_refused_for_a_parent_that_cannot_pay(hierarchy: LedgerDriver) -> None:
    hierarchy.send(Charge(95), ORG)
    refused = hierarchy.send(Charge(6))
    assert (ending(refused), refused.limit) == (("refused", "insufficient_credits"), {"account": "org"})
    assert hierarchy.send(Charge(6, "partial")).amount == -5
    assert hierarchy.balances(TEAM) == (95, 0, 5)


def test_a_members_charge_sent_again_is_answered_again_and_paid_once_by_each(hierarchy: LedgerDriver) -> None:
    first = hierarchy.ledger.record(operation("once", Charge(30)), NOW_MS)
    again = hierarchy.ledger.record(operation("once", Charge(30)), NOW_MS + DAY_MS)
    assert again == Recorded(first.entry, replayed=True)
    assert [hierarchy.balances(account)[2] for account in (ALICE, TEAM, ORG)] == [30, 30, 30]


def test_expired_holds_of_member_and_parents_make_room(hierarchy: LedgerDriver) -> None:
    hierarchy.hold(100)
    hierarchy.now_ms += TTL_MS
    assert ending(hierarchy.send(Charge(100))) == ("applied", None)
    assert [hierarchy.balances(account) for account in (ALICE, TEAM, ORG)] == [(0, 0, 100)] * 3


def test_a_batch_on_an_account_with_a_limit_counts_every_charge_of_it(driver: LedgerDriver) -> None:
    driver.send(GrantCredits(100))
    driver.send(Configure(limits=[CHAT_A_DAY]))
    batch = [Operation(ALICE, f"b-{n}", Charge(20), "service", "one request", app="chat") for n in range(4)]
    answers = driver.ledger.record_batch(batch, driver.now_ms)
    outcomes = [answer.entry.outcome for answer in answers.values() if isinstance(answer, Recorded)]
    assert outcomes == ["applied", "applied", "refused", "refused"]
    assert driver.policy().limits[0].used == 40
    driver.check()


def test_a_batch_of_a_member_is_as_many_transactions_as_its_items_need(hierarchy: LedgerDriver) -> None:
    for account in (ALICE, TEAM, ORG):
        hierarchy.send(GrantCredits(900), account)
        hierarchy.send(Configure(limits=[CHAT_A_DAY | {"amount": 1000}]), account)
    holds = [hierarchy.hold(10, app="chat"), hierarchy.hold(20, app="chat")]
    lines: list[Terms] = [
        Charge(1) if n % 3 else CaptureHold(holds[n % 2], 1, "charge", final=False) for n in range(MAX_BATCH)
    ]
    batch = [Operation(ALICE, f"b-{n}", terms, "service", "one request", app="chat") for n, terms in enumerate(lines)]
    answers = hierarchy.ledger.record_batch(batch, hierarchy.now_ms)
    assert all(isinstance(each, Recorded) and each.entry.outcome == "applied" for each in answers.values())
    assert [hierarchy.balances(account) for account in (ALICE, TEAM, ORG)] == [(905, 5, 90)] * 3
    again = hierarchy.ledger.record_batch(batch, hierarchy.now_ms)
    assert all(isinstance(each, Recorded) and each.replayed for each in again.values())
    hierarchy.check()


def test_in_a_batch_what_one_line_is_refused_for_is_there_for_the_next(hierarchy: LedgerDriver) -> None:
    hold = hierarchy.hold(40)
    lines: tuple[Terms, ...] = (
        CaptureHold(hold, 30, final=False),
        Charge(61),
        CaptureHold(hold, 11, final=False),
        Charge(60),
    )
    batch = [Operation(ALICE, f"b-{n}", terms, "service", "one request") for n, terms in enumerate(lines)]
    answers = hierarchy.ledger.record_batch(batch, hierarchy.now_ms)
    assert [isinstance(each, Recorded) and ending(each.entry) for each in answers.values()] == [
        ("applied", None),
        ("refused", "insufficient_credits"),
        ("refused", "exceeds_hold"),
        ("applied", None),
    ]
    assert [hierarchy.balances(account) for account in (ALICE, TEAM, ORG)] == [(0, 10, 90)] * 3


# What follows looks at the items themselves.


@pytest.fixture
def dynamo(mocked_aws: None) -> DynamoLedger:
    ledger = _ledger_at(None)
    _empty(ledger._table.whole)
    return ledger


def execute(ledger: DynamoLedger, operation: Operation) -> Change:
    """Reads, applies and commits; gives what was committed."""
    found = ledger.execute(Read(operation.account, operation.terms))
    assert isinstance(found, Found)
    change = apply(found.state or AccountState(operation.account), operation, NOW_MS, found.references)
    assert ledger.execute(Commit(change)) == Committed()
    return change


def policy_item(ledger: DynamoLedger, account: Account = ALICE) -> PolicyItem:
    return ledger._table.policies.get(account_pk(account), POLICY_SK, consistent_read=True)


def on_team(key: str, terms: Any) -> Operation:
    return operation(key, terms, account=TEAM)


def test_an_account_without_settings_has_no_policy_item(dynamo: DynamoLedger) -> None:
    execute(dynamo, operation("fund", GrantCredits(5)))
    with pytest.raises(DoesNotExist):
        policy_item(dynamo)


def test_a_policy_item_is_written_when_the_policy_changes_and_only_then(dynamo: DynamoLedger) -> None:
    execute(dynamo, operation("set", Configure(limits=[CHAT_A_DAY])))
    execute(dynamo, operation("fund", GrantCredits(50)))
    assert policy_item(dynamo).seq == 1
    execute(dynamo, replace(operation("charge", Charge(1)), app="chat"))
    item, state = policy_item(dynamo), dynamo.state(ALICE)
    assert state is not None
    assert (item.seq, item.value) == (3, state.policy)
    assert item.value.limits[0].used == 1


def test_a_policy_that_moved_meanwhile_comes_back_with_the_state(dynamo: DynamoLedger) -> None:
    execute(dynamo, operation("fund", GrantCredits(50)))
    set_up = execute(dynamo, operation("set", Configure(limits=[CHAT_A_DAY])))
    first = apply(set_up.state, replace(operation("a", Charge(1)), app="chat"), NOW_MS)
    second = apply(set_up.state, replace(operation("b", Charge(2)), app="chat"), NOW_MS)
    assert dynamo.execute(Commit(first)) == Committed()
    assert dynamo.execute(Commit(second)) == Conflict((), first.state)


def test_a_policy_that_the_change_leaves_alone_does_not_come_back(dynamo: DynamoLedger) -> None:
    set_up = execute(dynamo, operation("set", Configure(time_zone="Asia/Tokyo")))
    first = apply(set_up.state, operation("a", GrantCredits(1)), NOW_MS)
    second = apply(set_up.state, operation("b", GrantCredits(2)), NOW_MS)
    assert dynamo.execute(Commit(first)) == Committed()
    assert dynamo.execute(Commit(second)) == Conflict((), replace(first.state, policy=None))


def test_an_account_whose_policy_vanished_is_not_charged_as_if_it_had_none(dynamo: DynamoLedger) -> None:
    impatient = DynamoLedger("contract-ledger", 50)
    execute(dynamo, operation("fund", GrantCredits(50)))
    execute(dynamo, operation("freeze", Configure(status="frozen")))
    policy_item(dynamo).delete()
    with pytest.raises(LedgerUnavailable):
        impatient.record(operation("charge", Charge(1)), NOW_MS)
    with pytest.raises(LedgerUnavailable):
        impatient.state(ALICE)
    assert dynamo.entry(ALICE, "charge") is None


@pytest.fixture
def member(dynamo: DynamoLedger) -> DynamoLedger:
    execute(dynamo, operation("fund", GrantCredits(100)))
    execute(dynamo, on_team("fund", GrantCredits(100)))
    execute(dynamo, operation("join", Configure(parent=TEAM.actor)))
    return dynamo


def pending(ledger: DynamoLedger, asked: Operation) -> Change:
    found = ledger.execute(Read(asked.account, asked.terms))
    assert isinstance(found, Found)
    assert found.state is not None
    return apply(found.state, asked, NOW_MS, found.references)


def test_a_parents_state_that_moved_turns_down_and_is_never_taken_for_the_members(member: DynamoLedger) -> None:
    change = pending(member, operation("charge", Charge(30)))
    execute(member, on_team("meanwhile", Charge(90)))
    assert member.execute(Commit(change)) == Conflict((), None)
    assert member.entry(ALICE, "charge") is None
    assert member.entry(TEAM, "~user:alice~charge") is None


def test_of_a_state_that_moved_at_both_the_members_comes_back(member: DynamoLedger) -> None:
    change = pending(member, operation("charge", Charge(30)))
    execute(member, on_team("meanwhile", Charge(90)))
    moved = execute(member, operation("also", GrantCredits(1)))
    assert member.execute(Commit(change)) == Conflict((), replace(moved.state, policy=None))


def test_a_parents_hold_tally_and_entry_are_never_taken_for_the_members(member: DynamoLedger) -> None:
    placed = member.record(operation("hold", Charge(10)), NOW_MS)
    change = pending(member, operation("refund", Refund(placed.entry.key, 4)))
    assert change.parent is not None
    twin = replace(change.parent, parent=None)
    assert member.execute(Commit(twin)) == Committed()
    assert member.execute(Commit(change)) == Conflict((), None)


def test_a_hold_says_whom_it_goes_with_at_both_ends(member: DynamoLedger) -> None:
    driver = LedgerDriver(member)
    hold = driver.hold(40)
    own, theirs = driver.ledger.open_holds(ALICE)[0], driver.ledger.open_holds(TEAM)[0]
    assert (own.id, own.parent, own.member) == (hold, (TEAM.actor, theirs.id), None)
    assert (theirs.parent, theirs.member) == (None, ALICE.actor)
    assert HoldItem.of(TEAM, theirs).hold == theirs
    assert HoldItem.of(ALICE, own).hold == own
