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


def join(till: LedgerDriver, member: Account, parent: Account) -> None:
    till.send(Configure(parent=parent.actor), member)


def family(alice: int = 100, team: int = 100) -> LedgerDriver:
    """Alice is a member of the team."""
    till = LedgerDriver()
    till.send(GrantCredits(alice))
    if team:
        till.send(GrantCredits(team), TEAM)
    join(till, ALICE, TEAM)
    return till


def assert_that_halves_agree(till: LedgerDriver, *accounts: Account) -> int:
    """Every entry with another half has it; gives the number of them."""
    halves = [(entry, half) for account in accounts for entry in till.entries(account) for half in other_halves(entry)]
    for entry, half in halves:
        assert compare_halves(entry, half, till.ledger.entry(half.account, half.key)) == []
    return len(halves)


def test_a_charge_is_paid_by_member_and_parent() -> None:
    till = family()
    entry = till.send(Charge(30))
    assert till.balances() == till.balances(TEAM) == (70, 0, 30)
    counterpart = till.entries(TEAM)[-1]
    assert counterpart.key == f"~user:alice~{entry.key}"
    assert (counterpart.kind, counterpart.amount, counterpart.member) == ("charge", -30, "user:alice")
    assert entry.parent == {"actor": "team:red", "room": 100}


def test_what_is_not_spent_stays_between_an_account_and_its_funder() -> None:
    till = family()
    seq = till.state(TEAM).seq
    for terms in (GrantCredits(5), VoidGrant("g1"), Configure(overdraft_limit=3)):
        till.send(terms)
    assert till.state(TEAM).seq == seq


def test_the_app_and_the_meter_are_on_both_entries() -> None:
    till = family()
    till.send(Charge(1), app="chat", meter="llm")
    assert (till.entries(TEAM)[-1].app, till.entries(TEAM)[-1].meter) == ("chat", "llm")


def test_a_parent_that_cannot_pay_refuses_and_nothing_is_written_to_it() -> None:
    till = family(team=20)
    seq = till.state(TEAM).seq
    entry = till.send(Charge(21))
    assert ending(entry) == ("refused", "insufficient_credits")
    assert (entry.shortfall, entry.limit) == (1, {"account": "team:red"})
    assert (till.state(TEAM).seq, till.balances()) == (seq, (100, 0, 0))


def test_a_member_that_cannot_pay_is_refused_whatever_the_parent_has() -> None:
    till = family(alice=20)
    entry = till.send(Charge(21))
    assert (ending(entry), entry.limit) == (("refused", "insufficient_credits"), None)
    assert till.balances(TEAM) == (100, 0, 0)


@pytest.mark.parametrize(("alice", "team", "takes"), [(100, 20, 20), (20, 100, 20), (100, 0, 0), (0, 100, 0)])
def test_a_partial_charge_takes_what_the_poorer_of_the_two_has(alice: int, team: int, takes: int) -> None:
    till = LedgerDriver()
    for account, amount in ((ALICE, alice), (TEAM, team)):
        till.send(GrantCredits(1), account)
        till.send(GrantCredits(amount + 1, priority=1), account)
        till.send(Charge(2), account)
    join(till, ALICE, TEAM)
    entry = till.send(Charge(50, "partial"))
    assert (entry.outcome, entry.amount, entry.shortfall) == ("partial", -takes, 50 - takes)
    assert till.balances(TEAM) == (team - takes, 0, takes + 2)
    till.check()


def test_a_charge_that_overdraws_overdraws_both() -> None:
    till = family(alice=10, team=20)
    till.send(Charge(50, "overdraw"))
    assert (till.balances(), till.balances(TEAM)) == ((-40, 0, 50), (-30, 0, 50))


def test_the_overdraft_of_each_is_its_own() -> None:
    till = family(alice=10, team=10)
    till.send(Configure(overdraft_limit=20))
    assert ending(till.send(Charge(15))) == ("refused", "insufficient_credits")
    till.send(Configure(overdraft_limit=5), TEAM)
    assert ending(till.send(Charge(15))) == ("applied", None)
    assert (till.balances(), till.balances(TEAM)) == ((-5, 0, 15), (-5, 0, 15))


