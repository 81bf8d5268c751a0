"""Batches: charges and parts of holds of one account, in few transactions, each answered as if it came alone."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account, AccountState
from shared.ledger.batches import MAX_ITEMS, items_of
from shared.ledger.context import References
from shared.ledger.entries import Entry
from shared.ledger.errors import IdempotencyKeyReused
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    GrantCredits,
    IfExpired,
    Operation,
    Overrun,
    PlaceHold,
    Terms,
    named_hold,
)
from shared.ledger.protocol import Command, CommandOutcome, Commit, Read, Recorded, Unknown
from shared.ledger.reducer import Change
from tests.builders import ALICE
from tests.ledger_driver import TTL_MS, LedgerDriver, ending
from tests.unit.ledger.test_limits import limit

TEAM = Account("main", "team:a")
OTHER_TEAM = Account("main", "team:b")
ORG = Account("main", "org:a")


class Watched(MemoryLedger):
    """Remembers what was sent to it."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[Command] = []

    def execute(self, command: Command) -> CommandOutcome:
        self.commands.append(command)
        return super().execute(command)

    @property
    def changes(self) -> list[Change]:
        return [each.change for each in self.commands if isinstance(each, Commit)]


def family(*parents: Account, credits_there: int = 1000) -> tuple[LedgerDriver, Watched]:
    """Alice, and the accounts above her, each with as much."""
    ledger = Watched()
    driver = LedgerDriver(ledger)
    line = (ALICE, *parents)
    for account in line:
        driver.send(GrantCredits(credits_there), account)
    for member, parent in zip(line, parents, strict=False):
        driver.send(Configure(parent=parent.actor), member)
    ledger.commands.clear()
    return driver, ledger


def asked(each: Sequence[Terms], prefix: str = "b") -> list[Operation]:
    return [Operation(ALICE, f"{prefix}-{number}", terms, "service", "one") for number, terms in enumerate(each)]


def part(hold: str, amount: int, overrun: Overrun = "refuse", if_expired: IfExpired | None = None) -> CaptureHold:
    return CaptureHold(hold, amount, overrun, if_expired=if_expired, final=False)


def sent(driver: LedgerDriver, batch: Sequence[Operation]) -> list[Entry]:
    answers = driver.ledger.record_batch(batch, driver.now_ms)
    entries = []
    for operation in batch:
        answer = answers[operation.key]
        assert isinstance(answer, Recorded)
        entries.append(answer.entry)
    return entries


def test_ninety_charges_of_a_member_are_two_transactions() -> None:
    driver, ledger = family(TEAM)
    sent(driver, asked([Charge(1)] * 90))
    assert [items_of(change) for change in ledger.changes] == [100, 84]
    assert [len(change.entries) for change in ledger.changes] == [49, 41]
    assert len([each for each in ledger.commands if isinstance(each, Read)]) == 1
    assert driver.balances() == driver.balances(TEAM) == (910, 0, 90)


def test_what_a_policy_and_a_new_account_write_counts_for_the_transaction() -> None:
    driver, ledger = family(TEAM)
    driver.send(Configure(limits=[limit(1000)]))
    driver.send(Configure(limits=[limit(1000)]), TEAM)
    ledger.commands.clear()
    sent(driver, asked([Charge(1)] * 60))
    assert [items_of(change) for change in ledger.changes] == [100, 28]
    new = LedgerDriver(ledger := Watched())
    sent(new, asked([Charge(0)] * 90))
    assert [items_of(change) for change in ledger.changes] == [92]


def test_one_line_that_a_parent_refuses_does_not_fail_the_others() -> None:
    driver, _ = family(TEAM)
    driver.send(Charge(960), TEAM)
    entries = sent(driver, asked([Charge(30), Charge(20), Charge(10), Charge(1)]))
    assert [ending(each) for each in entries] == [
        ("applied", None),
        ("refused", "insufficient_credits"),
        ("applied", None),
        ("refused", "insufficient_credits"),
    ]
    assert [(each.limit, each.shortfall) for each in entries if each.is_refused] == [
        ({"account": TEAM.actor}, 10),
        ({"account": TEAM.actor}, 1),
    ]
    assert driver.balances(TEAM) == (0, 0, 1000)


def test_a_batch_that_names_one_hold_fifty_times_writes_its_item_once() -> None:
    driver, ledger = family(TEAM)
    hold = driver.hold(500)
    ledger.commands.clear()
    entries = sent(driver, asked([part(hold, 10)] * 45))
    assert [items_of(change) for change in ledger.changes] == [45 + 1 + 1 + 45 + 1 + 1]
    assert [len(each.holds) for change in ledger.changes for each in change.parts] == [1, 1]
    assert [entry.hold and entry.hold["captured"] for entry in entries] == [10 * n for n in range(1, 46)]
    assert driver.balances() == driver.balances(TEAM) == (500, 50, 450)


