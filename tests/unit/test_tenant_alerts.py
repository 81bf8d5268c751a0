"""Alerts: who is low now, what was refused, and what may be told to whom."""

from collections.abc import Sequence
from dataclasses import replace

from in_memory.activity import MemoryActivityFeed, MemoryOpenHolds
from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account
from shared.ledger.operations import Charge, Configure, FundingUpdate, GrantCredits, PlaceHold, Terms
from shared.ports.activity import FeedLine, FeedStretch, QueueDepth
from shared.usecases.tenant_alerts import (
    EXPIRING_MS,
    LOW_MAX,
    SINCE_MS,
    LowAccount,
    Refused,
    WaitingFailures,
    low_accounts,
    refusals,
    tenant_alerts,
)
from tests.builders import ALICE, NOW_MS, SECOND_MS, operation

LINE = FeedLine("charge", "applied", ALICE.actor, NOW_MS, "k", 3, -5, 95)
BOB = Account("main", "user:bob")


def stretch(*lines: FeedLine, is_complete: bool = True) -> FeedStretch:
    return FeedStretch(lines, NOW_MS - SINCE_MS, is_complete)


def ledger_of(*terms: Terms, account: Account = ALICE) -> MemoryLedger:
    ledger = MemoryLedger()
    record(ledger, *terms, account=account)
    return ledger


def record(ledger: MemoryLedger, *terms: Terms, account: Account = ALICE) -> None:
    state = ledger.state(account)
    for number, each in enumerate(terms, start=state.seq if state else 0):
        ledger.record(operation(f"k{number}", each, account=account), NOW_MS)


FELL = (FundingUpdate(0, 100_000), Configure(low_balance_thresholds=(50_000, 20_000)), Charge(60_000))
LOW_LINE = replace(LINE, low_balance=(50_000,))


def test_an_account_that_fell_below_a_threshold_is_shown_as_it_is_now() -> None:
    assert low_accounts("main", stretch(LOW_LINE), ledger_of(*FELL), NOW_MS).items == (
        LowAccount(ALICE.actor, 50_000, 40_000, NOW_MS),
    )


def test_it_is_shown_with_the_lowest_threshold_that_it_is_below() -> None:
    (shown,) = low_accounts("main", stretch(LOW_LINE), ledger_of(*FELL, Charge(30_000)), NOW_MS).items
    assert (shown.threshold, shown.available) == (20_000, 10_000)


def test_an_account_that_was_refilled_is_not_shown() -> None:
    ledger = ledger_of(*FELL, GrantCredits(100_000))
    assert low_accounts("main", stretch(LOW_LINE), ledger, NOW_MS).items == ()


def test_an_account_whose_thresholds_were_taken_back_is_not_shown() -> None:
    ledger = ledger_of(*FELL, Configure(low_balance_thresholds=()))
    assert low_accounts("main", stretch(LOW_LINE), ledger, NOW_MS).items == ()


def test_held_credits_are_there_as_they_are_for_a_crossing() -> None:
    ledger = ledger_of(*FELL[:2], Charge(40_000), PlaceHold(30_000, 60_000))
    assert low_accounts("main", stretch(LOW_LINE), ledger, NOW_MS).items == ()


def test_an_account_is_shown_once_with_its_newest_crossing() -> None:
    lines = (replace(LOW_LINE, at_ms=NOW_MS + 9, seq=9), LOW_LINE)
    (shown,) = low_accounts("main", stretch(*lines), ledger_of(*FELL), NOW_MS).items
    assert shown.at_ms == NOW_MS + 9


def test_accounts_are_shown_by_their_crossings_and_only_so_many_are_looked_at() -> None:
    ledger = MemoryLedger()
    accounts = [Account("main", f"user:{number}") for number in range(LOW_MAX + 1)]
    for account in accounts:
        record(ledger, *FELL, account=account)
    lines = [replace(LOW_LINE, actor=each.actor, at_ms=NOW_MS - age) for age, each in enumerate(accounts)]
    found = low_accounts("main", stretch(*lines), ledger, NOW_MS)
    assert [each.actor for each in found.items] == [each.actor for each in accounts[:LOW_MAX]]
    assert found.is_complete is False
    assert low_accounts("main", stretch(*lines[1:]), ledger, NOW_MS).is_complete is True


def test_refusals_are_counted_by_actor_and_reason_the_most_frequent_first() -> None:
    refused = replace(LINE, outcome="refused", reason="insufficient_credits")
    lines = [
        *(replace(refused, seq=seq) for seq in (9, 8, 7, 7)),
        replace(refused, seq=5, reason="limit_exceeded"),
        replace(refused, seq=0, kind="check", key="c1"),
        replace(refused, seq=4, actor=BOB.actor),
        LINE,
    ]
    assert refusals(stretch(*lines)).items == (
        Refused(ALICE.actor, "insufficient_credits", 4),
        Refused(ALICE.actor, "limit_exceeded", 1),
        Refused(BOB.actor, "insufficient_credits", 1),
    )


def test_a_part_of_the_day_says_since_when_it_counts() -> None:
    found = refusals(FeedStretch((), NOW_MS - 5, is_complete=False))
    assert (found.since_ms, found.is_complete) == (NOW_MS - 5, False)


class Queues:
    def __init__(self, *depths: QueueDepth, failure: Exception | None = None) -> None:
        self._depths = depths
        self._failure = failure

    def depths(self) -> Sequence[QueueDepth]:
        if self._failure:
            raise self._failure
        return self._depths


def failures_of(queues: Queues | None) -> WaitingFailures | None:
    ledger = MemoryLedger()
    feed = MemoryActivityFeed(lambda: NOW_MS)
    return tenant_alerts("main", feed, ledger, MemoryOpenHolds(ledger), queues, NOW_MS).failures


def test_queues_that_are_not_empty_are_told_to_who_may_know() -> None:
    empty, waiting = QueueDepth("a-failures", 0), QueueDepth("b-failures", 3)
    assert failures_of(Queues(empty, waiting)) == WaitingFailures((waiting,))
    assert failures_of(None) is None


def test_queues_that_do_not_answer_take_nothing_else_from_the_answer() -> None:
    away = ConnectionError("away")
    assert failures_of(Queues(failure=away)) == WaitingFailures(None, away)


def test_holds_that_expire_within_a_quarter_of_an_hour_are_shown() -> None:
    ledger = ledger_of(FundingUpdate(0, 100_000), PlaceHold(5, EXPIRING_MS), PlaceHold(6, EXPIRING_MS + SECOND_MS))
    record(ledger, FundingUpdate(0, 100_000), PlaceHold(7, SECOND_MS), account=Account("other", "user:alice"))
    feed = MemoryActivityFeed(lambda: NOW_MS)
    found = tenant_alerts("main", feed, ledger, MemoryOpenHolds(ledger), None, NOW_MS).expiring
    assert [(account, hold.amount) for account, hold in found.items] == [(ALICE, 5)]
