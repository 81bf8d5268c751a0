"""Members and parents: both pay, in one transaction, and each record stands by itself."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    GrantCredits,
    Operation,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from shared.ledger.parents import MAX_PARENTS, approval_from, recorded_approval
from shared.ledger.protocol import Recorded
from shared.verification.accounts import OtherHalf, compare_halves, other_halves
from tests.builders import ALICE, SECOND_MS
from tests.ledger_driver import TTL_MS, LedgerDriver, ending

BOB = Account("main", "user:bob")
TEAM = Account("main", "team:red")
OTHER_TEAM = Account("main", "team:blue")
ORG = Account("main", "org")
DAY_MS = 24 * 3600 * SECOND_MS


def limit(amount: int, app: str | None = None) -> dict[str, Any]:
    return {"amount": amount, "window": "day", "app": app, "meter": None}


def join(driver: LedgerDriver, member: Account, parent: Account) -> None:
    driver.send(Configure(parent=parent.actor), member)


def family(alice: int = 100, team: int = 100) -> LedgerDriver:
    """Alice is a member of the team."""
    driver = LedgerDriver()
    driver.send(GrantCredits(alice))
    if team:
        driver.send(GrantCredits(team), TEAM)
    join(driver, ALICE, TEAM)
    return driver


def assert_that_halves_agree(driver: LedgerDriver, *accounts: Account) -> int:
    """Every entry with another half has it; gives the number of them."""
    halves = [
        (entry, half) for account in accounts for entry in driver.entries(account) for half in other_halves(entry)
    ]
    for entry, half in halves:
        assert compare_halves(entry, half, driver.ledger.entry(half.account, half.key)) == []
    return len(halves)


def test_a_charge_is_paid_by_member_and_parent() -> None:
    driver = family()
    entry = driver.send(Charge(30))
    assert driver.balances() == driver.balances(TEAM) == (70, 0, 30)
    counterpart = driver.entries(TEAM)[-1]
    assert counterpart.key == f"~user:alice~{entry.key}"
    assert (counterpart.kind, counterpart.amount, counterpart.member) == ("charge", -30, "user:alice")
    assert entry.parent == {"actor": "team:red", "room": 100}


def test_what_is_not_spent_stays_between_an_account_and_its_funder() -> None:
    driver = family()
    seq = driver.state(TEAM).seq
    for terms in (GrantCredits(5), VoidGrant("g1"), Configure(overdraft_limit=3)):
        driver.send(terms)
    assert driver.state(TEAM).seq == seq


def test_the_app_and_the_meter_are_on_both_entries() -> None:
    driver = family()
    driver.send(Charge(1), app="chat", meter="llm")
    assert (driver.entries(TEAM)[-1].app, driver.entries(TEAM)[-1].meter) == ("chat", "llm")


def test_a_parent_that_cannot_pay_refuses_and_nothing_is_written_to_it() -> None:
    driver = family(team=20)
    seq = driver.state(TEAM).seq
    entry = driver.send(Charge(21))
    assert ending(entry) == ("refused", "insufficient_credits")
    assert (entry.shortfall, entry.limit) == (1, {"account": "team:red"})
    assert (driver.state(TEAM).seq, driver.balances()) == (seq, (100, 0, 0))


def test_a_member_that_cannot_pay_is_refused_whatever_the_parent_has() -> None:
    driver = family(alice=20)
    entry = driver.send(Charge(21))
    assert (ending(entry), entry.limit) == (("refused", "insufficient_credits"), None)
    assert driver.balances(TEAM) == (100, 0, 0)


@pytest.mark.parametrize(("alice", "team", "takes"), [(100, 20, 20), (20, 100, 20), (100, 0, 0), (0, 100, 0)])
def test_a_partial_charge_takes_what_the_poorer_of_the_two_has(alice: int, team: int, takes: int) -> None:
    driver = LedgerDriver()
    for account, amount in ((ALICE, alice), (TEAM, team)):
        driver.send(GrantCredits(1), account)
        driver.send(GrantCredits(amount + 1, priority=1), account)
        driver.send(Charge(2), account)
    join(driver, ALICE, TEAM)
    entry = driver.send(Charge(50, "partial"))
    assert (entry.outcome, entry.amount, entry.shortfall) == ("partial", -takes, 50 - takes)
    assert driver.balances(TEAM) == (team - takes, 0, takes + 2)
    driver.check()


def test_a_charge_that_overdraws_overdraws_both() -> None:
    driver = family(alice=10, team=20)
    driver.send(Charge(50, "overdraw"))
    assert (driver.balances(), driver.balances(TEAM)) == ((-40, 0, 50), (-30, 0, 50))


def test_the_overdraft_of_each_is_its_own() -> None:
    driver = family(alice=10, team=10)
    driver.send(Configure(overdraft_limit=20))
    assert ending(driver.send(Charge(15))) == ("refused", "insufficient_credits")
    driver.send(Configure(overdraft_limit=5), TEAM)
    assert ending(driver.send(Charge(15))) == ("applied", None)
    assert (driver.balances(), driver.balances(TEAM)) == ((-5, 0, 15), (-5, 0, 15))


def test_a_limit_of_the_parent_holds_for_all_its_members_together() -> None:
    driver = family()
    driver.send(GrantCredits(100), BOB)
    join(driver, BOB, TEAM)
    driver.send(Configure(limits=[limit(50, "chat")]), TEAM)
    driver.send(Charge(30), app="chat")
    refused = driver.send(Charge(21), BOB, app="chat")
    assert ending(refused) == ("refused", "limit_exceeded")
    assert refused.limit is not None
    assert (refused.limit["account"], refused.limit["used"], refused.limit["app"]) == ("team:red", 30, "chat")
    assert ending(driver.send(Charge(20), BOB, app="chat")) == ("applied", None)
    assert ending(driver.send(Charge(20), BOB, app="mail")) == ("applied", None)
    driver.check()


def test_a_limit_of_the_member_holds_for_it_alone() -> None:
    driver = family()
    driver.send(Configure(limits=[limit(10)]))
    refused = driver.send(Charge(11))
    assert refused.reason == "limit_exceeded"
    assert refused.limit is not None
    assert "account" not in refused.limit
    assert ending(driver.send(Charge(11), TEAM)) == ("applied", None)


@pytest.mark.parametrize("terms", [Charge(1), Charge(1, "partial"), PlaceHold(1, TTL_MS), Charge(0)], ids=str)
def test_members_of_a_frozen_parent_spend_nothing_new(terms: Terms) -> None:
    driver = family()
    driver.send(Configure(status="frozen"), TEAM)
    entry = driver.send(terms)
    assert (ending(entry), entry.limit) == (("refused", "account_frozen"), {"account": "team:red"})
    assert driver.balances() == driver.balances(TEAM) == (100, 0, 0)


@pytest.mark.parametrize("terms", [Charge(60), PlaceHold(60, TTL_MS), PlaceHold(90, TTL_MS, 60)], ids=str)
def test_a_parent_that_is_short_and_frozen_is_said_to_be_frozen(terms: Terms) -> None:
    driver = family(team=50)
    driver.send(Configure(status="frozen"), TEAM)
    entry = driver.send(terms)
    assert (ending(entry), entry.limit) == (("refused", "account_frozen"), {"account": "team:red"})
    assert entry.shortfall == 0
    driver.check()


@pytest.mark.parametrize("short", [ALICE, TEAM, ORG], ids=lambda account: account.actor)
@pytest.mark.parametrize("frozen", [ALICE, TEAM, ORG], ids=lambda account: account.actor)
def test_who_is_frozen_is_said_before_who_is_short(short: Account, frozen: Account) -> None:
    driver = family()
    driver.send(GrantCredits(100), ORG)
    join(driver, TEAM, ORG)
    driver.send(Charge(50), short)
    driver.send(Configure(status="frozen"), frozen)
    entry = driver.send(Charge(90))
    said = None if frozen == ALICE else {"account": frozen.actor}
    assert (ending(entry), entry.limit) == (("refused", "account_frozen"), said)
    driver.check()


def test_of_two_that_are_frozen_the_nearest_is_said() -> None:
    driver = family()
    join(driver, TEAM, ORG)
    for account in (ORG, TEAM):
        driver.send(Configure(status="frozen"), account)
    assert driver.send(Charge(90)).limit == {"account": "team:red"}
    driver.send(Configure(status="frozen"))
    assert driver.send(Charge(90)).limit is None


def test_the_excess_of_a_capture_is_refused_by_who_is_frozen_before_who_is_short() -> None:
    driver = family()
    hold = driver.hold(10)
    driver.send(Configure(status="frozen"), TEAM)
    entry = driver.send(CaptureHold(hold, 500, "charge"))
    assert (ending(entry), entry.limit) == (("refused", "account_frozen"), {"account": "team:red"})
    assert ending(driver.send(CaptureHold(hold, 500))) == ("refused", "exceeds_hold")
    driver.check()


def test_members_of_a_frozen_parent_settle_what_was_begun() -> None:
    driver = family()
    first, second, third = (driver.hold(10) for _ in range(3))
    charged = driver.send(Charge(5))
    driver.send(Configure(status="frozen"), TEAM)
    assert ending(driver.send(ExtendHold(first, 2 * TTL_MS))) == ("refused", "account_frozen")
    assert ending(driver.send(CaptureHold(first, 11, "charge"))) == ("refused", "account_frozen")
    assert ending(driver.send(CaptureHold(first))) == ("applied", None)
    assert ending(driver.send(ReleaseHold(second))) == ("applied", None)
    assert ending(driver.send(Refund(charged.key))) == ("applied", None)
    assert ending(driver.send(Charge(1, "overdraw"))) == ("applied", None)
    assert driver.balances() == driver.balances(TEAM) == (79, 10, 11)
    assert third
    assert_that_halves_agree(driver, ALICE, TEAM)


def test_a_hold_is_held_by_both_and_captured_of_both() -> None:
    driver = family()
    hold = driver.hold(40)
    assert driver.balances() == driver.balances(TEAM) == (60, 40, 0)
    driver.send(CaptureHold(hold, 15))
    assert driver.balances() == driver.balances(TEAM) == (85, 0, 15)


def test_a_hold_of_what_is_there_is_as_much_as_both_can_hold() -> None:
    driver = family(team=30)
    entry = driver.send(PlaceHold(50, TTL_MS, 10))
    assert (entry.outcome, entry.amount) == ("partial", -30)
    assert driver.balances(TEAM) == (0, 30, 0)
    assert ending(driver.send(PlaceHold(50, TTL_MS, 10))) == ("refused", "insufficient_credits")


def test_a_hold_is_extended_and_released_at_both() -> None:
    driver = family()
    hold = driver.hold(40)
    driver.send(ExtendHold(hold, 2 * TTL_MS))
    expiries = {held.expires_at_ms for each in (ALICE, TEAM) for held in driver.ledger.open_holds(each)}
    assert expiries == {driver.now_ms + 2 * TTL_MS}
    driver.send(ReleaseHold(hold))
    assert driver.balances() == driver.balances(TEAM) == (100, 0, 0)


def test_a_capture_above_the_hold_needs_the_excess_at_both() -> None:
    driver = family(team=45)
    hold = driver.hold(40)
    refused = driver.send(CaptureHold(hold, 46, "charge"))
    assert (ending(refused), refused.limit) == (("refused", "insufficient_credits"), {"account": "team:red"})
    driver.send(CaptureHold(hold, 45, "charge"))
    assert (driver.balances(), driver.balances(TEAM)) == ((55, 0, 45), (0, 0, 45))


def test_a_hold_that_expired_expires_at_each_by_itself() -> None:
    driver = family()
    driver.hold(100)
    driver.now_ms += TTL_MS
    assert ending(driver.send(Charge(100), TEAM)) == ("applied", None)
    assert (driver.balances(), driver.balances(TEAM)) == ((0, 100, 0), (0, 0, 100))
    assert ending(driver.send(Charge(1))) == ("refused", "insufficient_credits")
    assert driver.balances() == (100, 0, 0)


def test_expired_holds_of_member_and_parent_make_room_for_who_needs_it() -> None:
    driver = family()
    driver.send(GrantCredits(100), BOB)
    join(driver, BOB, TEAM)
    driver.hold(100)
    assert ending(driver.send(Charge(1), BOB)) == ("refused", "insufficient_credits")
    driver.now_ms += TTL_MS
    assert ending(driver.send(Charge(100), BOB)) == ("applied", None)
    assert driver.balances(TEAM) == (0, 0, 100)
    driver.send(GrantCredits(100), TEAM)
    assert ending(driver.send(Charge(100))) == ("applied", None)
    assert (driver.balances(), driver.balances(TEAM)) == ((0, 0, 100), (0, 0, 200))
    assert_that_halves_agree(driver, ALICE, BOB, TEAM)


def test_a_release_whose_counterpart_is_over_goes_on_alone_and_says_so() -> None:
    driver = family()
    hold = driver.hold(40)
    driver.now_ms += TTL_MS
    driver.send(Charge(100), TEAM)
    driver.now_ms -= 1
    entry = driver.send(ReleaseHold(hold))
    assert entry.outcome == "applied"
    assert entry.parent is not None
    assert entry.parent["declined"] == "hold_expired"
    assert (driver.balances(), driver.balances(TEAM)) == ((100, 0, 0), (0, 0, 100))
    assert_that_halves_agree(driver, ALICE, TEAM)


def test_a_capture_whose_counterpart_is_over_is_refused() -> None:
    driver = family()
    hold = driver.hold(40)
    driver.now_ms += TTL_MS
    driver.send(Charge(100), TEAM)
    driver.now_ms -= 1
    entry = driver.send(CaptureHold(hold))
    assert (ending(entry), entry.limit) == (("refused", "hold_expired"), {"account": "team:red"})


def test_a_refund_gives_back_to_both_and_never_more_than_was_paid() -> None:
    driver = family()
    charged = driver.send(Charge(30))
    driver.send(Refund(charged.key, 10))
    assert driver.balances() == driver.balances(TEAM) == (80, 0, 20)
    assert ending(driver.send(Refund(charged.key, 21))) == ("refused", "exceeds_charge")
    driver.send(Refund(charged.key))
    assert driver.balances() == driver.balances(TEAM) == (100, 0, 0)
    assert ending(driver.send(Refund(charged.key))) == ("refused", "exceeds_charge")
    assert driver.balances(TEAM) == (100, 0, 0)


def test_a_capture_is_refunded_to_both() -> None:
    driver = family()
    captured = driver.send(CaptureHold(driver.hold(40), 30))
    driver.send(Refund(captured.key))
    assert driver.balances() == driver.balances(TEAM) == (100, 0, 0)


def test_an_account_that_joined_after_a_hold_and_a_charge_settles_them_alone() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(100))
    hold, other, charged = driver.hold(10), driver.hold(10), driver.send(Charge(10))
    join(driver, ALICE, TEAM)
    driver.send(CaptureHold(hold))
    driver.send(ReleaseHold(other))
    driver.send(Refund(charged.key))
    assert driver.balances() == (90, 0, 10)
    assert driver.state(TEAM).seq == 0


@pytest.mark.parametrize("parent", ["", "team:blue"])
def test_an_account_that_left_settles_with_the_parent_that_it_had(parent: str) -> None:
    driver = family()
    driver.send(GrantCredits(100), OTHER_TEAM)
    first, second, third, charged = driver.hold(10), driver.hold(10), driver.hold(10), driver.send(Charge(10))
    driver.send(Configure(parent=parent))
    driver.send(CaptureHold(first))
    driver.send(ReleaseHold(second))
    driver.send(ExtendHold(third, 2 * TTL_MS))
    driver.send(Refund(charged.key))
    assert driver.balances() == driver.balances(TEAM) == (80, 10, 10)
    driver.send(Charge(5))
    assert driver.balances() == (75, 10, 15)
    assert driver.balances(TEAM) == (80, 10, 10)
    assert driver.balances(OTHER_TEAM)[0] == (95 if parent else 100)
    assert_that_halves_agree(driver, ALICE, TEAM, OTHER_TEAM)


def test_a_parent_that_nothing_was_ever_recorded_for_has_nothing_to_pay_with() -> None:
    driver = family(team=0)
    entry = driver.send(Charge(1))
    assert (ending(entry), entry.limit) == (("refused", "insufficient_credits"), {"account": "team:red"})
    assert driver.ledger.state(TEAM) is None
    driver.send(Charge(1, "overdraw"))
    assert driver.balances(TEAM) == (-1, 0, 1)
    assert [entry.seq for entry in driver.entries(TEAM)] == [1]


def test_what_is_due_of_the_parent_comes_first_and_in_its_own_record() -> None:
    driver = family(team=0)
    allowance = {"amount": 50, "interval": "daily", "priority": 1, "rollover_minimum": 0, "rollover_maximum": 0}
    driver.send(Configure(allowance=allowance), TEAM)
    driver.send(GrantCredits(10, "promotional", expires_at_ms=driver.now_ms + 1), TEAM)
    driver.send(Charge(60))
    driver.send(Refund(driver.entries()[-1].key, 10))
    driver.now_ms += DAY_MS
    assert ending(driver.send(Charge(50))) == ("applied", None)
    kinds = [entry.kind for entry in driver.entries(TEAM)]
    assert kinds[-3:] == ["expire", "allowance", "charge"]
    driver.check()


def test_what_is_due_of_a_parent_that_refuses_is_not_written_for_it() -> None:
    driver = family(team=50)
    driver.send(GrantCredits(10, "promotional", expires_at_ms=driver.now_ms + 1), TEAM)
    driver.now_ms += 1
    seq = driver.state(TEAM).seq
    assert driver.send(Charge(55)).reason == "insufficient_credits"
    assert driver.state(TEAM).seq == seq


def test_thresholds_of_the_parent_warn_in_its_own_entry() -> None:
    driver = family()
    driver.send(Configure(low_balance_thresholds=[80]), TEAM)
    entry = driver.send(Charge(30))
    assert (entry.alerts, driver.entries(TEAM)[-1].alerts) == ((), (80,))


def test_a_hold_that_goes_with_a_members_is_none_to_the_parents_callers() -> None:
    driver = family()
    hold = driver.hold(40)
    (at_team,) = driver.ledger.open_holds(TEAM)
    assert at_team.member == "user:alice"
    direct: tuple[Terms, ...] = (CaptureHold(at_team.id), ReleaseHold(at_team.id), ExtendHold(at_team.id, 2 * TTL_MS))
    for terms in direct:
        assert ending(driver.send(terms, TEAM)) == ("refused", "hold_not_found")
    assert ending(driver.send(CaptureHold(hold))) == ("applied", None)
    assert driver.balances() == driver.balances(TEAM) == (60, 0, 40)


def test_a_charge_that_goes_with_a_members_is_none_to_the_parents_callers() -> None:
    driver = family()
    driver.send(Charge(40))
    assert ending(driver.send(Refund(driver.entries(TEAM)[-1].key), TEAM)) == ("refused", "charge_not_found")


def test_a_member_cannot_end_a_hold_of_the_parent_itself() -> None:
    driver = family()
    own = driver.hold(10, TEAM)
    assert ending(driver.send(ReleaseHold(own))) == ("refused", "hold_not_found")
    assert ending(driver.send(ReleaseHold(own), TEAM)) == ("applied", None)


def test_charges_of_a_member_sent_as_a_batch_are_paid_by_both_each_by_itself() -> None:
    driver = family(team=25)
    batch = [Operation(ALICE, f"b-{number}", Charge(10), "service", "one request") for number in range(3)]
    answers = driver.ledger.record_batch(batch, driver.now_ms)
    outcomes = [answer.entry.outcome for answer in answers.values() if isinstance(answer, Recorded)]
    assert outcomes == ["applied", "applied", "refused"]
    assert (driver.balances(), driver.balances(TEAM)) == ((80, 0, 20), (5, 0, 20))
    again = driver.ledger.record_batch(batch, driver.now_ms)
    assert all(answer.replayed for answer in again.values() if isinstance(answer, Recorded))
    assert driver.balances(TEAM) == (5, 0, 20)


def hierarchy(*credits_there: int) -> LedgerDriver:
    """Alice is a member of the team, the team of the organisation."""
    driver = LedgerDriver()
    for account, amount in zip((ALICE, TEAM, ORG), credits_there, strict=True):
        driver.send(GrantCredits(amount), account)
    join(driver, ALICE, TEAM)
    join(driver, TEAM, ORG)
    return driver


def test_a_parent_that_is_a_member_itself_has_its_parent_pay_too() -> None:
    driver = hierarchy(100, 100, 100)
    hold, other, charged = driver.hold(20), driver.hold(10), driver.send(Charge(30))
    driver.send(CaptureHold(hold, 5))
    driver.send(ReleaseHold(other))
    driver.send(Refund(charged.key, 10))
    assert driver.balances() == driver.balances(TEAM) == driver.balances(ORG) == (75, 0, 25)
    assert {entry.member for entry in driver.entries(ORG)[1:]} == {"team:red"}
    assert assert_that_halves_agree(driver, ALICE, TEAM, ORG) == 6 * 4


def test_the_tightest_of_a_hierarchy_decides_and_is_named() -> None:
    driver = hierarchy(100, 60, 50)
    refused = driver.send(Charge(55))
    assert (ending(refused), refused.limit) == (("refused", "insufficient_credits"), {"account": "org"})
    assert driver.send(Charge(55, "partial")).amount == -50
    driver.send(GrantCredits(100), ORG)
    driver.send(Configure(limits=[limit(3)]), ORG)
    refused = driver.send(Charge(4))
    assert refused.limit is not None
    assert (refused.reason, refused.limit["account"], refused.limit["amount"]) == ("limit_exceeded", "org", 3)
    driver.send(Configure(status="frozen"), ORG)
    refused = driver.send(Charge(1))
    assert (refused.reason, refused.limit) == ("account_frozen", {"account": "org"})
    assert driver.balances() == (50, 0, 50)
    driver.check()


def test_expired_holds_all_the_way_up_make_room() -> None:
    driver = hierarchy(100, 100, 100)
    driver.hold(100)
    driver.now_ms += TTL_MS
    assert ending(driver.send(Charge(100))) == ("applied", None)
    assert driver.balances() == driver.balances(TEAM) == driver.balances(ORG) == (0, 0, 100)


def test_accounts_that_are_each_others_parents_pay_once_each() -> None:
    driver = family()
    join(driver, TEAM, ALICE)
    hold = driver.hold(10)
    driver.send(CaptureHold(hold))
    driver.send(Charge(5), TEAM)
    assert driver.balances() == driver.balances(TEAM) == (85, 0, 15)
    assert_that_halves_agree(driver, ALICE, TEAM)


def test_accounts_too_far_up_do_not_pay() -> None:
    driver = LedgerDriver()
    line = [Account("main", f"level-{number}") for number in range(MAX_PARENTS + 2)]
    for account in line:
        driver.send(GrantCredits(10), account)
    for member, parent in pairwise(line):
        join(driver, member, parent)
    driver.send(Charge(1), line[0])
    assert [driver.balances(account)[2] for account in line] == [1] * (MAX_PARENTS + 1) + [0]


def test_a_parent_is_of_the_tenant_of_its_member() -> None:
    driver = family()
    stranger = Account("other", "user:eve")
    driver.send(GrantCredits(100), stranger)
    join(driver, stranger, TEAM)
    assert ending(driver.send(Charge(1), stranger)) == ("refused", "insufficient_credits")
    assert driver.balances(TEAM) == (100, 0, 0)


def test_what_an_entry_says_of_the_parent_comes_back_as_it_was() -> None:
    driver = hierarchy(100, 60, 50)
    driver.send(Configure(limits=[limit(30)]), ORG)
    driver.send(Charge(31))
    driver.hold(10)
    for entry in driver.entries():
        assert recorded_approval(approval_from(entry.parent)) == entry.parent


def half_of(driver: LedgerDriver, entry: Entry) -> tuple[OtherHalf, Entry]:
    (half,) = other_halves(entry)
    found = driver.ledger.entry(half.account, half.key)
    assert found is not None
    return half, found


@pytest.mark.parametrize("account", [ALICE, TEAM])
def test_a_missing_or_altered_other_half_is_found_from_either_side(account: Account) -> None:
    driver = family()
    driver.send(Charge(30))
    entry = driver.entries(account)[-1]
    half, found = half_of(driver, entry)
    assert compare_halves(entry, half, found) == []
    other = half.account.actor
    (missing,) = compare_halves(entry, half, None)
    assert (missing.seq, missing.problem) == (entry.seq, f"has no counterpart at {other}")
    altered = [
        replace(found, amount=-29),
        replace(found, kind="capture"),
        replace(found, at_ms=1),
        replace(found, correlation_id="another"),
        replace(found, member=None, parent=None),
    ]
    for each in altered:
        (differs,) = compare_halves(entry, half, each)
        assert (differs.seq, differs.problem) == (entry.seq, f"differs from its counterpart at {other}")


def test_halves_of_a_hold_agree_also_where_one_account_gets_less_of_it_back() -> None:
    driver = LedgerDriver()
    driver.send(GrantCredits(50, "promotional", expires_at_ms=driver.now_ms + 10))
    driver.send(GrantCredits(50), TEAM)
    join(driver, ALICE, TEAM)
    hold = driver.hold(50)
    driver.now_ms += 10
    driver.send(ReleaseHold(hold))
    assert (driver.balances(), driver.balances(TEAM)) == ((0, 0, 0), (50, 0, 0))
    assert assert_that_halves_agree(driver, ALICE, TEAM) == 4


def test_an_entry_that_concerns_one_account_has_no_other_half() -> None:
    driver = family()
    driver.send(Charge(1000))
    assert [list(other_halves(entry)) for entry in driver.entries()] == [[], [], []]
