"""An account in plain arithmetic: what each row must have done, and what is left. A new kind is two functions here.

Nothing of the ledger is used: not its reducer, nor how it keeps grants, holds and refunds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any, Final, NamedTuple, TypeAlias

from tests.simulation.rules import Rules, Through

Fields: TypeAlias = Mapping[str, Any]
"""A row's text, parsed."""

_OPEN_LOTS_MAX: Final = 16
_REOPENED_LOTS_MAX: Final = 32
_NEVER_MS: Final = 2**63
_PARTS: Final = 10**15
"""Of a microcent."""
_ENFORCED: Final = frozenset({"charge", "hold", "capture"})


class Kind(NamedTuple):
    """What lots are alike in: alike ones are one lot. What a refill gave is like nothing but itself."""

    priority: int
    expires_at_ms: int
    category: str
    given_seq: int = 0


PAID_IN: Final = Kind(10, _NEVER_MS, "purchased")


def kind_of(fields: Fields) -> Kind:
    return Kind(fields["priority"], fields.get("expires_at_ms") or _NEVER_MS, fields["category"])


@dataclass(slots=True)
class Lot:
    amount: int
    seq: int


@dataclass(slots=True)
class Held:
    """`written_at_ms`: when the row that placed it was written, where a clock tells."""

    amount: int
    expires_at_ms: int
    written_at_ms: int | None
    drawn: Sequence[Fields]
    placed_seq: int
    through: Through
    member: str | None
    parent: tuple[str, str] | None
    status: str = "open"
    captured: int = 0

    @property
    def left(self) -> int:
        """What its captures have left of it."""
        return max(self.amount - self.captured, 0)

    @property
    def draws_left(self) -> list[Fields]:
        return _part(self.drawn, self.captured, self.amount)

    @property
    def unpaid(self) -> int:
        """What no lot paid of what is left: an overdraft."""
        return self.left - sum([int(draw["amount"]) for draw in self.draws_left])

    def is_due(self, at_ms: int) -> bool:
        return self.status == "open" and self.expires_at_ms <= at_ms


class Expected(NamedTuple):
    """What a row must say: its outcome, its amount, and by how much available, held, funded and spent move."""

    outcome: str
    amount: int = 0
    available: int = 0
    held: int = 0
    funded: int = 0
    spent: int = 0


REFUSED: Final = Expected("refused")


