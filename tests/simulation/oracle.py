"""The oracle: plain arithmetic over what was answered and what is stored. It never asks the reducer or the protocol."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from hashlib import sha256
from typing import Any, Final, TypeAlias

import msgspec

from shared.ledger.accounts import Account
from shared.ledger.holds import Hold
from shared.ledger.policies import Policy
from tests.simulation.books import Book, Expected, Fields, Held
from tests.simulation.calls import Answer
from tests.simulation.clients import Clients, Ticket
from tests.simulation.downstream import AuditRow, Position, Warned
from tests.simulation.order import out_of_order
from tests.simulation.table import LedgerTable, Row
from tests.simulation.verdict import Charge, Verdict

__all__ = ["Fields", "Oracle"]

_parse: Final = msgspec.json.Decoder().decode
"""Not the parser that the ledger reads its rows with."""
_Name: TypeAlias = tuple[Account, str]
_COUNTED: Final = frozenset({"configure", "allowance"})
_OVERLOOKED_MS: Final = 60_000
"""A hold placed so short a time before a row was written need not have been in the index when that was made."""
_HOLD, _REFILL, _LOTS, _OTHER = range(4)
"""At one instant holds return first, then the refill comes, then lots lapse, and then others have their turn."""


class Oracle:
    """Judges one world at its end."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self.rows_of_key: dict[tuple[str, str], Fields] = {}
        self.books: dict[Account, Book] = {}
        self.counts: Counter[str] = Counter()
        """Of what is out of the ordinary."""
        self._halves: list[tuple[Account, Fields]] = []
        self._warnings: dict[Warned, str] = {}

    def judge(self, table: LedgerTable, clients: Clients, audit: Mapping[Account, Mapping[int, AuditRow]]) -> None:
        for account, journal in table.journal.items():
            self._judge_account(account, journal, table)
            self._judge_audit(account, journal, audit.get(account, {}))
        for ticket in clients.tickets:
            self._judge_answer(ticket)
        self._judge_beside(table)
        for account in table.begun ^ {account for account, rows in table.rows.items() if rows}:
            self._wrong("chain_breaks", account, None, "has begun without a row, or has rows and has not begun")
        self._judge_halves()
        for request, ticket in clients.turned_away:
            self._judge_turned_away(request, ticket)
        for number, _ in out_of_order(clients.history):
            ticket = clients.tickets[number]
            self._wrong("chain_breaks", ticket.customer.account, ticket.operation.key, "recorded out of order")

    def judge_warnings(self, warnings: Mapping[Warned, Collection[str]], excused: Collection[Position]) -> None:
        """Each threshold that was fallen below was warned of by one event, however often that came; and no other."""
        for warned, key in self._warnings.items():
            events = len(warnings.get(warned, ()))
            if events > 1 or (not events and warned[:2] not in excused):
                self._wrong("audit_missing", warned[0], key, f"{events} events warned that it fell below {warned[2]}")
        for warned in warnings.keys() - self._warnings.keys():
            self._wrong("audit_missing", warned[0], None, f"was warned of row {warned[1]} without cause")

    def _judge_halves(self) -> None:
        """A member's row and its parent's belong together, and what the one says of the other is so."""
        newest: dict[tuple[str, str], int] = {}
        for account, row in self._halves:
            if "member" in row and (row["member"], row["key"].split("~", 2)[2]) not in self.rows_of_key:
                self._wrong("double", account, row["key"], "goes with no row of its member")
            if _has_counterpart(row):
                self.counts["counterparts"] += 1
                self._judge_counterpart(account, row, newest)
        if self.counts["counterparts"] != sum("member" in row for _, row in self._halves):
            self._wrong("chain_breaks", self._halves[0][0], None, "members and parents have other numbers of rows")

    def _judge_counterpart(self, account: Account, row: Fields, newest: dict[tuple[str, str], int]) -> None:
        """`newest` is the last row of a parent that went with one of a member."""
        parent, key = row["parent"], f"~{account.actor}~{row['key']}"
        above = self.rows_of_key.get((parent["actor"], key))
        if above is None or _shared(above) != _shared(row) or above.get("member") != account.actor:
            self._wrong("double" if above else "lost", account, row["key"], f"its parent's row is {above}")
            return
        room = self.books[Account(account.tenant, parent["actor"])].room_before[key]
        if (parent["room"], parent.get("hold")) != (room, _placed(above)):
            self._wrong("overspent", account, row["key"], f"its parent had {room}, not {parent}")
        pair = account.actor, parent["actor"]
        if newest.get(pair, 0) >= above["seq"]:
            self._wrong("chain_breaks", account, row["key"], "its parent's row is out of order")
        newest[pair] = above["seq"]

    def _judge_account(self, account: Account, journal: list[Row], table: LedgerTable) -> None:
        book, seq, head = self.books.setdefault(account, Book()), 0, "0" * 64
        for row in journal:
            fields = _parse(row.record)
            seq += 1
            if (fields["seq"], fields["prev_hash"]) != (seq, head):
                self._wrong("chain_breaks", account, fields["key"], f"row {seq} has seq {fields['seq']}, or no link")
            head = sha256(row.record.encode()).hexdigest()
            if head != row.digest or table.rows[account][fields["key"]] is not row:
                self._wrong("chain_breaks", account, fields["key"], f"row {seq} was altered or replaced")
            book.written_at_ms = row.written_at_ms
            self._judge_row(account, book, fields)
        last = _parse(journal[-1].record) if journal else None
        if last is not None and book.refill_awaited and book.rules.is_refill_due(last["at_ms"]):
            self._wrong("chain_breaks", account, None, "an allowance did not begin when it was set")
        self._judge_state(account, book, seq, head, table)

    def _judge_row(self, account: Account, book: Book, row: Fields) -> None:
        key, name = row["key"], (account.actor, row["key"])
        if name in self.rows_of_key:
            self._wrong("double", account, key, f"recorded again as row {row['seq']}")
        self.rows_of_key[name] = row
        if not book.agrees_with(row["before"]):
            self._wrong("chain_breaks", account, key, f"starts from {row['before']}, not {book.balances()}")
        self._judge_effect(account, book, row)
        if not book.agrees_with(row["after"]):
            self._wrong("chain_breaks", account, key, f"ends with {row['after']}, not {book.balances()}")

    def _judge_effect(self, account: Account, book: Book, row: Fields) -> None:
        expected = book.expected(row)
        if (row["outcome"], row["amount"]) != expected[:2]:
            figure: Charge = "overspent" if book.is_overspent_by(row) else "chain_breaks"
            self._wrong(figure, account, row["key"], f"{row['outcome']} {row['amount']}, expected {expected}")
        self._judge_due(account, book, row)
        if row["kind"] in {"charge", "hold"} and row["outcome"] != "refused":
            self._judge_draws(account, book, row)
        self._note_half(account, book, row)
        carry = book.carry_on(row, expected)
        if row.get("carry") != carry:
            self._wrong("chain_breaks", account, row["key"], f"carries {row.get('carry')}, not {carry}")
        book.count(row)
        if not book.note(row):
            self._wrong("overspent", account, row["key"], "a lot gave more than it had")
        is_set_now = row["kind"] == "configure" and book.rules.is_refill_due(row["at_ms"])
        book.refill_awaited = row["correlation_id"] if is_set_now else None
        book.move(expected)
        self._judge_warnings_of(account, book, row, expected)

    def _judge_due(self, account: Account, book: Book, row: Fields) -> None:
        """What is due is done in the order of the instants, and nothing is done before what is due."""
        if row["kind"] in _COUNTED:
            self.counts[row["kind"]] += 1
        turn = _turn_of(book, row)
        overdue = [held for name, held in book.open_holds().items() if _is_overdue(held, turn, row, name)]
        if any(not _may_be_overlooked(held, book.written_at_ms) for held in overdue):
            self._wrong("chain_breaks", account, row["key"], "came before a hold that was over")
        allowance = book.rules.allowance
        if row["kind"] != "allowance" and allowance is not None and (allowance.next_ms, _REFILL) < turn:
            self._wrong("chain_breaks", account, row["key"], "an allowance that was due had not come")
        if book.refill_awaited not in {None, row["correlation_id"]}:
            self._wrong("chain_breaks", account, row["key"], "an allowance did not begin when it was set")
        if any((kind.expires_at_ms, _LOTS) < turn for kind in book.lots_but_running(row)):
            self._wrong("overspent", account, row["key"], "credits that were due to expire were still there")

    def _note_half(self, account: Account, book: Book, row: Fields) -> None:
        if "member" in row:
            book.room_before[row["key"]] = book.room(row)
        if "member" in row or "parent" in row:
            self._halves.append((account, row))

    def _judge_warnings_of(self, account: Account, book: Book, row: Fields, expected: Expected) -> None:
        fallen = book.warn(row, expected)
        if fallen != row.get("alerts", []):
            self._wrong("chain_breaks", account, row["key"], f"warns of {row.get('alerts')}, fell below {fallen}")
        self.counts["warnings"] += len(fallen)
        for threshold in fallen:
            self._warnings[account, row["seq"], threshold] = row["key"]

    def _judge_draws(self, account: Account, book: Book, row: Fields) -> None:
        drawn = row["drawn"]
        if drawn and [book.kind_of(draw) for draw in drawn] != book.in_turn()[: len(drawn)]:
            self._wrong("chain_breaks", account, row["key"], "drew from lots out of turn")
        if sum(draw["amount"] for draw in drawn) != min(-row["amount"], max(book.available, 0)):
            self._wrong("chain_breaks", account, row["key"], "the lots did not pay what was there")

    def _judge_state(self, account: Account, book: Book, seq: int, head: str, table: LedgerTable) -> None:
        state = table.states[account]
        stored = (state.available, state.held, state.funded, state.spent, state.seq, state.head_hash)
        if stored != (*book.balances().values(), seq, head):
            self._wrong("chain_breaks", account, None, f"the state is {stored}, its rows say {book.balances()}, {seq}")
        policy = table.policies.get(account)
        if (state.policy_seq, state.overdraft_limit) != (policy.seq if policy else 0, book.rules.overdraft):
            self._wrong("chain_breaks", account, None, f"the state has the policy of {state.policy_seq}, not {policy}")
        if Fraction(state.carry, 10**15) != book.carry:
            self._wrong("chain_breaks", account, None, f"{state.carry} is carried, not {book.carry} of a microcent")
        in_lots = sum(grant.remaining for grant in state.grants)
        if not in_lots == sum(lot.amount for lot in book.lots.values()) == max(book.available, 0):
            self._wrong("chain_breaks", account, None, f"{in_lots} in grants, {book.available} available")
        held = [each for each in book.holds.values() if each.status == "open"]
        if (sum(each.left for each in held), len(held)) != (book.held, state.open_holds):
            self._wrong("chain_breaks", account, None, f"the open holds are not the {book.held} held")
        if any(each.expires_at_ms < (state.next_hold_expiry_ms or 0) for each in held):
            self._wrong("chain_breaks", account, None, "the state looks for holds after one was over")

    def _judge_beside(self, table: LedgerTable) -> None:
        """What lies beside the rows is what they say, all of it and no more."""
        held = {
            (account, name): _said_of(held) for account, book in self.books.items() for name, held in book.holds.items()
        }
        self._compare("hold", {name: _stored_of(hold) for name, hold in table.holds.items()}, held)
        refunded = {
            (account, key): given for account, book in self.books.items() for key, given in book.refunded.items()
        }
        self._compare("refund of", {name: tally.refunded for name, tally in table.tallies.items()}, refunded)
        ruled = {(account, ""): said for account, book in self.books.items() if (said := book.rules.said())}
        self._compare("policy", {(account, ""): _rules_of(policy) for account, policy in table.policies.items()}, ruled)

    def _compare(self, what: str, stored: Mapping[_Name, object], said: Mapping[_Name, object]) -> None:
        if stored == said:
            return
        for account, name in stored.keys() | said.keys():
            found, ought = stored.get((account, name)), said.get((account, name))
            if found != ought:
                self._wrong("chain_breaks", account, None, f"{what} {name} is {found}, its rows say {ought}")

    def _judge_audit(self, account: Account, journal: list[Row], audited: Mapping[int, AuditRow]) -> None:
        for seq, row in enumerate(journal, start=1):
            copy = audited.get(seq)
            if copy is None or (copy.record, copy.digest) != (row.record, row.digest):
                what = "not in the audit table" if copy is None else "not what the audit table says"
                self._wrong("audit_missing", account, _parse(row.record)["key"], f"row {seq} is {what}")
        for seq in audited.keys() - set(range(1, len(journal) + 1)):
            self._wrong("audit_missing", account, None, f"audit row {seq} is in no ledger")

    def _judge_answer(self, ticket: Ticket) -> None:
        answer, account, key = ticket.answer, ticket.customer.account, ticket.operation.key
        if answer is None:
            return
        row = self.rows_of_key.get((account.actor, key))
        if row is None:
            self._wrong("lost", account, key, f"was told {answer.outcome}, and there is no row")
        elif answer.outcome == "refused" and row["outcome"] != "refused":
            self._wrong("refused_then_charged", account, key, f"was told no, and {row['amount']} is on record")
        elif _told(answer) != _recorded(row):
            self._wrong("replay_mismatch", account, key, f"was told {_told(answer)}, on record is {_recorded(row)}")

    def _judge_turned_away(self, request: str, ticket: Ticket) -> None:
        row = self.rows_of_key.get((ticket.customer.account.actor, ticket.operation.key))
        if row is not None and row["correlation_id"] == request:
            self._wrong("replay_mismatch", ticket.customer.account, row["key"], "was told that nothing was recorded")

    @property
    def _wrong(self) -> Callable[..., None]:
        return self._verdict.add