def test_a_limit_of_the_parent_holds_for_all_its_members_together() -> None:
    till = family()
    till.send(GrantCredits(100), BOB)
    join(till, BOB, TEAM)
    till.send(Configure(limits=[limit(50, "chat")]), TEAM)
    till.send(Charge(30), app="chat")
    refused = till.send(Charge(21), BOB, app="chat")
    assert ending(refused) == ("refused", "limit_exceeded")
    assert refused.limit is not None
    assert (refused.limit["account"], refused.limit["used"], refused.limit["app"]) == ("team:red", 30, "chat")
    assert ending(till.send(Charge(20), BOB, app="chat")) == ("applied", None)
    assert ending(till.send(Charge(20), BOB, app="mail")) == ("applied", None)
    till.check()


def test_a_limit_of_the_member_holds_for_it_alone() -> None:
    till = family()
    till.send(Configure(limits=[limit(10)]))
    refused = till.send(Charge(11))
    assert refused.reason == "limit_exceeded"
    assert refused.limit is not None
    assert "account" not in refused.limit
    assert ending(till.send(Charge(11), TEAM)) == ("applied", None)


@pytest.mark.parametrize("terms", [Charge(1), Charge(1, "partial"), PlaceHold(1, TTL_MS), Charge(0)], ids=str)
def test_members_of_a_frozen_parent_spend_nothing_new(terms: Terms) -> None:
    till = family()
    till.send(Configure(status="frozen"), TEAM)
    entry = till.send(terms)
    assert (ending(entry), entry.limit) == (("refused", "account_frozen"), {"account": "team:red"})
    assert till.balances() == till.balances(TEAM) == (100, 0, 0)


@pytest.mark.parametrize("terms", [Charge(60), PlaceHold(60, TTL_MS), PlaceHold(90, TTL_MS, 60)], ids=str)
def test_a_parent_that_is_short_and_frozen_is_said_to_be_frozen(terms: Terms) -> None:
    till = family(team=50)
    till.send(Configure(status="frozen"), TEAM)
    entry = till.send(terms)
    assert (ending(entry), entry.limit) == (("refused", "account_frozen"), {"account": "team:red"})
    assert entry.shortfall == 0
    till.check()


@pytest.mark.parametrize("short", [ALICE, TEAM, ORG], ids=lambda account: account.actor)
@pytest.mark.parametrize("frozen", [ALICE, TEAM, ORG], ids=lambda account: account.actor)
def test_who_is_frozen_is_said_before_who_is_short(short: Account, frozen: Account) -> None:
    till = family()
    till.send(GrantCredits(100), ORG)
    join(till, TEAM, ORG)
    till.send(Charge(50), short)
    till.send(Configure(status="frozen"), frozen)
    entry = till.send(Charge(90))
    said = None if frozen == ALICE else {"account": frozen.actor}
    assert (ending(entry), entry.limit) == (("refused", "account_frozen"), said)
    till.check()


def test_of_two_that_are_frozen_the_nearest_is_said() -> None:
    till = family()
    join(till, TEAM, ORG)
    for account in (ORG, TEAM):
        till.send(Configure(status="frozen"), account)
    assert till.send(Charge(90)).limit == {"account": "team:red"}
    till.send(Configure(status="frozen"))
    assert till.send(Charge(90)).limit is None


def test_the_excess_of_a_capture_is_refused_by_who_is_frozen_before_who_is_short() -> None:
    till = family()
    hold = till.hold(10)
    till.send(Configure(status="frozen"), TEAM)
    entry = till.send(CaptureHold(hold, 500, "charge"))
    assert (ending(entry), entry.limit) == (("refused", "account_frozen"), {"account": "team:red"})
    assert ending(till.send(CaptureHold(hold, 500))) == ("refused", "exceeds_hold")
    till.check()