@dataclass(slots=True)
class Book:
    available: int = 0
    held: int = 0
    funded: int = 0
    spent: int = 0
    lots: dict[Kind, Lot] = field(default_factory=dict)
    holds: dict[str, Held] = field(default_factory=dict)
    maybe_open: dict[str, Held] = field(default_factory=dict)
    """Those that were open when somebody last looked."""
    rows: dict[str, Fields] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    refills: set[int] = field(default_factory=set)
    """The rows that gave an allowance."""
    written_at_ms: int | None = None
    """When the row that is looked at was written."""
    refill_awaited: str | None = None
    """The request that set an allowance, which is to begin at once."""
    carry: Fraction = Fraction(0)
    """Microcents that usage was worth beyond what it took, or short of it."""
    room_before: dict[str, int] = field(default_factory=dict)
    """What there was to be spent before each row that goes with a member's."""

    def balances(self) -> dict[str, int]:
        return {"available": self.available, "held": self.held, "funded": self.funded, "spent": self.spent}

    def taken(self, terms: Fields, amount: int) -> int:
        """The nearest to what it is worth, with what is carried; what is worth a whole number is left alone."""
        part = _part_of_a_microcent(terms)
        return floor(amount + part + self.carry + Fraction(1, 2)) if part else amount

    def carry_on(self, row: Fields, expected: "Expected") -> Fields | None:
        """What the row must say of the carry, which is another from then on. To be called before `note`."""
        terms, before = row["parameters"], self.carry
        part = _part_of_a_microcent(terms)
        if not part:
            return None
        if expected.outcome != "refused":
            amount = terms["cost"] if row["kind"] == "charge" else terms["amount"]
            self.carry += amount + part - self.taken(terms, amount)
        return {"before": before * _PARTS, "after": self.carry * _PARTS}

    def agrees_with(self, stated: Fields) -> bool:
        stated_in_turn = stated["available"], stated["held"], stated["funded"], stated["spent"]
        return stated_in_turn == (self.available, self.held, self.funded, self.spent)

    def expected(self, row: Fields) -> Expected:
        if "refusal" in (row.get("parent") or ()):
            return REFUSED
        return _EXPECTED[row["kind"]](self, row)

    def move(self, expected: Expected) -> None:
        self.available += expected.available
        self.held += expected.held
        self.funded += expected.funded
        self.spent += expected.spent

    def note(self, row: Fields) -> bool:
        """Moves credits between lots and keeps account of holds and refunds. False where a lot gave too much."""
        self.rows[row["key"]] = row
        if row["outcome"] == "refused":
            return True
        return _NOTE[row["kind"]](self, row)

    def room(self, row: Fields) -> int:
        """The most that the row may spend: what is there and may be overdrawn, what limits leave, what a parent has."""
        rules, held = self.rules, self.captured(row)
        rooms = [self.available + rules.overdraft + (held.left if held else 0)]
        if rules.caps:
            given_back = (held.left, held.placed_seq, held.through) if held else (0, -1, (None, None, None))
            rooms += rules.left_of_limits(self.spent_through(row), row, given_back)
        if (parent := row.get("parent")) is not None:
            rooms.append(parent["room"])
        return min(rooms)

    def captured(self, row: Fields) -> Held | None:
        """The open hold that the row captures."""
        held = self.holds.get(row["parameters"].get("hold", ""))
        return held if held is not None and held.status == "open" and row["kind"] == "capture" else None

    def spent_through(self, row: Fields) -> Through:
        """Of a hold that named no model, its capture's counts."""
        held = self.holds.get(row["parameters"].get("hold", ""))
        if held is None:
            return row["app"], row["meter"], row.get("model")
        return *held.through[:2], held.through[2] or row.get("model")

    def count(self, row: Fields) -> None:
        """Lets the limits count what the row spends or gives back. To be called before `note`."""
        kind, rules = row["kind"], self.rules
        if not rules.caps or row["outcome"] == "refused":
            return
        held = self.holds.get(row["parameters"].get("hold", ""))
        if held is not None and kind == "expire":
            # In the window in which it was over.
            row = {**row, "at_ms": held.expires_at_ms}
        if held is not None and held.status == "open" and kind in {"capture", "release", "expire"}:
            captured = min(-row["amount"], held.left) if _is_part(row) else held.left
            rules.count(-captured, held.placed_seq, held.through, row)
        if kind in {"charge", "hold", "capture"}:
            rules.count(-row["amount"], row["seq"], self.spent_through(row), row)
        if kind == "refund":
            paid = self.rows[row["parameters"]["charge"]]
            rules.count(-row["amount"], paid["seq"], self.spent_through(paid), row)

    def warn(self, row: Fields, expected: Expected) -> list[int]:
        """The thresholds that the row falls below. To be called after `move`."""
        if not self.rules.armed or row["outcome"] == "refused":
            return []
        is_credited, is_refill = expected.funded > 0, row["kind"] == "allowance"
        return self.rules.warn(
            self.available + self.held, is_funding=is_credited and not is_refill, is_refill=is_credited and is_refill
        )

    def in_turn(self) -> list[Kind]:
        """The lots in the order in which they are to be spent."""
        return sorted(self.lots, key=lambda kind: (kind.priority, kind.expires_at_ms, self.lots[kind].seq))

    def is_overspent_by(self, row: Fields) -> bool:
        """Whether the row takes more, and not at its caller's wish, than was there."""
        terms, held = row["parameters"], self.captured(row)
        wish = terms.get("if_insufficient") or terms["overrun" if held else "if_expired"] if "hold" in terms else None
        if row["kind"] not in _ENFORCED or "overdraw" in {wish, terms.get("if_insufficient")}:
            return False
        return bool(-row["amount"] > max(self.room(row), held.left if held else 0))

    def due(self, at_ms: int) -> int:
        return sum([lot.amount for kind, lot in self.lots.items() if kind.expires_at_ms <= at_ms])

    def lots_but_running(self, row: Fields) -> Iterable[Kind]:
        """Those that lapse by themselves: a refill takes the one in which the last was given. None that lapse by it."""
        if row["kind"] == "expire" and "hold" not in row["parameters"]:
            return ()
        running = _running(self)[0] if self.rules.allowance is not None else None
        return [kind for kind in self.lots if kind != running]

    def open_holds(self) -> Mapping[str, Held]:
        if any(held.status != "open" for held in self.maybe_open.values()):
            self.maybe_open = {name: held for name, held in self.maybe_open.items() if held.status == "open"}
        return self.maybe_open

    def has_room_for(self, kind: Kind) -> bool:
        return kind in self.lots or len(self.lots) < _OPEN_LOTS_MAX or any(self._pairs([*self.lots, kind]))

    def put_in(self, kind: Kind, amount: int, seq: int) -> None:
        if kind in self.lots:
            self.lots[kind].amount += amount
        elif amount:
            self.lots[kind] = Lot(amount, seq)

    def take_out(self, drawn: Iterable[Fields]) -> bool:
        """False where a lot gave more than it had."""
        for draw in drawn:
            kind = self.kind_of(draw)
            lot = self.lots.get(kind)
            if lot is None or lot.amount < draw["amount"]:
                return False
            lot.amount -= draw["amount"]
            if not lot.amount:
                del self.lots[kind]
        return True

    def kind_of(self, draw: Fields) -> Kind:
        """Of a lot that was drawn from: only its number tells what a refill gave from what looks the same."""
        kind = kind_of(draw)
        return kind._replace(given_seq=draw["grant_seq"]) if draw["grant_seq"] in self.refills else kind

    def fund(self, kind: Kind, amount: int, row: Fields) -> bool:
        """Credits first pay what is owed. To be called before `move`. False where other lots became one than should."""
        most = max(_OPEN_LOTS_MAX, len(self.lots))
        self.put_in(kind, max(min(amount, self.available + amount), 0), row["seq"])
        return self._make_room(most) == row.get("merged")

    def _make_room(self, most: int) -> Fields | None:
        """Where there are too many lots, the two that are nearest become one. What the row must say of it."""
        if len(self.lots) <= most:
            return None
        sooner, later = self._nearest()
        moved = self.lots.pop(sooner)
        into = self.lots[later]
        into.amount += moved.amount
        expires_at_ms = None if later.expires_at_ms == _NEVER_MS else later.expires_at_ms
        named = {"grant": f"g{moved.seq}", "into": f"g{into.seq}"}
        return {**named, "amount": moved.amount, "expires_at_ms": expires_at_ms}

    def _nearest(self) -> tuple[Kind, Kind]:
        pairs = list(self._pairs([*self.lots]))
        return min(pairs, key=lambda pair: (pair[1].expires_at_ms - pair[0].expires_at_ms, self._rank(pair[0])))

    def _pairs(self, kinds: Sequence[Kind]) -> Iterable[tuple[Kind, Kind]]:
        """Of one category and priority, the one that lapses sooner first; but for the running allowance."""
        free = [kind for kind in kinds if not kind.given_seq or kind.given_seq != self.rules.given_seq]
        for one in free:
            for other in free:
                alike = (one.category, one.priority) == (other.category, other.priority)
                if alike and self._age(one) < self._age(other):
                    yield one, other

    def _age(self, kind: Kind) -> tuple[int, int]:
        return kind.expires_at_ms, self.lots[kind].seq if kind in self.lots else 2**62

    def _rank(self, kind: Kind) -> tuple[int, int, int]:
        return kind.priority, *self._age(kind)

    def give_back(self, drawn: Iterable[Fields], unpaid: int, row: Fields, at_ms: int | None = None) -> None:
        """Puts draws back where they came from, but for those that have lapsed and what pays a debt.

        `at_ms`: when they came back, where that was before the row.
        """
        owed = max(-self.available, 0)
        at_ms = row["at_ms"] if at_ms is None else at_ms
        live = sorted((draw for draw in drawn if not _has_lapsed(draw, at_ms)), key=_turn_of)
        owed_to_lots = max(owed - unpaid, 0)
        for draw in live:
            paid = min(draw["amount"], owed_to_lots)
            owed_to_lots -= paid
            self.put_in(self._lot_for(self.kind_of(draw)), draw["amount"] - paid, draw["grant_seq"])
        self.put_in(PAID_IN, max(unpaid - owed, 0), row["seq"])

    def _lot_for(self, kind: Kind) -> Kind:
        """Where there are too many lots already, what comes back joins the one that lasts longest."""
        if kind in self.lots or len(self.lots) < _REOPENED_LOTS_MAX:
            return kind
        return max(self.lots, key=lambda each: (each.expires_at_ms, each.priority, self.lots[each].seq))


