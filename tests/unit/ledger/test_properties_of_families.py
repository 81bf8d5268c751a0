"""Random histories of accounts that are each other's members, through the whole protocol, against a plain model."""

from typing import Any, Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.ledger.accounts import Account, AccountState
from shared.ledger.calendar import Periods
from shared.ledger.entries import Entry
from shared.ledger.grants import Grants
from shared.ledger.operations import (
    FOR_WANT_OF_CREDITS,
    CaptureHold,
    Charge,
    Configure,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    IfExpired,
    IfInsufficient,
    Overrun,
    PlaceHold,
    Refund,
    ReleaseHold,
    VoidGrant,
)
from shared.ledger.views import explanation_of
from shared.usecases.check_credits import CreditQuestion, check_credits
from shared.usecases.present_state import present_state
from shared.verification.accounts import compare_halves, other_halves
from shared.verification.chain import breaks
from tests.builders import NOW_MS
from tests.fakes.no_bus import NoBus
from tests.ledger_driver import LedgerDriver
from tests.unit.ledger.plain import NEVER
from tests.unit.ledger.plain_family import ZONE_NAME, PlainCharge, PlainFamily, PlainHold

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ACTORS = ["alice", "bob", "team", "org"]

actors = st.sampled_from([*ACTORS, "alice", "bob"])
apps = st.sampled_from([None, "chat", "mail"])
amounts = st.integers(0, 120)
ttls = st.sampled_from([1, 2 * HOUR_MS, 3 * DAY_MS])


def account_of(actor: str) -> Account:
    return Account("main", actor)


class FamilyMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.driver = LedgerDriver()
        self.plain = PlainFamily(ACTORS, NOW_MS)
        self.placed: list[PlainHold] = []
        self.charges: list[tuple[str, str, PlainCharge]] = []

    @initialize(overdrafts=st.lists(st.sampled_from([0, 0, 40]), min_size=4, max_size=4), is_nested=st.booleans())
    def open_accounts(self, overdrafts: list[int], is_nested: bool) -> None:
        for actor, overdraft in zip(ACTORS, overdrafts, strict=True):
            self.driver.send(Configure(time_zone=ZONE_NAME, overdraft_limit=overdraft), account_of(actor))
            self.plain.accounts[actor].overdraft_limit = overdraft
            self.grant(actor, 150, 10, None)
        self.join("alice", "team")
        self.join("bob", "team")
        if is_nested:
            self.join("team", "org")

    def configured(self, actor: str, **changes: Any) -> None:
        assert self.driver.send(Configure(**changes), account_of(actor)).outcome == "applied"

    @rule(actor=actors, parent=st.sampled_from(["", "team", "org", "alice"]))
    def join(self, actor: str, parent: str) -> None:
        if parent != actor:
            self.configured(actor, parent=parent)
            self.plain.accounts[actor].parent = parent or None

    @rule(actor=actors, cost=amounts, mode=st.sampled_from(["refuse", "refuse", "overdraw", "partial"]), app=apps)
    def charge(self, actor: str, cost: int, mode: IfInsufficient, app: str | None) -> None:
        told = self.checked(actor, cost, app)
        entry = self.driver.send(Charge(cost, mode), account_of(actor), app=app)
        if mode == "refuse":
            self.assert_that_the_check_said_so(told, entry)
        self.keep(actor, entry, self.plain.charge(actor, cost, mode, app))
        self.assert_that_the_refusal_is_true(actor, entry)
        if entry.reason in FOR_WANT_OF_CREDITS:
            affordable = max(cost - entry.shortfall, 0)
            taken = self.driver.send(Charge(affordable), account_of(actor), app=app)
            self.keep(actor, taken, self.plain.charge(actor, affordable, "refuse", app))
            assert taken.outcome == "applied"

    def checked(self, actor: str, minimum: int, app: str | None) -> dict[str, Any]:
        question = CreditQuestion(account_of(actor), minimum, "check", "request", app)
        return check_credits(question, self.driver.ledger, NoBus(), self.driver.now_ms, "none").body

    def assert_that_the_check_said_so(self, told: dict[str, Any], entry: Entry) -> None:
        """Word for word where it is a matter of credits; who is frozen is told what is there in time."""
        assert told["allowed"] != entry.is_refused
        if entry.reason in FOR_WANT_OF_CREDITS:
            assert told == told | explanation_of(entry)
            assert told["spendable"] == told["largest_affordable"]
        elif entry.is_refused:
            assert (told["reason"], told.get("limit")) == (entry.reason, entry.limit)
            assert told["spendable"] == 0
        else:
            assert told["spendable"] >= told["minimum"]

    def assert_that_the_refusal_is_true(self, actor: str, entry: Entry) -> None:
        if not entry.is_refused:
            return
        frozen = self.plain.frozen_payer(self.plain.payers(actor))
        assert (entry.reason == "account_frozen") == (frozen is not None)
        if frozen is not None:
            assert (entry.limit or {"account": actor}) == {"account": frozen}

    def keep(self, actor: str, entry: Entry, expected: tuple[int, PlainCharge] | None) -> None:
        assert entry.is_refused == (expected is None)
        if expected is not None:
            amount, charge = expected
            assert -entry.amount == amount
            self.charges.append((actor, entry.key, charge))

    @rule(actor=actors, amount=amounts, minimum=st.sampled_from([None, 0, 20]), ttl_ms=ttls, app=apps)
    def hold(self, actor: str, amount: int, minimum: int | None, ttl_ms: int, app: str | None) -> None:
        entry = self.driver.send(PlaceHold(amount, ttl_ms, minimum), account_of(actor), app=app)
        placed = self.plain.hold(actor, amount, minimum, ttl_ms, app)
        assert entry.is_refused == (placed is None)
        self.assert_that_the_refusal_is_true(actor, entry)
        if placed is not None:
            assert entry.hold is not None
            assert -entry.amount == placed.left
            placed.id = str(entry.hold["id"])
            self.placed.append(placed)

    @precondition(lambda self: self.placed)
    @rule(
        data=st.data(),
        part=st.sampled_from([None, 0, 10, 130]),
        overrun=st.sampled_from(["refuse", "charge", "partial", "overdraw"]),
        if_expired=st.sampled_from([None, "charge", "overdraw"]),
        is_part=st.booleans(),
    )
    def capture(
        self, data: st.DataObject, part: int | None, overrun: Overrun, if_expired: IfExpired | None, is_part: bool
    ) -> None:
        held = data.draw(st.sampled_from(self.placed))
        final: Literal[False] | None = False if is_part and part is not None else None
        terms = CaptureHold(held.id, part, overrun, if_expired=if_expired, final=final)
        entry = self.driver.send(terms, account_of(held.owner))
        self.keep(held.owner, entry, self.plain.capture(held, part, overrun, if_expired, ends_it=final is None))

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.placed))
        entry = self.driver.send(ReleaseHold(held.id), account_of(held.owner))
        assert entry.is_refused != self.plain.release(held)

    @precondition(lambda self: self.placed)
    @rule(data=st.data(), ttl_ms=ttls)
    def extend(self, data: st.DataObject, ttl_ms: int) -> None:
        held = data.draw(st.sampled_from(self.placed))
        entry = self.driver.send(ExtendHold(held.id, ttl_ms), account_of(held.owner))
        assert entry.is_refused != self.plain.extend(held, ttl_ms)

    @precondition(lambda self: self.charges)
    @rule(data=st.data(), part=st.sampled_from([None, 1, 30]))
    def refund(self, data: st.DataObject, part: int | None) -> None:
        actor, key, charge = data.draw(st.sampled_from(self.charges))
        entry = self.driver.send(Refund(key, part), account_of(actor))
        refunded = self.plain.refund(charge, actor, part)
        assert (None if entry.is_refused else entry.amount) == refunded

    @rule(
        actor=actors,
        amount=st.integers(1, 150),
        priority=st.integers(0, 2),
        lasts_ms=st.sampled_from([6 * HOUR_MS, 2 * DAY_MS, None]),
    )
    def grant(self, actor: str, amount: int, priority: int, lasts_ms: int | None) -> None:
        expires_at_ms = None if lasts_ms is None else self.driver.now_ms // HOUR_MS * HOUR_MS + lasts_ms
        before = self.seen(actor).grants
        entry = self.driver.send(
            GrantCredits(amount, priority=priority, expires_at_ms=expires_at_ms), account_of(actor)
        )
        made = priority, NEVER if expires_at_ms is None else expires_at_ms
        self.plain.fund(actor, amount, *made)
        self.follow_merger(actor, entry, before, made)

    def follow_merger(self, actor: str, entry: Entry, before: Grants, made: tuple[int, int]) -> None:
        """Which grants become one is tested by itself; here the plain account follows."""
        if entry.merged is None:
            return
        ranks = {
            grant.id: (grant.priority, NEVER if grant.expires_at_ms is None else grant.expires_at_ms)
            for grant in before
        }
        later_ms = entry.merged["expires_at_ms"]
        rank = ranks.get(entry.merged["grant"], made)
        self.plain.accounts[actor].prolong(rank, NEVER if later_ms is None else later_ms)

    @rule(actor=actors, change=st.integers(-100, 100), force=st.booleans())
    def update_funding(self, actor: str, change: int, force: bool) -> None:
        funded = self.seen(actor).funded
        change = max(change, -funded)
        before = self.seen(actor).grants
        entry = self.driver.send(FundingUpdate(funded, funded + change, force), account_of(actor))
        assert entry.is_refused != self.plain.update_funding(actor, change, force=force)
        self.follow_merger(actor, entry, before, (10, NEVER))

    @rule(actor=actors, data=st.data())
    def void(self, actor: str, data: st.DataObject) -> None:
        grants = self.seen(actor).grants
        if grants:
            voided = data.draw(st.sampled_from(grants))
            entry = self.driver.send(VoidGrant(voided.id), account_of(actor))
            assert not entry.is_refused
            rank = (voided.priority, NEVER if voided.expires_at_ms is None else voided.expires_at_ms)
            assert -entry.amount == self.plain.void(actor, *rank)

    @rule(actor=actors, is_frozen=st.sampled_from([True, False, False]))
    def freeze(self, actor: str, is_frozen: bool) -> None:
        self.configured(actor, status="frozen" if is_frozen else "open")
        self.plain.accounts[actor].is_frozen = is_frozen

    @rule(
        actor=actors,
        caps=st.dictionaries(
            st.tuples(st.sampled_from(["hour", "day", "week", "month", "PT5H", None]), apps),
            st.integers(0, 200),
            max_size=3,
        ),
    )
    def limit(self, actor: str, caps: dict[tuple[str | None, str | None], int]) -> None:
        self.configured(
            actor,
            limits=[
                {"amount": amount, "window": window, "app": app, "meter": None}
                for (window, app), amount in caps.items()
            ],
        )
        self.plain.set_caps(actor, [(amount, window, app) for (window, app), amount in caps.items()])

    @rule(actor=actors, thresholds=st.lists(st.integers(-20, 200), max_size=3, unique=True))
    def watch(self, actor: str, thresholds: list[int]) -> None:
        self.configured(actor, low_balance_thresholds=thresholds)
        self.plain.set_thresholds(actor, thresholds)

    @rule(
        actor=actors,
        amount=st.integers(1, 100),
        interval=st.sampled_from(["daily", "weekly", "monthly"]),
        minimum=st.sampled_from([0, 10]),
        maximum=st.sampled_from([0, 30, 500]),
    )
    def allow(self, actor: str, amount: int, interval: str, minimum: int, maximum: int) -> None:
        terms = {"amount": amount, "interval": interval, "rollover_minimum": minimum, "rollover_maximum": maximum}
        self.configured(actor, allowance=terms | {"priority": 5})
        self.plain.set_allowance(actor, (amount, interval, minimum, maximum))

    @rule(actor=actors)
    def end_allowance(self, actor: str) -> None:
        self.configured(actor, allowance={})
        self.plain.set_allowance(actor, None)

    @rule(passed_ms=st.sampled_from([1, 40 * 60_000, 7 * HOUR_MS, DAY_MS, 9 * DAY_MS, 35 * DAY_MS]))
    def let_time_pass(self, passed_ms: int) -> None:
        self.driver.now_ms += passed_ms
        self.plain.pass_time(self.driver.now_ms)

    def seen(self, actor: str) -> AccountState:
        """As a reader sees it now."""
        return present_state(account_of(actor), self.driver.ledger, self.driver.now_ms) or AccountState(
            account_of(actor)
        )

    @invariant()
    def every_account_is_worth_what_the_plain_one_is_worth(self) -> None:
        for actor, plain in self.plain.accounts.items():
            state = self.seen(actor)
            assert (state.available, state.held, state.funded, state.spent) == (
                plain.available,
                plain.held,
                plain.funded,
                plain.spent,
            )
            assert state.available + state.held + state.spent + state.expired == state.funded
            left: dict[tuple[int, int], int] = {}
            for grant in state.grants:
                rank = (grant.priority, NEVER if grant.expires_at_ms is None else grant.expires_at_ms)
                left[rank] = left.get(rank, 0) + grant.remaining
            assert left == plain.left_by_rank()

    @invariant()
    def limits_and_thresholds_are_where_the_plain_ones_are(self) -> None:
        now_ms = self.driver.now_ms
        for actor, plain in self.plain.accounts.items():
            policy = self.seen(actor).policy
            if policy is None:
                continue
            assert [each.used for each in policy.limits_at(Periods(now_ms, policy.time_zone))] == [
                plain.used(cap, now_ms) for cap in plain.caps
            ]
            assert {each.amount: each.is_armed for each in policy.thresholds} == plain.armed
            assert (policy.allowance and policy.allowance.next_at_ms) == (
                plain.allowance and plain.allowance.next_at_ms
            )

    @invariant()
    def each_record_stands_by_itself(self) -> None:
        self.driver.check()
        for actor, plain in self.plain.accounts.items():
            entries = self.driver.entries(account_of(actor))
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
            assert breaks(entries) == []
            # What is due in an account that nobody asks anything of is not on its record yet.
            alerts = [amount for entry in entries for amount in entry.alerts]
            assert alerts == plain.alerts[: len(alerts)]

    def teardown(self) -> None:
        for actor in ACTORS:
            for entry in self.driver.entries(account_of(actor)):
                for half in other_halves(entry):
                    assert compare_halves(entry, half, self.driver.ledger.entry(half.account, half.key)) == []


TestFamilies = FamilyMachine.TestCase
TestFamilies.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