def test_charges_and_parts_of_several_holds_share_a_transaction() -> None:
    driver, ledger = family()
    one, other = driver.hold(50), driver.hold(50)
    ledger.commands.clear()
    sent(driver, asked([Charge(1), part(one, 20), part(other, 30), part(one, 30), Charge(2)]))
    assert [len(change.entries) for change in ledger.changes] == [5]
    assert driver.balances() == (897, 20, 83)


def test_a_line_with_an_unknown_hold_is_refused_alone() -> None:
    driver, ledger = family()
    entries = sent(driver, asked([Charge(1), part("h99", 1), Charge(1)]))
    assert [ending(each) for each in entries] == [("applied", None), ("refused", "hold_not_found"), ("applied", None)]
    assert len(ledger.changes) == 1


def test_each_line_takes_what_the_lines_before_it_left_of_the_hold() -> None:
    driver, _ = family()
    hold = driver.hold(50)
    entries = sent(driver, asked([part(hold, 30), part(hold, 30), part(hold, 20), part(hold, 5, "charge")]))
    assert [ending(each) for each in entries] == [
        ("applied", None),
        ("refused", "exceeds_hold"),
        ("applied", None),
        ("applied", None),
    ]
    assert driver.balances() == (945, 0, 55)


def test_lines_of_an_expired_hold_are_refused_or_overdrawn_as_each_says() -> None:
    driver, _ = family(TEAM)
    hold = driver.hold(50)
    driver.now_ms += TTL_MS
    entries = sent(driver, asked([part(hold, 30), part(hold, 30, if_expired="overdraw"), Charge(1)]))
    assert [ending(each) for each in entries] == [("refused", "hold_expired"), ("applied", None), ("applied", None)]
    assert driver.balances() == driver.balances(TEAM) == (969, 0, 31)


def test_a_line_that_charges_an_expired_hold_is_paid_by_its_parent_whatever_the_lines_before_ask() -> None:
    driver, _ = family(TEAM)
    hold = driver.hold(50)
    driver.now_ms += TTL_MS
    driver.send(Charge(0))
    entries = sent(driver, asked([part(hold, 30), part(hold, 30, if_expired="overdraw"), part(hold, 30)]))
    refused = ("refused", "hold_expired")
    assert [ending(each) for each in entries] == [refused, ("applied", None), refused]
    assert driver.balances() == driver.balances(TEAM) == (970, 0, 30)


def test_a_hold_is_put_under_the_condition_on_the_version_that_was_read() -> None:
    driver, ledger = family(TEAM)
    hold = driver.hold(50)
    placed = driver.state().seq
    ledger.commands.clear()
    sent(driver, asked([Charge(1), part(hold, 1), Charge(1), part(hold, 1)]))
    (change,) = ledger.changes
    assert [(each.seen_seq, each.hold.seq) for each in change.holds] == [(placed, placed + 4)]


def test_what_is_due_at_both_is_written_once_and_before_the_first_line_of_each() -> None:
    driver, ledger = family(TEAM)
    driver.hold(50)
    driver.now_ms += TTL_MS
    ledger.commands.clear()
    driver.ledger.record_batch(asked([Charge(2000), Charge(1), Charge(1)]), driver.now_ms)
    assert [[entry.kind for entry in part.entries] for change in ledger.changes for part in change.parts] == [
        ["expire", "charge", "charge", "charge"],
        ["expire", "charge", "charge"],
    ]
    assert driver.balances() == driver.balances(TEAM) == (998, 0, 2)


def test_lines_of_different_parents_are_transactions_of_their_own_in_their_order() -> None:
    driver, ledger = family(TEAM)
    driver.send(GrantCredits(1000), OTHER_TEAM)
    hold = driver.hold(100)
    driver.send(Configure(parent=OTHER_TEAM.actor))
    ledger.commands.clear()
    sent(driver, asked([Charge(1), Charge(2), part(hold, 10), part(hold, 20), Charge(4)]))
    assert [len(change.entries) for change in ledger.changes] == [2, 2, 1]
    assert [entry.amount for entry in driver.entries()[-5:]] == [-1, -2, -10, -20, -4]
    assert (driver.balances(TEAM), driver.balances(OTHER_TEAM)) == ((900, 70, 30), (993, 0, 7))


def test_a_key_that_is_on_the_record_is_answered_again_and_the_others_are_recorded() -> None:
    driver, _ = family(TEAM)
    batch = asked([Charge(1), Charge(2), Charge(4)])
    driver.ledger.record(batch[1], driver.now_ms)
    other = Operation(ALICE, "b-0", Charge(9), "service", "one")
    driver.ledger.record(other, driver.now_ms)
    answers = driver.ledger.record_batch(batch, driver.now_ms)
    assert isinstance(answers["b-0"], IdempotencyKeyReused)
    again, new = answers["b-1"], answers["b-2"]
    assert isinstance(again, Recorded)
    assert isinstance(new, Recorded)
    assert (again.replayed, new.replayed) == (True, False)
    assert driver.balances() == driver.balances(TEAM) == (985, 0, 15)