def _has_lapsed(draw: Fields, at_ms: int) -> bool:
    return bool(kind_of(draw).expires_at_ms <= at_ms)


def _turn_of(draw: Fields) -> tuple[int, int, int]:
    kind = kind_of(draw)
    return kind.priority, kind.expires_at_ms, draw["grant_seq"]


def lapsed(drawn: Iterable[Fields], at_ms: int) -> int:
    return sum(draw["amount"] for draw in drawn if _has_lapsed(draw, at_ms))


def _part_of_a_microcent(terms: Fields) -> Fraction:
    if "cost_usd" in terms:
        # A microcent is 10^-8 dollars.
        amount: int = terms.get("cost", terms.get("amount"))
        return Fraction(terms["cost_usd"]) * 10**8 - amount
    if "cost_money" in terms:
        amount = terms.get("cost", terms.get("amount"))
        return Fraction(terms["cost_money"]["amount"]) * Fraction(terms["exchange_rate"]["rate"]) * 10**8 - amount
    return Fraction(terms.get("remainder", 0), _PARTS)


def _part(drawn: Iterable[Fields], skip: int, amount: int) -> list[Fields]:
    """`amount` of the draws, after the first `skip`."""
    part: list[Fields] = []
    for draw in drawn:
        skipped = min(draw["amount"], skip)
        taken = min(draw["amount"] - skipped, amount)
        skip -= skipped
        amount -= taken
        if taken:
            part.append({**draw, "amount": taken})
    return part