def test_members_of_a_frozen_parent_settle_what_was_begun() -> None:
    till = family()
    first, second, third = (till.hold(10) for _ in range(3))
    charged = till.send(Charge(5))
    till.send(Configure(status="frozen"), TEAM)
    assert ending(till.send(ExtendHold(first, 2 * TTL_MS))) == ("refused", "account_frozen")
    assert ending(till.send(CaptureHold(first, 11, "charge"))) == ("refused", "account_frozen")
    assert ending(till.send(CaptureHold(first))) == ("applied", None)
    assert ending(till.send(ReleaseHold(second))) == ("applied", None)
    assert ending(till.send(Refund(charged.key))) == ("applied", None)
    assert ending(till.send(Charge(1, "overdraw"))) == ("applied", None)
    assert till.balances() == till.balances(TEAM) == (79, 10, 11)
    assert third
    assert_that_halves_agree(till, ALICE, TEAM)


def test_a_hold_is_held_by_both_and_captured_of_both() -> None:
    till = family()
    hold = till.hold(40)
    assert till.balances() == till.balances(TEAM) == (60, 40, 0)
    till.send(CaptureHold(hold, 15))
    assert till.balances() == till.balances(TEAM) == (85, 0, 15)


def test_a_hold_of_what_is_there_is_as_much_as_both_can_hold() -> None:
    till = family(team=30)
    entry = till.send(PlaceHold(50, TTL_MS, 10))
    assert (entry.outcome, entry.amount) == ("partial", -30)
    assert till.balances(TEAM) == (0, 30, 0)
    assert ending(till.send(PlaceHold(50, TTL_MS, 10))) == ("refused", "insufficient_credits")


def test_a_hold_is_extended_and_released_at_both() -> None:
    till = family()
    hold = till.hold(40)
    till.send(ExtendHold(hold, 2 * TTL_MS))
    expiries = {held.expires_at_ms for each in (ALICE, TEAM) for held in till.ledger.open_holds(each)}
    assert expiries == {till.now_ms + 2 * TTL_MS}
    till.send(ReleaseHold(hold))
    assert till.balances() == till.balances(TEAM) == (100, 0, 0)


def test_a_capture_above_the_hold_needs_the_excess_at_both() -> None:
    till = family(team=45)
    hold = till.hold(40)
    refused = till.send(CaptureHold(hold, 46, "charge"))
    assert (ending(refused), refused.limit) == (("refused", "insufficient_credits"), {"account": "team:red"})
    till.send(CaptureHold(hold, 45, "charge"))
    assert (till.balances(), till.balances(TEAM)) == ((55, 0, 45), (0, 0, 45))


def test_a_hold_that_expired_expires_at_each_by_itself() -> None:
    till = family()
    till.hold(100)
    till.now_ms += TTL_MS
    assert ending(till.send(Charge(100), TEAM)) == ("applied", None)
    assert (till.balances(), till.balances(TEAM)) == ((0, 100, 0), (0, 0, 100))
    assert ending(till.send(Charge(1))) == ("refused", "insufficient_credits")
    assert till.balances() == (100, 0, 0)


def test_expired_holds_of_member_and_parent_make_room_for_who_needs_it() -> None:
    till = family()
    till.send(GrantCredits(100), BOB)
    join(till, BOB, TEAM)
    till.hold(100)
    assert ending(till.send(Charge(1), BOB)) == ("refused", "insufficient_credits")
    till.now_ms += TTL_MS
    assert ending(till.send(Charge(100), BOB)) == ("applied", None)
    assert till.balances(TEAM) == (0, 0, 100)
    till.send(GrantCredits(100), TEAM)
    assert ending(till.send(Charge(100))) == ("applied", None)
    assert (till.balances(), till.balances(TEAM)) == ((0, 0, 100), (0, 0, 200))
    assert_that_halves_agree(till, ALICE, BOB, TEAM)


