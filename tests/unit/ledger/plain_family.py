"""Accounts with limits, thresholds, allowances and parents, kept plainly: spendings are remembered, not summed up.

Days begin at a fixed offset from UTC, so the calendar here is arithmetic.
"""

from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from tests.unit.ledger.plain import NEVER, Lot, Paid, PlainAccount

OFFSET: Final = timedelta(hours=5, minutes=45)
ZONE_NAME: Final = "Asia/Kathmandu"


def local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(timezone(OFFSET))


def window_of(window: str | None, at_ms: int) -> object:
    """Two instants are in one window exactly if these are equal."""
    at = local(at_ms)
    return {
        "hour": (at.date(), at.hour),
        "day": at.date(),
        "month": (at.year, at.month),
        None: None,
    }[window]


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
    brought_up: int = 0
    """How often something was due."""

    def used(self, cap: Cap, now_ms: int) -> int:
        here = window_of(cap.window, now_ms)
        return sum(
            each.amount
            for each in self.spendings
            if each.number >= cap.since and cap.app in {None, each.app} and window_of(cap.window, each.at_ms) == here
        )

    def room(self, app: str | None, now_ms: int) -> int:
        """What it could spend now, were all that is due brought up."""
        seen = copy(self)
        seen.lots = [copy(lot) for lot in self.lots]
        seen.running = next((new for old, new in zip(self.lots, seen.lots, strict=True) if old is self.running), None)
        seen.allowance, seen.armed, seen.alerts = copy(self.allowance), dict(self.armed), []
        seen.bring_up(now_ms)
        caps = [cap.amount - self.used(cap, now_ms) for cap in self.caps if cap.app in {None, app}]
        return max(min([seen.available + self.overdraft_limit, *caps]), 0)

    def bring_up(self, now_ms: int) -> None:
        self._refill(now_ms)
        if any(lot.expires_at_ms <= now_ms and lot.left for lot in self.lots):
            self.brought_up += 1
            self.set_time(now_ms)
            self.watch()
        self.now_ms = now_ms

    def _refill(self, now_ms: int) -> None:
        allowance = self.allowance
        if allowance is None or allowance.next_at_ms > now_ms:
            return
        self.brought_up += 1
        is_running = self.running is not None and self.running.expires_at_ms == allowance.next_at_ms
        left = self.running.left if is_running and self.running else 0
        if is_running and self.running:
            self.running.left = 0
        added = 0
        while allowance.next_at_ms <= now_ms:
            rolled_over = min(left, allowance.maximum) if left >= allowance.minimum else 0
            refill = max(allowance.amount + rolled_over - left, 0)
            repaid = min(self.debt, refill)
            self.debt -= repaid
            left += refill - repaid
            added += refill
            allowance.next_at_ms = next_period_ms(allowance.interval, allowance.next_at_ms)
        self.funded += added
        self.running = Lot(5, allowance.next_at_ms, left)
        self.lots.append(self.running)
        self.watch(is_funding=added > 0)

    def watch(self, *, is_funding: bool = False) -> None:
        for amount in sorted(self.armed, reverse=True):
            if self.armed[amount] and self.available < amount:
                self.armed[amount] = False
                self.alerts.append(amount)
            elif is_funding and self.available >= amount:
                self.armed[amount] = True


@dataclass
class PlainHold:
    """`above` is the hold of the parent that goes with it."""

    owner: str
    id: str
    amount: int
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


_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