def _charge(book: Book, row: Fields) -> Expected:
    terms, there = row["parameters"], max(book.room(row), 0)
    cost = book.taken(terms, terms["cost"])
    is_forced = terms["if_insufficient"] == "overdraw"
    if book.rules.is_frozen and not is_forced:
        return REFUSED
    if cost <= there or is_forced:
        return Expected("applied", -cost, available=-cost, spent=cost)
    if terms["if_insufficient"] == "refuse":
        return REFUSED
    return Expected("partial", -there, available=-there, spent=there)


def _note_charge(book: Book, row: Fields) -> bool:
    return book.take_out(row["drawn"])


def _funding(book: Book, row: Fields) -> Expected:
    terms = row["parameters"]
    difference = terms["new_amount"] - terms["old_amount"]
    after = book.available + difference
    is_short = difference < 0 and after + book.rules.overdraft < 0
    if book.funded != terms["old_amount"] or (is_short and not terms["force"]):
        return REFUSED
    if difference > 0 and after > 0 and not book.has_room_for(PAID_IN):
        # Nothing of it would be on record.
        return REFUSED
    return Expected("applied", difference, available=difference, funded=difference)


def _note_funding(book: Book, row: Fields) -> bool:
    is_covered = book.take_out(row["drawn"])
    is_merged_well = row["amount"] <= 0 or book.fund(PAID_IN, row["amount"], row)
    return is_covered and is_merged_well


def _grant(book: Book, row: Fields) -> Expected:
    amount = row["parameters"]["amount"]
    if book.available + amount > 0 and not book.has_room_for(kind_of(row["parameters"])):
        return REFUSED
    return Expected("applied", amount, available=amount, funded=amount)


def _note_grant(book: Book, row: Fields) -> bool:
    return book.fund(kind_of(row["parameters"]), row["amount"], row) and not list(row["drawn"])


def _allowance(book: Book, row: Fields) -> Expected:
    rules, terms = book.rules, row["parameters"]
    if rules.allowance is None or not rules.is_refill_due(row["at_ms"]):
        return REFUSED
    _, left = _running(book)
    owed = max(-book.available, 0)
    # One row for all refills up to the period that it gives, which ends when the next is due.
    added, next_ms = rules.allowance.falls_due(terms["expires_at_ms"] - 1, rules.zone, left, owed)
    asked = terms["amount"], terms["expires_at_ms"], terms["priority"]
    if asked != (left + added, next_ms, rules.allowance.priority):
        return REFUSED
    return Expected("applied", added, available=added, funded=max(added, 0))


def _running(book: Book) -> tuple[Kind | None, int]:
    """The lot that the allowance of this period is in, and what is left of it."""
    assert book.rules.allowance is not None
    kind = next((kind for kind in book.lots if kind.given_seq and kind.given_seq == book.rules.given_seq), None)
    return (kind, book.lots[kind].amount) if kind is not None else (None, 0)


def _note_allowance(book: Book, row: Fields) -> bool:
    assert book.rules.allowance is not None
    terms, (running, _) = row["parameters"], _running(book)
    if running is not None:
        del book.lots[running]
    paid_off = min(max(-book.available, 0), max(row["amount"], 0))
    book.refills.add(row["seq"])
    kind = Kind(terms["priority"], terms["expires_at_ms"], "allowance", row["seq"])
    book.put_in(kind, terms["amount"] - paid_off, row["seq"])
    given = book.rules.allowance
    given.next_ms, given.begins, given.behind_ms = terms["expires_at_ms"], False, 0
    book.rules.given_seq = row["seq"]
    return not list(row["drawn"])