def test_a_release_whose_counterpart_is_over_goes_on_alone_and_says_so() -> None:
    till = family()
    hold = till.hold(40)
    till.now_ms += TTL_MS
    till.send(Charge(100), TEAM)
    till.now_ms -= 1
    entry = till.send(ReleaseHold(hold))
    assert entry.outcome == "applied"
    assert entry.parent is not None
    assert entry.parent["declined"] == "hold_expired"
    assert (till.balances(), till.balances(TEAM)) == ((100, 0, 0), (0, 0, 100))
    assert_that_halves_agree(till, ALICE, TEAM)


def test_a_capture_whose_counterpart_is_over_is_refused() -> None:
    till = family()
    hold = till.hold(40)
    till.now_ms += TTL_MS
    till.send(Charge(100), TEAM)
    till.now_ms -= 1
    entry = till.send(CaptureHold(hold))
    assert (ending(entry), entry.limit) == (("refused", "hold_expired"), {"account": "team:red"})


def test_a_refund_gives_back_to_both_and_never_more_than_was_paid() -> None:
    till = family()
    charged = till.send(Charge(30))
    till.send(Refund(charged.key, 10))
    assert till.balances() == till.balances(TEAM) == (80, 0, 20)
    assert ending(till.send(Refund(charged.key, 21))) == ("refused", "exceeds_charge")
    till.send(Refund(charged.key))
    assert till.balances() == till.balances(TEAM) == (100, 0, 0)
    assert ending(till.send(Refund(charged.key))) == ("refused", "exceeds_charge")
    assert till.balances(TEAM) == (100, 0, 0)


def test_a_capture_is_refunded_to_both() -> None:
    till = family()
    captured = till.send(CaptureHold(till.hold(40), 30))
    till.send(Refund(captured.key))
    assert till.balances() == till.balances(TEAM) == (100, 0, 0)


def test_an_account_that_joined_after_a_hold_and_a_charge_settles_them_alone() -> None:
    till = LedgerDriver()
    till.send(GrantCredits(100))
    hold, other, charged = till.hold(10), till.hold(10), till.send(Charge(10))
    join(till, ALICE, TEAM)
    till.send(CaptureHold(hold))
    till.send(ReleaseHold(other))
    till.send(Refund(charged.key))
    assert till.balances() == (90, 0, 10)
    assert till.state(TEAM).seq == 0


@pytest.mark.parametrize("parent", ["", "team:blue"])
def test_an_account_that_left_settles_with_the_parent_that_it_had(parent: str) -> None:
    till = family()
    till.send(GrantCredits(100), OTHER_TEAM)
    first, second, third, charged = till.hold(10), till.hold(10), till.hold(10), till.send(Charge(10))
    till.send(Configure(parent=parent))
    till.send(CaptureHold(first))
    till.send(ReleaseHold(second))
    till.send(ExtendHold(third, 2 * TTL_MS))
    till.send(Refund(charged.key))
    assert till.balances() == till.balances(TEAM) == (80, 10, 10)
    till.send(Charge(5))
    assert till.balances() == (75, 10, 15)
    assert till.balances(TEAM) == (80, 10, 10)
    assert till.balances(OTHER_TEAM)[0] == (95 if parent else 100)
    assert_that_halves_agree(till, ALICE, TEAM, OTHER_TEAM)


def test_a_parent_that_nothing_was_ever_recorded_for_has_nothing_to_pay_with() -> None:
    till = family(team=0)
    entry = till.send(Charge(1))
    assert (ending(entry), entry.limit) == (("refused", "insufficient_credits"), {"account": "team:red"})
    assert till.ledger.state(TEAM) is None
    till.send(Charge(1, "overdraw"))
    assert till.balances(TEAM) == (-1, 0, 1)
    assert [entry.seq for entry in till.entries(TEAM)] == [1]


def test_what_is_due_of_the_parent_comes_first_and_in_its_own_record() -> None:
    till = family(team=0)
    allowance = {"amount": 50, "interval": "daily", "priority": 1, "rollover_minimum": 0, "rollover_maximum": 0}
    till.send(Configure(allowance=allowance), TEAM)
    till.send(GrantCredits(10, "promotional", expires_at_ms=till.now_ms + 1), TEAM)
    till.send(Charge(60))
    till.send(Refund(till.entries()[-1].key, 10))
    till.now_ms += DAY_MS
    assert ending(till.send(Charge(50))) == ("applied", None)
    kinds = [entry.kind for entry in till.entries(TEAM)]
    assert kinds[-3:] == ["expire", "allowance", "charge"]
    till.check()