def depends_on_due_holds(
    does: "Callable[Concatenate[PlainFamily, _Asked], _Answer]",
) -> "Callable[Concatenate[PlainFamily, _Asked], _Answer]":
    """Holds that are over are returned first, where it would show that they were not: tried out on a copy."""

    @wraps(does)
    def tried_first(family: "PlainFamily", /, *args: _Asked.args, **kwargs: _Asked.kwargs) -> _Answer:
        if any(hold.is_due(family.now_ms) for hold in family.holds):
            trial, its_args = deepcopy((family, args))
            payers = trial.payers_of(does.__name__, its_args[0])
            seen = trial.what_shows(payers)
            does(trial, *its_args, **kwargs)
            if trial.what_shows(payers) != seen or trial.is_overdrawn_since(family, payers):
                family.return_due(payers)
        return does(family, *args, **kwargs)

    return tried_first


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

    def payers_of(self, kind: str, what: Any) -> list[str]:
        """`what` is an actor, a hold or a charge. Funding is of one account alone."""
        if kind in {"fund", "update_funding", "touch"}:
            return [str(what)]
        if isinstance(what, PlainHold):
            below = (each for each in what.chain() if each.above is not None and each.status == "open")
            return [what.owner, *(each.above.owner for each in below if each.above is not None)]
        return list(what.paid) if isinstance(what, PlainCharge) else self.payers(what)

    def what_shows(self, payers: list[str]) -> list[tuple[int, int]]:
        return [(self.accounts[payer].brought_up, len(self.accounts[payer].alerts)) for payer in payers]

    def is_overdrawn_since(self, before: "PlainFamily", payers: list[str]) -> bool:
        return any(self.accounts[payer].debt > before.accounts[payer].debt for payer in payers)

    def _spent(self, amount: int, app: str | None) -> Spent:
        self._number += 1
        return Spent(self._number, self.now_ms, app, amount)

    def _room(self, payers: list[str], app: str | None) -> int:
        return min(self.accounts[payer].room(app, self.now_ms) for payer in payers)

    def _room_for(self, wanted: int, payers: list[str], app: str | None) -> int:
        """What can be spent, once holds that are over made room for what is wanted."""
        if (room := self._room(payers, app)) < wanted and self.return_due(payers):
            return self._room(payers, app)
        return room

    def return_due(self, payers: list[str]) -> bool:
        due = sorted(
            (hold for hold in self.holds if hold.owner in payers and hold.is_due(self.now_ms)),
            key=lambda hold: hold.expires_at_ms,
        )
        for hold in due:
            if self.accounts[hold.owner].held:
                self._give_back(hold, "expired")
        return bool(due)

    def _give_back(self, hold: PlainHold, status: str) -> None:
        account = self.accounts[hold.owner]
        if status == "expired":
            # It came back when it was over, before what became due after that.
            account.give_back(hold.paid, hold.expires_at_ms)
        else:
            account.bring_up(self.now_ms)
            account.give_back(hold.paid)
        account.held -= hold.amount
        hold.spent.amount = 0
        hold.status = status
        account.watch()

    def _bring_up(self, actor: str) -> None:
        """What is due is written also where the operation itself is refused."""
        self.accounts[actor].bring_up(self.now_ms)

    def _is_frozen(self, payers: list[str]) -> bool:
        return self.frozen_payer(payers) is not None

    def frozen_payer(self, payers: list[str]) -> str | None:
        """The nearest. That anybody is frozen is said before anybody is short."""
        return next((payer for payer in payers if self.accounts[payer].is_frozen), None)

    @depends_on_due_holds
    def charge(self, actor: str, cost: int, mode: str, app: str | None) -> tuple[int, PlainCharge] | None:
        payers = self.payers(actor)
        if mode != "overdraw" and self._is_frozen(payers):
            self._bring_up(actor)
            return None
        takes = cost
        if mode != "overdraw":
            room = self._room_for(cost, payers, app)
            if mode == "refuse" and cost > room:
                self._bring_up(actor)
                return None
            takes = min(cost, room)
        charge = PlainCharge({}, {})
        for payer in payers:
            account = self.accounts[payer]
            account.bring_up(self.now_ms)
            charge.paid[payer], charge.spent[payer] = account.take(takes), self._spent(takes, app)
            account.spent += takes
            account.spendings.append(charge.spent[payer])
            account.watch()
        return takes, charge

    @depends_on_due_holds
    def hold(self, actor: str, amount: int, minimum: int | None, ttl_ms: int, app: str | None) -> PlainHold | None:
        payers = self.payers(actor)
        if self._is_frozen(payers):
            self._bring_up(actor)
            return None
        least = amount if minimum is None else minimum
        room = self._room_for(max(amount, least), payers, app)
        if room < least:
            self._bring_up(actor)
            return None
        takes, above = min(amount, room), None
        for payer in reversed(payers):
            account = self.accounts[payer]
            account.bring_up(self.now_ms)
            placed = PlainHold(
                payer, "", takes, self.now_ms + ttl_ms, account.take(takes), self._spent(takes, app), above=above
            )
            account.held += takes
            account.spendings.append(placed.spent)
            account.watch()
            self.holds.append(placed)
            above = placed
        return above

    @depends_on_due_holds
    def extend(self, hold: PlainHold, ttl_ms: int) -> bool:
        self._bring_up(hold.owner)
        chain = list(hold.chain())
        if self._is_frozen([each.owner for each in chain]) or not all(each.is_usable(self.now_ms) for each in chain):
            return False
        for each in chain:
            self.accounts[each.owner].bring_up(self.now_ms)
            each.expires_at_ms = max(each.expires_at_ms, self.now_ms + ttl_ms)
        return True

    @depends_on_due_holds
    def capture(self, hold: PlainHold, part: int | None, overrun: str) -> tuple[int, PlainCharge] | None:
        chain = list(hold.chain())
        payers = [each.owner for each in chain]
        amount = hold.amount if part is None else part
        excess = max(amount - hold.amount, 0)
        if not hold.is_usable(self.now_ms) or (excess and overrun == "refuse"):
            self._bring_up(hold.owner)
            return None
        if excess and self.accounts[hold.owner].is_frozen:
            self._bring_up(hold.owner)
            return None
        if excess and excess > self._room_for(excess, payers, hold.spent.app):
            self._bring_up(hold.owner)
            return None
        if not all(each.is_usable(self.now_ms) for each in chain) or (excess and self._is_frozen(payers)):
            self._bring_up(hold.owner)
            return None
        charge = PlainCharge({}, {})
        for each in chain:
            self._capture_one(each, amount, charge)
        return amount, charge

    def _capture_one(self, hold: PlainHold, amount: int, charge: PlainCharge) -> None:
        account = self.accounts[hold.owner]
        account.bring_up(self.now_ms)
        account.give_back(hold.paid.last(hold.amount - min(amount, hold.amount)))
        beyond = account.take(max(amount - hold.amount, 0))
        account.held -= hold.amount
        account.spent += amount
        hold.status, hold.spent.amount = "captured", 0
        charge.paid[hold.owner] = Paid(hold.paid.pieces + beyond.pieces, hold.paid.undrawn + beyond.undrawn)
        charge.spent[hold.owner] = self._spent(amount, hold.spent.app)
        account.spendings.append(charge.spent[hold.owner])
        account.watch()

    @depends_on_due_holds
    def release(self, hold: PlainHold) -> bool:
        self._bring_up(hold.owner)
        if not hold.is_usable(self.now_ms):
            return False
        for each in hold.chain():
            if not each.is_usable(self.now_ms):
                break
            self._give_back(each, "released")
        return True

    @depends_on_due_holds
    def refund(self, charge: PlainCharge, actor: str, part: int | None) -> int | None:
        left = charge.paid[actor].amount
        amount = left if part is None else part
        self._bring_up(actor)
        if not left or amount > left:
            return None
        for payer, paid in charge.paid.items():
            account = self.accounts[payer]
            account.bring_up(self.now_ms)
            account.spent -= amount
            account.give_back(paid.last(amount))
            charge.spent[payer].amount -= amount
            account.watch()
        return amount

    @depends_on_due_holds
    def touch(self, actor: str) -> None:
        """What is refused leaves no more than what was due."""
        self._bring_up(actor)

    @depends_on_due_holds
    def update_funding(self, actor: str, change: int, *, force: bool, is_full: bool) -> bool:
        """False where it is refused."""
        account = self.accounts[actor]
        account.bring_up(self.now_ms)
        least = change if change < 0 and not force else 0
        if least and account.available + least < -account.overdraft_limit:
            self.return_due([actor])
        if (least and account.available + least < -account.overdraft_limit) or is_full:
            return False
        if change >= 0:
            self.fund(actor, change, 10, NEVER)
        else:
            self._reduce(actor, -change)
        return True

    @depends_on_due_holds
    def fund(self, actor: str, amount: int, priority: int, expires_at_ms: int) -> None:
        account = self.accounts[actor]
        account.bring_up(self.now_ms)
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

    def settle(self, actor: str) -> None:
        """What settings and voids depend on: all that is over or due."""
        self.return_due([actor])
        self._bring_up(actor)

    def set_caps(self, actor: str, caps: list[tuple[int, str | None, str | None]]) -> None:
        account = self.accounts[actor]
        since = {(cap.window, cap.app): cap.since for cap in account.caps}
        self._number += 1
        account.caps = [
            Cap(amount, window, app, since.get((window, app), self._number)) for amount, window, app in caps
        ]

    def set_thresholds(self, actor: str, amounts: list[int]) -> None:
        account = self.accounts[actor]
        account.armed = {amount: account.available >= amount for amount in amounts}

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
