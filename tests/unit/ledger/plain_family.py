"""Accounts with limits, thresholds, allowances and parents, kept plainly: spendings are remembered, not summed up.

Time passes by `pass_time`, and what falls due happens at its instant; nothing is found out later.

Days begin at a fixed offset from UTC, so the calendar here is arithmetic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from tests.unit.ledger.plain import NEVER, Lot, Paid, PlainAccount

OFFSET: Final = timedelta(hours=5, minutes=45)
ZONE_NAME: Final = "Asia/Kathmandu"


def local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(timezone(OFFSET))


def window_of(window: str | None, at_ms: int) -> object:
    """Two instants are in one window of the calendar exactly if these are equal."""
    at = local(at_ms)
    return {
        "hour": (at.date(), at.hour),
        "day": at.date(),
        "week": at.isocalendar()[:2],
        "month": (at.year, at.month),
        None: None,
    }[window]


ROLLING_MS = {"PT5H": 5 * 3_600_000}


def is_in_window(window: str | None, at_ms: int, now_ms: int) -> bool:
    if window in ROLLING_MS:
        return at_ms > now_ms - ROLLING_MS[window]
    return window_of(window, at_ms) == window_of(window, now_ms)


def next_period_ms(interval: str, at_ms: int) -> int:
    day = local(at_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    following = {
        "daily": day + timedelta(days=1),
        "weekly": day + timedelta(days=7 - day.weekday()),
        "monthly": (day.replace(day=1) + timedelta(days=32)).replace(day=1),
    }[interval]
    return int(following.timestamp() * 1000)


@dataclass
class Spent:
    """Something that was spent and is not given back."""

    number: int
    at_ms: int
    app: str | None
    amount: int


@dataclass
class Cap:
    """Counts what was spent from `since` on."""

    amount: int
    window: str | None
    app: str | None
    since: int


@dataclass
class PlainAllowance:
    amount: int
    interval: str
    minimum: int
    maximum: int
    next_at_ms: int


@dataclass
class PlainMember(PlainAccount):
    """`alerts` is every threshold that ever fired, in order."""

    held: int = 0
    is_frozen: bool = False
    caps: list[Cap] = field(default_factory=list)
    armed: dict[int, bool] = field(default_factory=dict)
    alerts: list[int] = field(default_factory=list)
    allowance: PlainAllowance | None = None
    allowed_until_ms: int = 0
    running: Lot | None = None
    parent: str | None = None
    spendings: list[Spent] = field(default_factory=list)

    def used(self, cap: Cap, now_ms: int) -> int:
        return sum(
            each.amount
            for each in self.spendings
            if each.number >= cap.since and cap.app in {None, each.app} and is_in_window(cap.window, each.at_ms, now_ms)
        )

    def room(self, app: str | None, now_ms: int) -> int:
        """What it could spend now."""
        caps = [cap.amount - self.used(cap, now_ms) for cap in self.caps if cap.app in {None, app}]
        return max(min([self.available + self.overdraft_limit, *caps]), 0)

    def bring_up(self, now_ms: int) -> None:
        """Refills and expiries up to `now_ms`, one instant after the other."""
        while (at_ms := self._next_due_ms()) <= now_ms:
            self._refill(at_ms)
            if any(lot.expires_at_ms <= at_ms and lot.left for lot in self.lots):
                self.set_time(at_ms)
                self.watch()
        self.now_ms = now_ms

    def _next_due_ms(self) -> int:
        refill_ms = self.allowance.next_at_ms if self.allowance else NEVER
        return min([refill_ms, *(lot.expires_at_ms for lot in self.lots if lot.left)])

    def _refill(self, now_ms: int) -> None:
        allowance = self.allowance
        if allowance is None or allowance.next_at_ms > now_ms:
            return
        is_running = self.running is not None and self.running.expires_at_ms == allowance.next_at_ms
        left = self.running.left if is_running and self.running else 0
        if is_running and self.running:
            self.running.left = 0
        added = 0
        while allowance.next_at_ms <= now_ms:
            rolled_over = min(left, allowance.maximum) if left >= allowance.minimum else 0
            refill = max(allowance.amount + rolled_over - left, 0)
            left = min(left, allowance.amount + rolled_over)
            repaid = min(self.debt, refill)
            self.debt -= repaid
            left += refill - repaid
            added += refill
            allowance.next_at_ms = next_period_ms(allowance.interval, allowance.next_at_ms)
        self.funded += added
        self.running = Lot(5, allowance.next_at_ms, left)
        self.lots.append(self.running)
        self.watch(is_refill=added > 0)

    def prolong(self, rank: tuple[int, int], until_ms: int) -> None:
        """What is left in these lots lasts longer. What was taken from them before comes back to them as they were."""
        for lot in [lot for lot in self.lots if (lot.priority, lot.expires_at_ms) == rank and lot is not self.running]:
            self.lots.append(Lot(lot.priority, until_ms, lot.left))
            lot.left = 0

    def watch(self, *, is_funding: bool = False, is_refill: bool = False) -> None:
        there = self.available + self.held
        for amount in sorted(self.armed, reverse=True):
            if (self.armed[amount] or is_funding) and there < amount:
                self.armed[amount] = False
                self.alerts.append(amount)
            elif (is_funding or is_refill) and there >= amount:
                self.armed[amount] = True


@dataclass
class PlainHold:
    """`above` is the hold of the parent that goes with it; `left` is what no capture has taken yet."""

    owner: str
    id: str
    left: int
    expires_at_ms: int
    paid: Paid
    spent: Spent
    status: str = "open"
    above: "PlainHold | None" = None

    def is_usable(self, now_ms: int) -> bool:
        return self.status == "open" and now_ms < self.expires_at_ms

    def is_due(self, now_ms: int) -> bool:
        return self.status == "open" and self.expires_at_ms <= now_ms

    def chain(self) -> "Iterator[PlainHold]":
        hold: PlainHold | None = self
        while hold is not None:
            yield hold
            hold = hold.above


@dataclass
class PlainCharge:
    """What each account paid for one charge or capture."""

    paid: dict[str, Paid]
    spent: dict[str, Spent]


class PlainFamily:
    """Says of each operation what becomes of it, and does that. What is refused answers None."""

    def __init__(self, actors: list[str], now_ms: int) -> None:
        self.now_ms = now_ms
        self.accounts = {actor: PlainMember(now_ms) for actor in actors}
        self.holds: list[PlainHold] = []
        self._number = 0

    def payers(self, actor: str) -> list[str]:
        payers = [actor]
        while (parent := self.accounts[payers[-1]].parent) is not None and parent not in payers:
            payers.append(parent)
        return payers

    def pass_time(self, now_ms: int) -> None:
        """In each account, holds that are over return before what falls due at the same instant."""
        for actor, account in self.accounts.items():
            due = [hold for hold in self.holds if hold.owner == actor and hold.is_due(now_ms)]
            for hold in sorted(due, key=lambda hold: hold.expires_at_ms):
                account.bring_up(hold.expires_at_ms - 1)
                self._give_back(hold, "expired")
            account.bring_up(now_ms)
        self.now_ms = now_ms

    def _spent(self, amount: int, app: str | None) -> Spent:
        self._number += 1
        return Spent(self._number, self.now_ms, app, amount)

    def _room(self, payers: list[str], app: str | None) -> int:
        return min(self.accounts[payer].room(app, self.now_ms) for payer in payers)

    def _give_back(self, hold: PlainHold, status: str) -> None:
        account = self.accounts[hold.owner]
        account.give_back(hold.paid, hold.expires_at_ms if status == "expired" else None)
        account.held -= hold.left
        hold.spent.amount = 0
        hold.status = status
        account.watch()

    def _is_frozen(self, payers: list[str]) -> bool:
        return self.frozen_payer(payers) is not None

    def frozen_payer(self, payers: list[str]) -> str | None:
        """The nearest. That anybody is frozen is said before anybody is short."""
        return next((payer for payer in payers if self.accounts[payer].is_frozen), None)

    def charge(self, actor: str, cost: int, mode: str, app: str | None) -> tuple[int, PlainCharge] | None:
        payers = self.payers(actor)
        if mode != "overdraw" and self._is_frozen(payers):
            return None
        takes = cost
        if mode != "overdraw":
            room = self._room(payers, app)
            if mode == "refuse" and cost > room:
                return None
            takes = min(cost, room)
        charge = PlainCharge({}, {})
        for payer in payers:
            account = self.accounts[payer]
            charge.paid[payer], charge.spent[payer] = account.take(takes), self._spent(takes, app)
            account.spent += takes
            account.spendings.append(charge.spent[payer])
            account.watch()
        return takes, charge

    def hold(self, actor: str, amount: int, minimum: int | None, ttl_ms: int, app: str | None) -> PlainHold | None:
        payers = self.payers(actor)
        if self._is_frozen(payers):
            return None
        least = amount if minimum is None else minimum
        room = self._room(payers, app)
        if room < least:
            return None
        takes, above = min(amount, room), None
        for payer in reversed(payers):
            account = self.accounts[payer]
            placed = PlainHold(
                payer, "", takes, self.now_ms + ttl_ms, account.take(takes), self._spent(takes, app), above=above
            )
            account.held += takes
            account.spendings.append(placed.spent)
            account.watch()
            self.holds.append(placed)
            above = placed
        return above

    def extend(self, hold: PlainHold, ttl_ms: int) -> bool:
        chain = list(hold.chain())
        if self._is_frozen([each.owner for each in chain]) or not all(each.is_usable(self.now_ms) for each in chain):
            return False
        for each in chain:
            each.expires_at_ms = max(each.expires_at_ms, self.now_ms + ttl_ms)
        return True

    def capture(
        self,
        hold: PlainHold,
        part: int | None,
        overrun: str,
        if_expired: str | None = None,
        *,
        ends_it: bool = True,
    ) -> tuple[int, PlainCharge] | None:
        chain = list(hold.chain())
        payers = [each.owner for each in chain]
        amount = hold.left if part is None else part
        excess = max(amount - hold.left, 0)
        if if_expired and hold.status == "expired":
            return self._settle(chain, amount, if_expired, ends_it=ends_it)
        if not all(each.is_usable(self.now_ms) for each in chain) or (excess and overrun == "refuse"):
            return None
        if excess and overrun != "overdraw":
            most = max(min(self._capturable(each) for each in chain), hold.left)
            if self._is_frozen(payers) or (amount > most and overrun == "charge"):
                return None
            amount = min(amount, most)
        charge = PlainCharge({}, {})
        for each in chain:
            self._capture_one(each, amount, charge)
            if ends_it:
                self._give_back(each, "captured")
            self.accounts[each.owner].watch()
        return amount, charge

    def _capturable(self, hold: PlainHold) -> int:
        """The most that may be captured of a hold: what it holds is there, and limits give back what they counted."""
        account = self.accounts[hold.owner]
        rooms = [account.available + account.overdraft_limit + hold.left]
        for cap in account.caps:
            if cap.app in {None, hold.spent.app}:
                used = account.used(cap, self.now_ms)
                hold_amount, hold.spent.amount = hold.spent.amount, 0
                counted = used - account.used(cap, self.now_ms)
                hold.spent.amount = hold_amount
                rooms.append(cap.amount - used + counted)
        return min(rooms)

    def _settle(
        self, chain: list[PlainHold], amount: int, if_expired: str, *, ends_it: bool
    ) -> tuple[int, PlainCharge] | None:
        """Charges for work that outlived its hold, everywhere where it was held."""
        payers = [each.owner for each in chain]
        if if_expired == "charge" and (self._is_frozen(payers) or amount > self._room(payers, chain[0].spent.app)):
            return None
        charge = PlainCharge({}, {})
        for each in chain:
            account = self.accounts[each.owner]
            charge.paid[each.owner] = account.take(amount)
            charge.spent[each.owner] = self._spent(amount, each.spent.app)
            account.spent += amount
            account.spendings.append(charge.spent[each.owner])
            each.left = max(each.left - amount, 0)
            each.status = "captured" if ends_it else "expired"
            account.watch()
        return amount, charge

    def _capture_one(self, hold: PlainHold, amount: int, charge: PlainCharge) -> None:
        account = self.accounts[hold.owner]
        within = min(amount, hold.left)
        part, beyond = hold.paid.first(within), account.take(amount - within)
        account.held -= within
        account.spent += amount
        hold.left -= within
        hold.spent.amount -= within
        charge.paid[hold.owner] = Paid(part.pieces + beyond.pieces, part.undrawn + beyond.undrawn)
        charge.spent[hold.owner] = self._spent(amount, hold.spent.app)
        account.spendings.append(charge.spent[hold.owner])

    def release(self, hold: PlainHold) -> bool:
        if not hold.is_usable(self.now_ms):
            return False
        for each in hold.chain():
            if not each.is_usable(self.now_ms):
                break
            self._give_back(each, "released")
        return True

    def refund(self, charge: PlainCharge, actor: str, part: int | None) -> int | None:
        left = charge.paid[actor].amount
        amount = left if part is None else part
        if not left or amount > left:
            return None
        for payer, paid in charge.paid.items():
            account = self.accounts[payer]
            account.spent -= amount
            account.give_back(paid.last(amount))
            charge.spent[payer].amount -= amount
            account.watch()
        return amount

    def touch(self, actor: str) -> None:
        """What is refused leaves no more than what was due."""

    def update_funding(self, actor: str, change: int, *, force: bool) -> bool:
        """False where it is refused."""
        account = self.accounts[actor]
        least = change if change < 0 and not force else 0
        if least and account.available + least < -account.overdraft_limit:
            return False
        if change >= 0:
            self.fund(actor, change, 10, NEVER)
        else:
            self._reduce(actor, -change)
        return True

    def fund(self, actor: str, amount: int, priority: int, expires_at_ms: int) -> None:
        account = self.accounts[actor]
        account.add(amount, priority, expires_at_ms)
        account.watch(is_funding=amount > 0)

    def _reduce(self, actor: str, amount: int) -> None:
        account = self.accounts[actor]
        account.funded -= amount
        account.take(amount, last_first=True)
        account.watch()

    def void(self, actor: str, priority: int, expires_at_ms: int) -> int:
        account = self.accounts[actor]
        taken = 0
        for lot in account.lots:
            if (lot.priority, lot.expires_at_ms) == (priority, expires_at_ms):
                taken, lot.left = taken + lot.left, 0
        account.funded -= taken
        account.watch()
        return taken

    def set_caps(self, actor: str, caps: list[tuple[int, str | None, str | None]]) -> None:
        account = self.accounts[actor]
        since = {(cap.window, cap.app): cap.since for cap in account.caps}
        self._number += 1
        account.caps = [
            Cap(amount, window, app, since.get((window, app), self._number)) for amount, window, app in caps
        ]

    def set_thresholds(self, actor: str, amounts: list[int]) -> None:
        account = self.accounts[actor]
        there = account.available + account.held
        account.armed = {amount: account.armed.get(amount, True) or there >= amount for amount in amounts}
        account.watch()

    def set_allowance(self, actor: str, terms: tuple[int, str, int, int] | None) -> None:
        account = self.accounts[actor]
        present = account.allowance
        if present is not None:
            account.allowed_until_ms = present.next_at_ms
        if terms is None:
            account.allowance = None
            return
        next_at_ms = account.allowed_until_ms if present else max(account.allowed_until_ms, self.now_ms)
        account.allowance = PlainAllowance(*terms, next_at_ms)
        account.bring_up(self.now_ms)