def test_what_is_due_of_a_parent_that_refuses_is_not_written_for_it() -> None:
    till = family(team=50)
    till.send(GrantCredits(10, "promotional", expires_at_ms=till.now_ms + 1), TEAM)
    till.now_ms += 1
    seq = till.state(TEAM).seq
    assert till.send(Charge(55)).reason == "insufficient_credits"
    assert till.state(TEAM).seq == seq


def test_thresholds_of_the_parent_warn_in_its_own_entry() -> None:
    till = family()
    till.send(Configure(low_balance_thresholds=[80]), TEAM)
    entry = till.send(Charge(30))
    assert (entry.alerts, till.entries(TEAM)[-1].alerts) == ((), (80,))


def test_a_hold_that_goes_with_a_members_is_none_to_the_parents_callers() -> None:
    till = family()
    hold = till.hold(40)
    (at_team,) = till.ledger.open_holds(TEAM)
    assert at_team.member == "user:alice"
    direct: tuple[Terms, ...] = (CaptureHold(at_team.id), ReleaseHold(at_team.id), ExtendHold(at_team.id, 2 * TTL_MS))
    for terms in direct:
        assert ending(till.send(terms, TEAM)) == ("refused", "hold_not_found")
    assert ending(till.send(CaptureHold(hold))) == ("applied", None)
    assert till.balances() == till.balances(TEAM) == (60, 0, 40)


def test_a_charge_that_goes_with_a_members_is_none_to_the_parents_callers() -> None:
    till = family()
    till.send(Charge(40))
    assert ending(till.send(Refund(till.entries(TEAM)[-1].key), TEAM)) == ("refused", "charge_not_found")


def test_a_member_cannot_end_a_hold_of_the_parent_itself() -> None:
    till = family()
    own = till.hold(10, TEAM)
    assert ending(till.send(ReleaseHold(own))) == ("refused", "hold_not_found")
    assert ending(till.send(ReleaseHold(own), TEAM)) == ("applied", None)


def test_charges_of_a_member_sent_as_a_batch_are_paid_by_both_each_by_itself() -> None:
    till = family(team=25)
    batch = [Operation(ALICE, f"b-{number}", Charge(10), "service", "one request") for number in range(3)]
    answers = till.ledger.record_batch(batch, till.now_ms)
    outcomes = [answer.entry.outcome for answer in answers.values() if isinstance(answer, Recorded)]
    assert outcomes == ["applied", "applied", "refused"]
    assert (till.balances(), till.balances(TEAM)) == ((80, 0, 20), (5, 0, 20))
    again = till.ledger.record_batch(batch, till.now_ms)
    assert all(answer.replayed for answer in again.values() if isinstance(answer, Recorded))
    assert till.balances(TEAM) == (5, 0, 20)


def hierarchy(*credits_there: int) -> LedgerDriver:
    """Alice is a member of the team, the team of the organisation."""
    till = LedgerDriver()
    for account, amount in zip((ALICE, TEAM, ORG), credits_there, strict=True):
        till.send(GrantCredits(amount), account)
    join(till, ALICE, TEAM)
    join(till, TEAM, ORG)
    return till


def test_a_parent_that_is_a_member_itself_has_its_parent_pay_too() -> None:
    till = hierarchy(100, 100, 100)
    hold, other, charged = till.hold(20), till.hold(10), till.send(Charge(30))
    till.send(CaptureHold(hold, 5))
    till.send(ReleaseHold(other))
    till.send(Refund(charged.key, 10))
    assert till.balances() == till.balances(TEAM) == till.balances(ORG) == (75, 0, 25)
    assert {entry.member for entry in till.entries(ORG)[1:]} == {"team:red"}
    assert assert_that_halves_agree(till, ALICE, TEAM, ORG) == 6 * 4