def _turn_of(book: Book, row: Fields) -> tuple[int, int]:
    """The instant at which the row had its turn, and its place among others of that instant."""
    terms = row["parameters"]
    if row["kind"] == "allowance" and book.rules.allowance is not None:
        return book.rules.allowance.last_refill(terms["expires_at_ms"], book.rules.zone), _REFILL
    if row["kind"] != "expire":
        return row["at_ms"], _OTHER
    held = book.holds.get(terms.get("hold", ""))
    if held is not None:
        return held.expires_at_ms, _HOLD
    due_at_ms = terms.get("due_at_ms", row["at_ms"])
    return max((kind.expires_at_ms for kind in book.lots if kind.expires_at_ms <= due_at_ms), default=0), _LOTS


def _is_overdue(held: Held, turn: tuple[int, int], row: Fields, name: str) -> bool:
    is_itself = row["kind"] == "expire" and row["parameters"].get("hold") == name
    return held.status == "open" and (held.expires_at_ms, _HOLD) < turn and not is_itself


def _may_be_overlooked(held: Held, now_ms: int | None) -> bool:
    """Whether the index may have been without the hold: never where no clock tells, since that one is up to date."""
    return now_ms is not None and held.written_at_ms is not None and now_ms - held.written_at_ms < _OVERLOOKED_MS