def _configure(_book: Book, _row: Fields) -> Expected:
    return Expected("applied")


def _note_configure(book: Book, row: Fields) -> bool:
    book.rules.change(row["parameters"], book.available + book.held, row)
    return not list(row["drawn"])


def _void(book: Book, row: Fields) -> Expected:
    named = row["parameters"]["grant"]
    left = next((lot.amount for lot in book.lots.values() if f"g{lot.seq}" == named), None)
    return REFUSED if left is None else Expected("applied", -left, available=-left, funded=-left)


def _hold(book: Book, row: Fields) -> Expected:
    terms, there = row["parameters"], max(book.room(row), 0)
    amount = terms["amount"]
    if book.rules.is_frozen or there < terms.get("minimum_amount", amount):
        return REFUSED
    takes = min(amount, there)
    return Expected("applied" if takes == amount else "partial", -takes, available=-takes, held=takes)


def _note_hold(book: Book, row: Fields) -> bool:
    expires_at_ms = row["at_ms"] + row["parameters"]["ttl_ms"]
    parent = row.get("parent")
    book.holds[f"h{row['seq']}"] = book.maybe_open[f"h{row['seq']}"] = Held(
        amount=-row["amount"],
        expires_at_ms=expires_at_ms,
        written_at_ms=book.written_at_ms,
        drawn=row["drawn"],
        placed_seq=row["seq"],
        through=(row["app"], row["meter"], row.get("model")),
        member=row.get("member"),
        parent=(parent["actor"], parent["hold"]) if parent else None,
    )
    return book.take_out(row["drawn"])


def _open_hold(book: Book, row: Fields) -> Held | None:
    held = book.holds.get(row["parameters"]["hold"])
    if held is None or held.member != row.get("member"):
        return None
    return held if held.status == "open" and held.expires_at_ms > row["at_ms"] else None


def _extend(book: Book, row: Fields) -> Expected:
    return Expected("applied") if _open_hold(book, row) and not book.rules.is_frozen else REFUSED


def _note_extend(book: Book, row: Fields) -> bool:
    held = book.holds[row["parameters"]["hold"]]
    held.expires_at_ms = max(held.expires_at_ms, row["at_ms"] + row["parameters"]["ttl_ms"])
    return not list(row["drawn"])


def _is_part(row: Fields) -> bool:
    """Whether it leaves its hold as it is, but for what it takes."""
    return row["kind"] == "capture" and row["parameters"].get("final") is False


def _capture(book: Book, row: Fields) -> Expected:
    held, terms = _open_hold(book, row), row["parameters"]
    if held is None:
        return _capture_of_nothing(book, row)
    left = held.left
    wanted = book.taken(terms, terms.get("amount", left))
    amount = wanted if wanted <= left else _captured_beyond(book, row, held, wanted)
    if amount is None:
        return REFUSED
    excess = max(amount - left, 0)
    outcome = "applied" if amount == wanted else "partial"
    if _is_part(row):
        return Expected(outcome, -amount, available=-excess, held=excess - amount, spent=amount)
    returned = left + excess - amount
    gone = lapsed(_part(held.draws_left, amount, returned), row["at_ms"])
    return Expected(outcome, -amount, available=returned - gone - excess, held=-left, spent=amount)


def _captured_beyond(book: Book, row: Fields, held: Held, wanted: int) -> int | None:
    overrun = row["parameters"]["overrun"]
    if overrun == "overdraw":
        return wanted
    most = max(book.room(row), held.left)
    if overrun == "refuse" or book.rules.is_frozen or (overrun == "charge" and wanted > most):
        return None
    return min(wanted, most)


def _capture_of_nothing(book: Book, row: Fields) -> Expected:
    """Work that outlived its hold is charged for, where that was asked for."""
    terms = row["parameters"]
    held = book.holds.get(terms["hold"])
    wish = terms.get("if_expired")
    if held is None or held.member != row.get("member") or held.status != "expired" or wish is None:
        return REFUSED
    amount = book.taken(terms, terms.get("amount", held.left))
    if wish == "charge" and (book.rules.is_frozen or amount > max(book.room(row), 0)):
        return REFUSED
    return Expected("applied", -amount, available=-amount, spent=amount)


