"""An eager plain model of the ledger: plain numbers, and time that passes.

What is due happens at its instant, one instant after the other: the holds that are over at it, in the order in which
they were placed, then the refill of the allowance, then the grants that expire. An operation comes after all of that.
There are no entries, no hashes and nothing that is found out later. It is written from the rules (docs/limits.md,
docs/api.md) and imports nothing of the service, so that the two can be wrong only independently of each other.

Amounts are whole numbers of one unit, times epoch milliseconds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.eager.calendar import end_of_the_next

NEVER_MS = 2**62
OPEN_GRANTS_MAX = 16
PARENTS_MAX = 4
LIKE_A_CHARGE = {"charge": "refuse", "overdraw": "overdraw"}
PERIODS = {"daily": "day", "weekly": "week", "monthly": "month"}

Likeness = tuple[str, int, int]
"""Category, priority and expiry: what a grant is to those who do not know its name."""


@dataclass(eq=False)
class Grant:
    category: str
    priority: int
    ends_ms: int
    left: int
    number: int

    @property
    def likeness(self) -> Likeness:
        return self.category, self.priority, self.ends_ms

    @property
    def kind(self) -> tuple[str, int]:
        return self.category, self.priority

    @property
    def rank(self) -> tuple[int, int, int]:
        return self.priority, self.ends_ms, self.number


@dataclass(frozen=True)
class Piece:
    """Some of a grant, as the grant was when it was taken."""

    grant: Grant
    number: int
    likeness: Likeness
    amount: int

    @property
    def rank(self) -> tuple[int, int, int]:
        _, priority, ends_ms = self.likeness
        return priority, ends_ms, self.number

    def of(self, amount: int) -> "Piece":
        return Piece(self.grant, self.number, self.likeness, amount)


@dataclass
class Payment:
    """What an amount was made of: pieces of grants in the order they were taken, and what no grant had."""

    pieces: list[Piece] = field(default_factory=list)
    owing: int = 0

    @property
    def amount(self) -> int:
        return sum(piece.amount for piece in self.pieces) + self.owing

    def begin(self, amount: int) -> "Payment":
        """Takes off what was paid first: the pieces from the beginning, then of what no grant had."""
        begun = Payment()
        while amount and self.pieces:
            first = self.pieces.pop(0)
            if first.amount > amount:
                self.pieces.insert(0, first.of(first.amount - amount))
                first = first.of(amount)
            begun.pieces.append(first)
            amount -= first.amount
        begun.owing = amount
        self.owing -= amount
        return begun

    def undo(self, amount: int) -> "Payment":
        """Takes off what was paid last: first what no grant had, then the pieces from the end."""
        undone = Payment(owing=min(amount, self.owing))
        self.owing -= undone.owing
        amount -= undone.owing
        while amount:
            last = self.pieces.pop()
            if last.amount > amount:
                self.pieces.append(last.of(last.amount - amount))
                last = last.of(amount)
            undone.pieces.append(last)
            amount -= last.amount
        return undone


@dataclass
class Limit:
    """`counted` is what was spent in the present window, by the number of the spending.

    The window ends at `ends_ms`; `ends_wall_ms` is what the clocks on the account's walls would say then, by the zone
    that it had when the window began.
    """

    amount: int
    window: str | None
    app: str | None
    ends_ms: int = NEVER_MS
    ends_wall_ms: int | None = None
    counted: dict[int, int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        return sum(self.counted.values())

    def binds(self, app: str | None) -> bool:
        return self.app is None or self.app == app

    def begin_window(self, at_ms: int, offset_ms: int) -> None:
        if self.window is not None:
            self.ends_ms = end_of_the_next(self.window, at_ms, offset_ms, self.ends_wall_ms)
            self.ends_wall_ms = self.ends_ms + offset_ms


@dataclass
class Allowance:
    amount: int
    interval: str
    priority: int
    rollover_minimum: int
    rollover_maximum: int
    next_ms: int


@dataclass(eq=False)
class Hold:
    """`above` is the one of the parent account that goes with it."""

    actor: str
    number: int
    amount: int
    ends_ms: int
    payment: Payment
    app: str | None
    above: "Hold | None" = None
    status: str = "open"
    captured: int = 0

    @property
    def left(self) -> int:
        """What its captures have left of it."""
        return max(self.amount - self.captured, 0)

    @property
    def chain(self) -> "Iterator[Hold]":
        hold: Hold | None = self
        while hold is not None:
            yield hold
            hold = hold.above


@dataclass
class Spent:
    """What a charge or capture took from each account that paid: the payment, and the number it was counted under."""

    actor: str
    payments: dict[str, Payment]
    number: int


@dataclass(frozen=True)
class Room:
    amount: int
    is_of_a_limit: bool
    actor: str


@dataclass
class Answer:
    """`drawn` says of which grants how much was taken or given back, by their likeness."""

    outcome: str = "applied"
    reason: str | None = None
    amount: int = 0
    shortfall: int = 0
    decided_by: str | None = None
    drawn: dict[Likeness, int] = field(default_factory=dict)
    alerts: tuple[int, ...] = ()
    balance: tuple[int, int, int, int] = (0, 0, 0, 0)
    hold: Hold | None = None
    spent: Spent | None = None


def refused(reason: str, shortfall: int = 0, decided_by: str | None = None) -> Answer:
    return Answer("refused", reason, 0, shortfall, decided_by)


def sums(pieces: Iterable[Piece]) -> dict[Likeness, int]:
    result: dict[Likeness, int] = {}
    for piece in pieces:
        result[piece.likeness] = result.get(piece.likeness, 0) + piece.amount
    return result


class Account:
    def __init__(self, zone_offset_ms: int, overdraft_limit: int) -> None:
        self.zone_offset_ms = zone_offset_ms
        self.overdraft_limit = overdraft_limit
        self.debt = self.held = self.funded = self.spent = 0
        self.grants: list[Grant] = []
        self.is_frozen = False
        self.parent: str | None = None
        self.limits: list[Limit] = []
        self.is_armed: dict[int, bool] = {}
        self.alerts: list[int] = []
        self.allowance: Allowance | None = None
        self.given_until_ms = 0
        self.given_until_wall_ms: int | None = None
        self.running: Grant | None = None
        self._grants_made = 0

    @property
    def available(self) -> int:
        return sum(grant.left for grant in self.grants) - self.debt

    @property
    def balance(self) -> tuple[int, int, int, int]:
        return self.available, self.held, self.funded, self.spent

    @property
    def in_order(self) -> list[Grant]:
        """The open grants, the first to be spent first."""
        return sorted((grant for grant in self.grants if grant.left), key=lambda grant: grant.rank)

    def rooms(self, actor: str, app: str | None, hold: Hold | None = None) -> list[Room]:
        """How much can be spent, by the balance and by each limit; or captured of `hold`, an open one.

        What it holds is there, and what limits have counted of it they do not count twice.
        """
        held, number = (hold.left, hold.number) if hold else (0, 0)
        by_limits = [
            Room(each.amount - each.used + each.counted.get(number, 0), is_of_a_limit=True, actor=actor)
            for each in self.limits
            if each.binds(app)
        ]
        return [Room(self.available + self.overdraft_limit + held, is_of_a_limit=False, actor=actor), *by_limits]

    def count(self, number: int, amount: int, app: str | None) -> None:
        for limit in self.limits:
            if limit.binds(app):
                limit.counted[number] = amount

    def count_less(self, number: int, amount: int | None = None) -> None:
        """Only where it was counted and that window is still running. None: all of it."""
        for limit in self.limits:
            if number in limit.counted:
                limit.counted[number] -= limit.counted[number] if amount is None else amount

    def take(self, amount: int, *, from_the_end: bool = False) -> Payment:
        payment = Payment()
        for grant in self.in_order[::-1] if from_the_end else self.in_order:
            taken = min(grant.left, amount - payment.amount)
            if taken:
                grant.left -= taken
                payment.pieces.append(Piece(grant, grant.number, grant.likeness, taken))
        payment.owing = amount - payment.amount
        self.debt += payment.owing
        self.forget_spent_grants()
        return payment

    def give_back(self, payment: Payment, at_ms: int) -> tuple[dict[Likeness, int], int]:
        """To where it came from, debts first. Returns what grants got, and what had expired in the meantime."""
        pays = min(self.debt, payment.owing)
        self.debt -= pays
        lapsed = 0
        got: list[Piece] = []
        for piece in sorted(payment.pieces, key=lambda piece: piece.rank):
            if piece.likeness[2] <= at_ms:
                lapsed += piece.amount
                continue
            repaid = min(self.debt, piece.amount)
            self.debt -= repaid
            if piece.amount > repaid:
                self.reopen(piece, piece.amount - repaid)
                got.append(piece.of(piece.amount - repaid))
        if payment.owing > pays:
            self.open_grant("purchased", 10, NEVER_MS, payment.owing - pays)
        return sums(got), lapsed

    def reopen(self, piece: Piece, amount: int) -> None:
        if any(grant is piece.grant for grant in self.grants):
            piece.grant.left += amount
            return
        if piece.grant is not self.running and (alike := self.alike(piece.likeness)) is not None:
            alike.left += amount
            return
        piece.grant.left = amount
        self.grants.append(piece.grant)

    def open_grant(self, category: str, priority: int, ends_ms: int, amount: int) -> Grant | None:
        """Adds to the grant that is alike, where one is open: the running allowance is none of those."""
        if not amount:
            return None
        if (alike := self.alike((category, priority, ends_ms))) is not None:
            alike.left += amount
            return alike
        return self.new_grant(category, priority, ends_ms, amount)

    def alike(self, likeness: Likeness) -> Grant | None:
        return next((each for each in self.grants if each.likeness == likeness and each is not self.running), None)

    def new_grant(self, category: str, priority: int, ends_ms: int, amount: int) -> Grant:
        self._grants_made += 1
        grant = Grant(category, priority, ends_ms, amount, self._grants_made)
        self.grants.append(grant)
        return grant

    def forget_spent_grants(self) -> None:
        self.grants = [grant for grant in self.grants if grant.left]

    def fund(self, category: str, priority: int, ends_ms: int, amount: int) -> bool:
        """False where there is no room for it."""
        kept = max(amount - self.debt, 0)
        is_one_more = kept > 0 and self.alike((category, priority, ends_ms)) is None
        if is_one_more and len(self.grants) >= OPEN_GRANTS_MAX:
            if not self._make_one_of_two(Grant(category, priority, ends_ms, kept, self._grants_made + 1)):
                return False
        else:
            self.open_grant(category, priority, ends_ms, kept)
        self.debt -= amount - kept
        self.funded += amount
        self.watch(arms=amount > 0, warns=amount > 0)
        return True

    def _make_one_of_two(self, new: Grant) -> bool:
        """Of the open grants and the new one, the two of a kind whose expiries are nearest become one with the later.

        False where no two are of a kind.
        """
        candidates = [*(grant for grant in self.in_order if grant is not self.running), new]
        pairs = [
            (second.ends_ms - first.ends_ms, first.rank, first, second)
            for first in candidates
            for second in candidates
            if first.kind == second.kind and (first.ends_ms, first.number) < (second.ends_ms, second.number)
        ]
        if not pairs:
            return False
        _, _, first, second = min(pairs, key=lambda pair: pair[:2])
        second.left, first.left = second.left + first.left, 0
        self._grants_made = new.number
        self.grants.append(new)
        self.forget_spent_grants()
        return True

    def watch(self, *, arms: bool = False, warns: bool = False) -> None:
        """Warns where all there is, what is held included, is less than a threshold that is armed.

        What `arms` has brought credits, and what `warns` too tells of each threshold that it leaves the account below.
        """
        there = self.available + self.held
        for amount in sorted(self.is_armed, reverse=True):
            is_below = there < amount
            if is_below and (self.is_armed[amount] or warns):
                self.alerts.append(amount)
            self.is_armed[amount] = not is_below and (self.is_armed[amount] or arms)

    # What is due

    @property
    def next_due_ms(self) -> int:
        """Holds aside."""
        refill_ms = self.allowance.next_ms if self.allowance else NEVER_MS
        limits = [limit.ends_ms for limit in self.limits]
        return min([refill_ms, *limits, *(grant.ends_ms for grant in self.grants)])

    def refill(self) -> None:
        """The running allowance makes place for the next one. What is left of it is gone, but for what rolls over."""
        allowance = self.allowance
        assert allowance is not None
        at_ms = allowance.next_ms
        left = self.running.left if self.running else 0
        rolled_over = min(left, allowance.rollover_maximum) if left >= allowance.rollover_minimum else 0
        new = allowance.amount + rolled_over
        if self.running is not None:
            self.running.left = 0
        added = max(new - left, 0)
        self.funded += added
        repaid = min(self.debt, added)
        self.debt -= repaid
        self.running = None
        until_ms = end_of_the_next(PERIODS[allowance.interval], at_ms, self.zone_offset_ms, self.given_until_wall_ms)
        allowance.next_ms = self.given_until_ms = until_ms
        self.given_until_wall_ms = until_ms + self.zone_offset_ms
        self.running = self.new_grant("allowance", allowance.priority, until_ms, new - repaid)
        self.forget_spent_grants()
        # It comes by itself, so it arms and warns nobody of itself.
        self.watch(arms=added > 0)

    def expire_grants(self, at_ms: int) -> None:
        for grant in self.grants:
            if grant.ends_ms <= at_ms:
                grant.left = 0
        if any(not grant.left for grant in self.grants):
            self.forget_spent_grants()
            self.watch()

    def turn_windows(self, at_ms: int) -> None:
        for limit in self.limits:
            if limit.window is not None and limit.ends_ms <= at_ms:
                limit.counted = {}
                limit.begin_window(at_ms, self.zone_offset_ms)


class Model:
    """Some accounts and the time. Operations answer what becomes of them; time passes by `advance`."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.accounts: dict[str, Account] = {}
        self.holds: list[Hold] = []
        self.due_instants: list[tuple[int, str]] = []
        """When something fell due, and of whom, since somebody last emptied it."""
        self.turned_instants: list[tuple[int, str]] = []
        """As above, where no more happened than that the window of a limit turned."""
        self._numbers = 0

    def open_account(self, actor: str, zone_offset_ms: int, overdraft_limit: int) -> None:
        self.accounts[actor] = Account(zone_offset_ms, overdraft_limit)

    def next_due_ms(self, actor: str) -> int:
        holds = [hold.ends_ms for hold in self.holds if hold.actor == actor and hold.status == "open"]
        return min([self.accounts[actor].next_due_ms, *holds])

    def advance(self, to_ms: int) -> None:
        while (at_ms := min(map(self.next_due_ms, self.accounts), default=NEVER_MS)) <= to_ms:
            for actor in self.accounts:
                if self.next_due_ms(actor) <= at_ms:
                    self._do_what_is_due(actor, at_ms)
        self.now_ms = to_ms

    def _do_what_is_due(self, actor: str, at_ms: int) -> None:
        self.now_ms = at_ms
        account = self.accounts[actor]
        # A window that ends has nothing to say to what ends with it: what is given back was counted in it.
        account.turn_windows(at_ms)
        is_more_due = self.next_due_ms(actor) <= at_ms
        (self.due_instants if is_more_due else self.turned_instants).append((at_ms, actor))
        due = [each for each in self.holds if each.actor == actor and each.status == "open" and each.ends_ms <= at_ms]
        for hold in sorted(due, key=lambda hold: hold.number):
            self._end_hold(hold, "expired")
        if account.allowance is not None and account.allowance.next_ms <= at_ms:
            account.refill()
        account.expire_grants(at_ms)

    def _end_hold(self, hold: Hold, status: str) -> tuple[dict[Likeness, int], int]:
        account = self.accounts[hold.actor]
        got, lapsed = account.give_back(hold.payment, self.now_ms)
        account.held -= hold.left
        account.count_less(hold.number)
        hold.status = status
        account.watch()
        return got, lapsed

    # Operations

    def answered(self, actor: str, answer: Answer, alerts_before: int) -> Answer:
        account = self.accounts[actor]
        answer.balance = account.balance
        answer.alerts = tuple(account.alerts[alerts_before:])
        return answer

    def do(self, kind: str, actor: str, **terms: Any) -> Answer:
        alerts_before = len(self.accounts[actor].alerts)
        answer: Answer = getattr(self, kind)(actor, **terms)
        answered = self.answered(actor, answer, alerts_before)
        # What the operation itself makes due (an allowance that begins) comes right after it.
        self.advance(self.now_ms)
        return answered

    def payers(self, actor: str) -> list[str]:
        payers = [actor]
        while (parent := self.accounts[payers[-1]].parent) is not None and parent not in payers:
            if len(payers) > PARENTS_MAX:
                break
            payers.append(parent)
        return payers

    def _frozen(self, payers: list[str]) -> str | None:
        return next((actor for actor in payers if self.accounts[actor].is_frozen), None)

    def _tightest(self, payers: list[str], app: str | None, hold: Hold | None = None) -> Room:
        """Of the rooms of all who pay; `hold` is one that they all have a part of, to be captured."""
        rooms = [room for payer in payers for room in self.accounts[payer].rooms(payer, app, hold)]
        return min(rooms, key=lambda room: room.amount)

    def _short(self, actor: str, room: Room, shortfall: int) -> Answer:
        reason = "limit_exceeded" if room.is_of_a_limit else "insufficient_credits"
        return refused(reason, shortfall, None if room.actor == actor else room.actor)

    def _is_frozen_answer(self, actor: str, payers: list[str]) -> Answer | None:
        frozen = self._frozen(payers)
        return None if frozen is None else refused("account_frozen", 0, None if frozen == actor else frozen)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def spendable(self, actor: str, app: str | None) -> int:
        """The most that a charge takes that takes what is there."""
        payers = self.payers(actor)
        return 0 if self._frozen(payers) else max(self._tightest(payers, app).amount, 0)

    def charge(self, actor: str, cost: int, mode: str, app: str | None) -> Answer:
        return self._charge(actor, self.payers(actor), cost, mode, app)

    def _charge(self, actor: str, payers: list[str], cost: int, mode: str, app: str | None) -> Answer:
        takes = cost
        if mode != "overdraw":
            if (frozen := self._is_frozen_answer(actor, payers)) is not None:
                return frozen
            room = self._tightest(payers, app)
            if mode == "refuse" and cost > max(room.amount, 0):
                return self._short(actor, room, cost - room.amount)
            takes = min(cost, max(room.amount, 0))
        spent = Spent(actor, {}, self._number())
        for payer in payers:
            account = self.accounts[payer]
            spent.payments[payer] = account.take(takes)
            account.spent += takes
            account.count(spent.number, takes, app)
            account.watch()
        drawn = sums(spent.payments[actor].pieces)
        outcome = "applied" if takes == cost else "partial"
        return Answer(outcome, None, -takes, cost - takes, drawn=drawn, spent=spent)

    def hold(self, actor: str, amount: int, minimum: int | None, ttl_ms: int, app: str | None) -> Answer:
        payers = self.payers(actor)
        if (frozen := self._is_frozen_answer(actor, payers)) is not None:
            return frozen
        room = self._tightest(payers, app)
        least = amount if minimum is None else minimum
        if max(room.amount, 0) < least:
            return self._short(actor, room, least - room.amount)
        takes = min(amount, max(room.amount, 0))
        placed: Hold | None = None
        number = self._number()
        for payer in reversed(payers):
            account = self.accounts[payer]
            placed = Hold(payer, number, takes, self.now_ms + ttl_ms, account.take(takes), app, placed)
            account.held += takes
            account.count(number, takes, app)
            self.holds.append(placed)
            account.watch()
        assert placed is not None
        outcome = "applied" if takes == amount else "partial"
        return Answer(outcome, None, -takes, amount - takes, drawn=sums(placed.payment.pieces), hold=placed)

    def extend(self, actor: str, hold: Hold, ttl_ms: int) -> Answer:
        if self.accounts[actor].is_frozen:
            return refused("account_frozen")
        if hold.status != "open":
            return refused(f"hold_{hold.status}")
        if (frozen := self._is_frozen_answer(actor, [each.actor for each in hold.chain])) is not None:
            return frozen
        for each in hold.chain:
            each.ends_ms = max(each.ends_ms, self.now_ms + ttl_ms)
        return Answer()

    def capture(
        self, actor: str, hold: Hold, amount: int | None, overrun: str, if_expired: str, *, final: bool = True
    ) -> Answer:
        answer = self._capture(actor, hold, hold.left if amount is None else amount, overrun, if_expired)
        if final and answer.outcome != "refused":
            for each in hold.chain:
                if each.status == "open":
                    self._end_hold(each, "captured")
                each.status = "captured"
        if answer.outcome != "refused":
            for each in hold.chain:
                self.accounts[each.actor].watch()
        return answer

    def _capture(self, actor: str, hold: Hold, wanted: int, overrun: str, if_expired: str) -> Answer:
        if hold.status == "expired" and if_expired != "refuse":
            return self._settle(actor, hold, wanted, LIKE_A_CHARGE[if_expired])
        if hold.status != "open":
            return refused(f"hold_{hold.status}")
        if wanted <= hold.left or overrun == "overdraw":
            return self._captured(actor, hold, wanted, 0)
        return refused("exceeds_hold") if overrun == "refuse" else self._capture_beyond(actor, hold, wanted, overrun)

    def _capture_beyond(self, actor: str, hold: Hold, wanted: int, overrun: str) -> Answer:
        if (frozen := self._is_frozen_answer(actor, [each.actor for each in hold.chain])) is not None:
            return frozen
        # What was held was granted, whatever the limits say by now; for more than that they count the whole.
        room = self._tightest([each.actor for each in hold.chain], hold.app, hold)
        most = max(room.amount, hold.left)
        if overrun == "charge" and wanted > most:
            return self._short(actor, room, wanted - most)
        return self._captured(actor, hold, min(wanted, most), wanted - min(wanted, most))

    def _captured(self, actor: str, hold: Hold, amount: int, shortfall: int) -> Answer:
        spent = Spent(actor, {}, self._number())
        for each in hold.chain:
            account = self.accounts[each.actor]
            within = min(amount, each.left)
            held, beyond = each.payment.begin(within), account.take(amount - within)
            spent.payments[each.actor] = Payment(held.pieces + beyond.pieces, held.owing + beyond.owing)
            account.held -= within
            account.spent += amount
            account.count_less(each.number, within)
            account.count(spent.number, amount, each.app)
            each.captured += amount
        drawn = sums(spent.payments[actor].pieces)
        return Answer("partial" if shortfall else "applied", None, -amount, shortfall, drawn=drawn, spent=spent)

    def _settle(self, actor: str, hold: Hold, amount: int, mode: str) -> Answer:
        """The work outlived its hold: a charge like any other, by those who held for it."""
        answer = self._charge(actor, [each.actor for each in hold.chain], amount, mode, hold.app)
        if answer.outcome != "refused":
            for each in hold.chain:
                each.captured += amount
        return answer

    def release(self, actor: str, hold: Hold) -> Answer:
        if hold.status != "open":
            return refused(f"hold_{hold.status}")
        answers = [self._end_hold(each, "released") for each in hold.chain]
        got, lapsed = answers[0]
        return Answer(amount=hold.left - lapsed, drawn=got)

    def refund(self, actor: str, charge: Spent, amount: int | None) -> Answer:
        left = charge.payments[actor].amount
        gives = left if amount is None else amount
        if not left or gives > left:
            return refused("exceeds_charge")
        drawn: dict[Likeness, int] = {}
        for payer, payment in charge.payments.items():
            account = self.accounts[payer]
            account.spent -= gives
            got, _ = account.give_back(payment.undo(gives), self.now_ms)
            account.count_less(charge.number, gives)
            account.watch()
            drawn = got if payer == actor else drawn
        return Answer(amount=gives, drawn=drawn)

    def funding_update(self, actor: str, old: int, new: int, *, force: bool) -> Answer:
        account = self.accounts[actor]
        if old != account.funded:
            return refused("funding_conflict")
        if new >= old:
            return self.grant(actor, new - old, "purchased", 10, NEVER_MS)
        less = old - new
        if account.available + account.overdraft_limit < less and not force:
            return refused("would_overdraw")
        account.funded -= less
        payment = account.take(less, from_the_end=True)
        account.watch()
        return Answer(amount=-less, drawn=sums(payment.pieces))

    def grant(self, actor: str, amount: int, category: str, priority: int, ends_ms: int) -> Answer:
        if self.accounts[actor].fund(category, priority, ends_ms, amount):
            return Answer(amount=amount)
        return Answer("nothing recorded", "too_many_grants")

    def void(self, actor: str, grant: Grant) -> Answer:
        account = self.accounts[actor]
        taken, grant.left = grant.left, 0
        account.funded -= taken
        account.forget_spent_grants()
        account.watch()
        return Answer(amount=-taken, drawn={grant.likeness: taken} if taken else {})

    # Settings

    def configure(self, actor: str, **settings: Any) -> Answer:
        account = self.accounts[actor]
        for name, value in settings.items():
            getattr(self, f"_set_{name}")(account, value)
        return Answer()

    def _set_overdraft_limit(self, account: Account, amount: int) -> None:
        account.overdraft_limit = amount

    def _set_is_frozen(self, account: Account, is_frozen: bool) -> None:
        account.is_frozen = is_frozen

    def _set_parent(self, account: Account, parent: str | None) -> None:
        account.parent = parent

    def _set_zone_offset_ms(self, account: Account, offset_ms: int) -> None:
        account.zone_offset_ms = offset_ms

    def _set_thresholds(self, account: Account, amounts: list[int]) -> None:
        there = account.available + account.held
        account.is_armed = {amount: account.is_armed.get(amount, True) or there >= amount for amount in amounts}
        account.watch()

    def _set_limits(self, account: Account, limits: list[tuple[int, str | None, str | None]]) -> None:
        present = {(limit.window, limit.app): limit for limit in account.limits}
        account.limits = []
        for amount, window, app in limits:
            limit = present.get((window, app))
            if limit is None:
                limit = Limit(amount, window, app)
                limit.begin_window(self.now_ms, account.zone_offset_ms)
            limit.amount = amount
            account.limits.append(limit)

    def _set_allowance(self, account: Account, terms: tuple[int, str, int, int, int] | None) -> None:
        if terms is None:
            account.allowance = None
            return
        # No period is given twice: what changes, changes with the next one. Where none is running that is at once.
        allowance = Allowance(*terms, next_ms=max(account.given_until_ms, self.now_ms))
        account.allowance = allowance