def test_the_tightest_of_a_hierarchy_decides_and_is_named() -> None:
    till = hierarchy(100, 60, 50)
    refused = till.send(Charge(55))
    assert (ending(refused), refused.limit) == (("refused", "insufficient_credits"), {"account": "org"})
    assert till.send(Charge(55, "partial")).amount == -50
    till.send(GrantCredits(100), ORG)
    till.send(Configure(limits=[limit(3)]), ORG)
    refused = till.send(Charge(4))
    assert refused.limit is not None
    assert (refused.reason, refused.limit["account"], refused.limit["amount"]) == ("limit_exceeded", "org", 3)
    till.send(Configure(status="frozen"), ORG)
    refused = till.send(Charge(1))
    assert (refused.reason, refused.limit) == ("account_frozen", {"account": "org"})
    assert till.balances() == (50, 0, 50)
    till.check()


def test_expired_holds_all_the_way_up_make_room() -> None:
    till = hierarchy(100, 100, 100)
    till.hold(100)
    till.now_ms += TTL_MS
    assert ending(till.send(Charge(100))) == ("applied", None)
    assert till.balances() == till.balances(TEAM) == till.balances(ORG) == (0, 0, 100)


def test_accounts_that_are_each_others_parents_pay_once_each() -> None:
    till = family()
    join(till, TEAM, ALICE)
    hold = till.hold(10)
    till.send(CaptureHold(hold))
    till.send(Charge(5), TEAM)
    assert till.balances() == till.balances(TEAM) == (85, 0, 15)
    assert_that_halves_agree(till, ALICE, TEAM)


def test_accounts_too_far_up_do_not_pay() -> None:
    till = LedgerDriver()
    line = [Account("main", f"level-{number}") for number in range(MAX_PARENTS + 2)]
    for account in line:
        till.send(GrantCredits(10), account)
    for member, parent in pairwise(line):
        join(till, member, parent)
    till.send(Charge(1), line[0])
    assert [till.balances(account)[2] for account in line] == [1] * (MAX_PARENTS + 1) + [0]


def test_a_parent_is_of_the_tenant_of_its_member() -> None:
    till = family()
    stranger = Account("other", "user:eve")
    till.send(GrantCredits(100), stranger)
    join(till, stranger, TEAM)
    assert ending(till.send(Charge(1), stranger)) == ("refused", "insufficient_credits")
    assert till.balances(TEAM) == (100, 0, 0)


def test_what_an_entry_says_of_the_parent_comes_back_as_it_was() -> None:
    till = hierarchy(100, 60, 50)
    till.send(Configure(limits=[limit(30)]), ORG)
    till.send(Charge(31))
    till.hold(10)
    for entry in till.entries():
        assert recorded_approval(approval_from(entry.parent)) == entry.parent


def half_of(till: LedgerDriver, entry: Entry) -> tuple[OtherHalf, Entry]:
    (half,) = other_halves(entry)
    found = till.ledger.entry(half.account, half.key)
    assert found is not None
    return half, found


@pytest.mark.parametrize("account", [ALICE, TEAM])
def test_a_missing_or_altered_other_half_is_found_from_either_side(account: Account) -> None:
    till = family()
    till.send(Charge(30))
    entry = till.entries(account)[-1]
    half, found = half_of(till, entry)
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
    till = LedgerDriver()
    till.send(GrantCredits(50, "promotional", expires_at_ms=till.now_ms + 10))
    till.send(GrantCredits(50), TEAM)
    join(till, ALICE, TEAM)
    hold = till.hold(50)
    till.now_ms += 10
    till.send(ReleaseHold(hold))
    assert (till.balances(), till.balances(TEAM)) == ((0, 0, 0), (50, 0, 0))
    assert assert_that_halves_agree(till, ALICE, TEAM) == 4


def test_an_entry_that_concerns_one_account_has_no_other_half() -> None:
    till = family()
    till.send(Charge(1000))
    assert [list(other_halves(entry)) for entry in till.entries()] == [[], [], []]
