"""Random histories of one account against a model so plain that it can be believed at a glance."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from in_memory.ledger import due_holds
from shared.ledger.accounts import AccountState
from shared.ledger.context import References
from shared.ledger.due import DueHolds
from shared.ledger.entries import Entry
from shared.ledger.grants import Grant
from shared.ledger.holds import Hold, RefundTally
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    FundingUpdate,
    GrantCredits,
    IfInsufficient,
    Overrun,
    PlaceHold,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)
from shared.ledger.reducer import NOTHING_NAMED, Change, apply, as_of, replay
from shared.verification.chain import breaks
from tests.builders import ALICE, NOW_MS, operation
from tests.unit.ledger.plain import NEVER, Lot, Paid, PlainAccount

AMOUNTS = st.integers(min_value=0, max_value=300)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ms = NOW_MS
        self.state = AccountState(ALICE)
        self.opening = self.state
        self.entries: list[Entry] = []
        self.plain = PlainAccount(NOW_MS)
        self.holds: dict[str, Hold] = {}
        self.set_aside: dict[str, Paid] = {}
        self.charges: dict[str, Entry] = {}
        self.paid: dict[str, Paid] = {}
        self.tallies: dict[str, RefundTally] = {}

    @initialize(overdraft_limit=st.sampled_from([0, 0, 50]))
    def open_account(self, overdraft_limit: int) -> None:
        self.state = self.opening = AccountState(ALICE, overdraft_limit=overdraft_limit)
        self.plain.overdraft_limit = overdraft_limit

    def send(self, terms: Terms, references: References = NOTHING_NAMED) -> Entry:
        references = replace(references, due=self.due)
        return self.commit(apply(self.state, operation(f"k{len(self.entries)}", terms), self.now_ms, references))

    @property
    def due(self) -> DueHolds:
        return due_holds([hold for hold in self.holds.values() if hold.status == "open"], self.now_ms)

    def commit(self, change: Change) -> Entry:
        self.state = change.state
        self.entries.extend(change.entries)
        self.holds.update((replaced.hold.id, replaced.hold) for replaced in change.holds)
        if change.tally:
            self.tallies[change.tally.charge_key] = change.tally
        return change.entries[-1]

    def spend(self, entry: Entry, paid: Paid) -> None:
        self.plain.spent += paid.amount
        self.charges[entry.key], self.paid[entry.key] = entry, paid

    @rule(cost=AMOUNTS, mode=st.sampled_from(["refuse", "overdraw", "partial"]))
    def charge(self, cost: int, mode: IfInsufficient) -> None:
        entry = self.send(Charge(cost, mode))
        affordable = self.plain.affordable
        takes = cost if cost <= affordable or mode == "overdraw" else affordable if mode == "partial" else 0
        assert -entry.amount == takes
        assert entry.is_refused == (mode == "refuse" and cost > affordable)
        if not entry.is_refused:
            self.spend(entry, self.plain.take(takes))

    @rule(amount=AMOUNTS, minimum=st.sampled_from([None, 0, 20]), ttl_ms=st.integers(1, 60))
    def hold(self, amount: int, minimum: int | None, ttl_ms: int) -> None:
        entry = self.send(PlaceHold(amount, ttl_ms, minimum))
        affordable = self.plain.affordable
        assert entry.is_refused == (affordable < (amount if minimum is None else minimum))
        if not entry.is_refused:
            assert -entry.amount == min(amount, affordable)
            self.set_aside[f"h{entry.seq}"] = self.plain.take(-entry.amount)

    @precondition(lambda self: self.holds)
    @rule(
        data=st.data(),
        part=st.sampled_from([None, 0, 10, 250]),
        overrun=st.sampled_from(["refuse", "charge", "partial", "overdraw"]),
    )
    def capture(self, data: st.DataObject, part: int | None, overrun: Overrun) -> None:
        held = data.draw(st.sampled_from(sorted(self.holds.values(), key=lambda hold: hold.id)))
        entry = self.send(CaptureHold(held.id, part, overrun), References(hold=held))
        wanted = held.amount if part is None else part
        excess = max(wanted - held.amount, 0)
        covered = excess == 0 or overrun in {"partial", "overdraw"}
        covered = covered or (overrun == "charge" and excess <= self.plain.affordable)
        assert entry.is_refused == (held.status != "open" or held.expires_at_ms <= self.now_ms or not covered)
        if entry.is_refused:
            return
        if overrun == "partial":
            excess = min(excess, self.plain.affordable)
        assert -entry.amount == min(wanted, held.amount) + excess
        aside = self.set_aside.pop(held.id)
        self.plain.give_back(aside.last(held.amount - min(wanted, held.amount)))
        beyond = self.plain.take(excess)
        self.spend(entry, Paid(aside.pieces + beyond.pieces, aside.undrawn + beyond.undrawn))

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(sorted(self.holds.values(), key=lambda hold: hold.id)))
        entry = self.send(ReleaseHold(held.id), References(hold=held))
        assert entry.is_refused == (held.status != "open" or held.expires_at_ms <= self.now_ms)
        if not entry.is_refused:
            self.plain.give_back(self.set_aside.pop(held.id))

    @precondition(lambda self: self.charges)
    @rule(data=st.data(), part=st.sampled_from([None, 1, 30]))
    def refund(self, data: st.DataObject, part: int | None) -> None:
        key = data.draw(st.sampled_from(sorted(self.charges)))
        left = self.paid[key].amount
        entry = self.send(Refund(key, part), References(charge=self.charges[key], tally=self.tallies.get(key)))
        assert entry.is_refused == (left == 0 or (part is not None and part > left))
        if not entry.is_refused:
            assert entry.amount == (left if part is None else part)
            self.plain.spent -= entry.amount
            self.plain.give_back(self.paid[key].last(entry.amount))

    @precondition(lambda self: self.state.grants)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        voided = data.draw(st.sampled_from(self.state.grants))
        entry = self.send(VoidGrant(voided.id))
        assert entry.is_refused == (voided.expires_at_ms is not None and voided.expires_at_ms <= self.now_ms)
        if not entry.is_refused:
            self.plain.funded += entry.amount
            for lot in self.plain.lots:
                rank = (voided.priority, NEVER if voided.expires_at_ms is None else voided.expires_at_ms)
                if (lot.priority, lot.expires_at_ms) == rank:
                    lot.left = 0

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
        before = {grant.id: grant for grant in as_of(self.state, self.now_ms, self.due).grants}
        entry = self.send(GrantCredits(amount, priority=priority, expires_at_ms=expires_at_ms))
        self.plain.add(amount, priority, NEVER if expires_at_ms is None else expires_at_ms)
        if entry.merged is not None:
            self.follow_merger(entry.merged, before, (priority, NEVER if expires_at_ms is None else expires_at_ms))

    def follow_merger(self, merged: Mapping[str, Any], before: dict[str, Grant], made: tuple[int, int]) -> None:
        """Which grants become one is tested by itself; here the plain account follows."""
        grant, later_ms = before.get(merged["grant"]), merged["expires_at_ms"]
        rank = made if grant is None else (grant.priority, grant.expires_at_ms or NEVER)
        for lot in [lot for lot in self.plain.lots if (lot.priority, lot.expires_at_ms) == rank]:
            self.plain.lots.append(Lot(lot.priority, later_ms or NEVER, lot.left))
            lot.left = 0

    @rule(passed_ms=st.integers(min_value=1, max_value=40))
    def let_time_pass(self, passed_ms: int) -> None:
        self.now_ms += passed_ms
        for due in self.due.holds:
            if due.id in self.set_aside:
                self.plain.set_time(due.expires_at_ms)
                self.plain.give_back(self.set_aside.pop(due.id), due.expires_at_ms)
        self.plain.set_time(self.now_ms)

    @invariant()
    def the_state_is_worth_what_the_plain_account_is_worth(self) -> None:
        seen = as_of(self.state, self.now_ms, self.due)
        assert (seen.available, seen.funded, seen.spent) == (
            self.plain.available,
            self.plain.funded,
            self.plain.spent,
        )

    @invariant()
    def grants_hold_what_is_available(self) -> None:
        seen = as_of(self.state, self.now_ms, self.due)
        assert sum(grant.remaining for grant in seen.grants) == max(seen.available, 0)
        left = {
            (grant.priority, NEVER if grant.expires_at_ms is None else grant.expires_at_ms): grant.remaining
            for grant in seen.grants
        }
        assert left == self.plain.left_by_rank()

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
TestLedger.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