def _has_counterpart(row: Fields) -> bool:
    return "parent" in row and row["outcome"] != "refused" and "declined" not in row["parent"]


def _shared(row: Fields) -> tuple[object, ...]:
    """What both halves of an operation say. Of what a hold gives back some may have expired in the one alone."""
    amount = None if row["kind"] == "release" else row["amount"]
    times = row["at_ms"], _occurred_at_ms(row)
    return row["kind"], row["outcome"] == "refused", amount, times, row["correlation_id"]


def _occurred_at_ms(row: Fields) -> int:
    return int(row["parameters"].get("occurred_at_ms", row["at_ms"]))


def _placed(row: Fields) -> str | None:
    return f"h{row['seq']}" if row["kind"] == "hold" else None


def _rules_of(policy: Policy) -> tuple[object, ...]:
    given = policy.allowance
    return (
        policy.status,
        policy.time_zone,
        policy.parent,
        policy.allowed_until_ms,
        policy.given_seq,
        sorted((each.amount, each.is_armed) for each in policy.thresholds),
        [(*each.scope, each.amount, each.used, each.counted_from_seq, each.resets_at_ms) for each in policy.limits],
        given and (given.amount, given.interval, given.priority, given.next_at_ms),
    )


def _stored_of(hold: Hold) -> tuple[object, ...]:
    ending = hold.amount, hold.captured, hold.status, hold.expires_at_ms
    return *ending, hold.app, hold.meter, hold.model, hold.parent, hold.member


def _said_of(held: Held) -> tuple[object, ...]:
    return held.amount, held.captured, held.status, held.expires_at_ms, *held.through, held.parent, held.member


def _told(answer: Answer) -> tuple[Any, ...]:
    entry = answer.content
    return (
        entry.key,
        entry.seq,
        entry.occurred_at_ms,
        entry.outcome,
        entry.amount,
        entry.reason,
        entry.shortfall,
        entry.after.available,
        entry.prev_hash,
    )


def _recorded(row: Fields) -> tuple[Any, ...]:
    return (
        row["key"],
        row["seq"],
        _occurred_at_ms(row),
        row["outcome"],
        row["amount"],
        row["reason"],
        row["shortfall"],
        row["after"]["available"],
        row["prev_hash"],
    )