def _note_capture(book: Book, row: Fields) -> bool:
    held, amount = book.holds[row["parameters"]["hold"]], -row["amount"]
    was_open, left, unpaid, draws = held.status == "open", held.left, held.unpaid, held.draws_left
    held.captured += amount
    if not _is_part(row):
        held.status = "captured"
    if not was_open:
        return book.take_out(row["drawn"])
    paid_by_hold = min(amount, left - unpaid)
    is_in_turn = _part(row["drawn"], 0, paid_by_hold) == _part(draws, 0, paid_by_hold)
    if not _is_part(row):
        book.give_back(_part(draws, amount, left), max(min(unpaid, left - amount), 0), row)
    return book.take_out(_part(row["drawn"], paid_by_hold, amount)) and is_in_turn


def _release(book: Book, row: Fields) -> Expected:
    held = _open_hold(book, row)
    return REFUSED if held is None else _returned(held, row["at_ms"])


def _returned(held: Held, at_ms: int) -> Expected:
    back = held.left - lapsed(held.draws_left, at_ms)
    return Expected("applied", back, available=back, held=-held.left)


def _note_release(book: Book, row: Fields) -> bool:
    held = book.holds[row["parameters"]["hold"]]
    held.status = "released"
    book.give_back(held.draws_left, held.unpaid, row)
    return True


def _refund(book: Book, row: Fields) -> Expected:
    terms = row["parameters"]
    paid = book.rows.get(terms["charge"])
    if paid is None or paid["kind"] not in {"charge", "capture"} or paid["outcome"] == "refused":
        return REFUSED
    if paid.get("member") != row.get("member"):
        return REFUSED
    left = -paid["amount"] - book.refunded.get(paid["key"], 0)
    amount = terms.get("amount", left)
    if not left or amount > left:
        return REFUSED
    gone = lapsed(_refunded_draws(book, paid, amount), row["at_ms"])
    return Expected("applied", amount, available=amount - gone, spent=-amount)


def _refunded_draws(book: Book, paid: Fields, amount: int) -> list[Fields]:
    """Refunds undo a charge from its end: first what no lot had paid, then the lot that was drawn last."""
    unpaid = -paid["amount"] - sum(draw["amount"] for draw in paid["drawn"])
    before = book.refunded.get(paid["key"], 0)
    from_lots = amount - max(min(unpaid - before, amount), 0)
    return _part(reversed(paid["drawn"]), max(before - unpaid, 0), from_lots)


def _note_refund(book: Book, row: Fields) -> bool:
    paid = book.rows[row["parameters"]["charge"]]
    draws = _refunded_draws(book, paid, row["amount"])
    book.give_back(draws, row["amount"] - sum(draw["amount"] for draw in draws), row)
    book.refunded[paid["key"]] = book.refunded.get(paid["key"], 0) + row["amount"]
    return True


def _expire(book: Book, row: Fields) -> Expected:
    if "hold" not in row["parameters"]:
        due_at_ms = row["parameters"].get("due_at_ms", row["at_ms"])
        due = book.due(due_at_ms) if due_at_ms <= row["at_ms"] else -1
        return Expected("applied", -due, available=-due)
    held = book.holds.get(row["parameters"]["hold"])
    return _returned(held, held.expires_at_ms) if held is not None and held.is_due(row["at_ms"]) else REFUSED


def _note_expire(book: Book, row: Fields) -> bool:
    if "hold" not in row["parameters"]:
        return book.take_out(row["drawn"])
    held = book.holds[row["parameters"]["hold"]]
    held.status = "expired"
    # It came back when the hold was over, whenever that was written down.
    book.give_back(held.draws_left, held.unpaid, row, held.expires_at_ms)
    return True


_EXPECTED: Final[Mapping[str, Callable[[Book, Fields], Expected]]] = {
    "charge": _charge,
    "funding_update": _funding,
    "grant": _grant,
    "void": _void,
    "allowance": _allowance,
    "configure": _configure,
    "hold": _hold,
    "extend": _extend,
    "capture": _capture,
    "release": _release,
    "refund": _refund,
    "expire": _expire,
}
_NOTE: Final[Mapping[str, Callable[[Book, Fields], bool]]] = {
    "charge": _note_charge,
    "funding_update": _note_funding,
    "grant": _note_grant,
    "void": _note_charge,
    "allowance": _note_allowance,
    "configure": _note_configure,
    "hold": _note_hold,
    "extend": _note_extend,
    "capture": _note_capture,
    "release": _note_release,
    "refund": _note_refund,
    "expire": _note_expire,
}