class Unlucky(Watched):
    """Carries the commit after `left` others out, and loses its answer. None: it loses none."""

    left: int | None = None

    def execute(self, command: Command) -> CommandOutcome:
        outcome = super().execute(command)
        if self.left is None or not isinstance(command, Commit):
            return outcome
        self.left -= 1
        return Unknown() if self.left == -1 else outcome


def test_a_group_whose_answer_was_lost_is_sent_again_as_it_was() -> None:
    ledger = Unlucky()
    driver = LedgerDriver(ledger)
    for account in (ALICE, TEAM):
        driver.send(GrantCredits(1000), account)
    driver.send(Configure(parent=TEAM.actor))
    ledger.commands.clear()
    ledger.left = 1
    answers = driver.ledger.record_batch(asked([Charge(1)] * 60), driver.now_ms)
    assert all(isinstance(each, Recorded) and not each.replayed for each in answers.values())
    assert ledger.changes[1] is ledger.changes[2]
    assert driver.balances() == driver.balances(TEAM) == (940, 0, 60)


costs = st.integers(0, 60)
modes: Any = st.sampled_from(["refuse", "overdraw", "partial"])
overruns: Any = st.sampled_from(["refuse", "charge", "partial", "overdraw"])
late: Any = st.sampled_from([None, "charge", "overdraw"])
lines = st.one_of(
    st.builds(Charge, costs, modes),
    st.builds(
        part,
        st.sampled_from(["h3", "h4", "h5", "h99"]),
        costs,
        overruns,
        late,
    ),
)


def _placed(driver: LedgerDriver) -> None:
    """Three holds of Alice: one lasts, one is about to expire, one was placed with no parent."""
    driver.send(GrantCredits(200))
    driver.send(GrantCredits(150), TEAM)
    for number in range(3):
        driver.send(PlaceHold(40, TTL_MS if number == 1 else 3 * TTL_MS))
        if number == 1:
            driver.send(Configure(parent=TEAM.actor, overdraft_limit=30))


@settings(max_examples=150, deadline=None)
@given(
    each=st.lists(lines, min_size=1, max_size=12),
    passed_ms=st.sampled_from([0, TTL_MS]),
    limits=st.sampled_from([None, 60, 200]),
    is_nested=st.booleans(),
)
def test_each_line_is_answered_as_if_it_came_alone(
    each: list[Terms], passed_ms: int, limits: int | None, is_nested: bool
) -> None:
    alone, together = LedgerDriver(), LedgerDriver()
    for driver in (alone, together):
        _placed(driver)
        if is_nested:
            driver.send(GrantCredits(100), ORG)
            driver.send(Configure(parent=ORG.actor), TEAM)
        if limits is not None:
            driver.send(Configure(limits=[limit(limits)]), TEAM)
        driver.now_ms += passed_ms
    batch = asked(each)
    expected = [alone.ledger.record(operation, alone.now_ms).entry for operation in batch]
    assert sent(together, batch) == expected
    for account in (ALICE, TEAM, ORG):
        assert alone.entries(account) == together.entries(account)
        assert alone.ledger.state(account) == together.ledger.state(account)
        assert alone.ledger.open_holds(account) == together.ledger.open_holds(account)
    together.check()


@pytest.mark.parametrize("number", [1, 90])
def test_no_transaction_has_more_items_than_fit(number: int) -> None:
    driver, ledger = family(TEAM, ORG)
    holds = [driver.hold(1) for _ in range(number)]
    ledger.commands.clear()
    sent(driver, asked([part(hold, 1) for hold in holds]))
    assert all(items_of(change) <= MAX_ITEMS for change in ledger.changes)
    assert driver.balances(ORG) == (1000 - number, 0, number)


def test_a_batch_reads_each_hold_and_each_account_once() -> None:
    driver, ledger = family(TEAM)
    hold = driver.hold(50)
    ledger.commands.clear()
    sent(driver, asked([part(hold, 1), Charge(1), part(hold, 1), Charge(1)]))
    (read,) = [each for each in ledger.commands if isinstance(each, Read)]
    assert (read.terms.kind, [each.kind for each in read.others]) == ("capture", ["charge"])


def test_the_lines_of_a_batch_that_differ_in_what_they_read_share_what_is_the_same() -> None:
    driver, ledger = family(TEAM)
    hold = driver.hold(50)
    reads: list[object] = []

    def state(account: Account) -> AccountState | None:
        reads.append(account)
        return ledger.state(account)

    def named(account: Account, terms: Terms) -> References:
        reads.append((account, named_hold(terms)))
        return References(hold=ledger.hold(account, named_hold(terms) or ""))

    read = Read(ALICE, Charge(1), (part(hold, 1), part(hold, 1, if_expired="charge")))
    found = read.found(state, named)
    assert found.references.hold is None
    assert [each.hold and each.hold.id for each in found.others] == [hold, hold]
    assert len(reads) == len(set(reads))
