"""The oracle: plain arithmetic over what was answered and what is stored. It never asks the reducer or the protocol."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, TypeAlias

import msgspec

from shared.ledger.accounts import Account
from tests.simulation.calls import Answer
from tests.simulation.clients import Clients, Ticket
from tests.simulation.downstream import AuditRow
from tests.simulation.order import out_of_order
from tests.simulation.table import LedgerTable, Row
from tests.simulation.verdict import Verdict

Fields: TypeAlias = Mapping[str, Any]
"""A row's text, parsed."""

_parse: Final = msgspec.json.Decoder().decode
"""Not the parser that the ledger reads its rows with."""
_OPEN_LOTS_MAX: Final = 16
_NEVER_MS: Final = 2**63
_REFUSED: Final = ("refused", 0)


class Book:
    """An account as the arithmetic of its rows has it. Lots alike in priority, expiry, category are one."""

    def __init__(self) -> None:
        self.available = 0
        self.funded = 0
        self.spent = 0
        self.lots: dict[tuple[int, int, str], int] = {}

    def balances(self) -> dict[str, int]:
        return {"available": self.available, "held": 0, "funded": self.funded, "spent": self.spent}

    def put_in(self, lot: tuple[int, int, str], amount: int) -> None:
        """Credits first pay what is owed."""
        rest = min(amount, self.available + amount)
        if rest > 0:
            self.lots[lot] = self.lots.get(lot, 0) + rest

    def take_out(self, drawn: Iterable[Fields]) -> bool:
        """False where a lot gave more than it had."""
        for draw in drawn:
            lot = _lot(draw)
            left = self.lots.get(lot, 0) - draw["amount"]
            if left < 0:
                return False
            self.lots[lot] = left
            if not left:
                del self.lots[lot]
        return True

    def due(self, at_ms: int) -> int:
        return sum(amount for (_, expires_at_ms, _), amount in self.lots.items() if expires_at_ms <= at_ms)

    def has_room_for(self, lot: tuple[int, int, str]) -> bool:
        return lot in self.lots or len(self.lots) < _OPEN_LOTS_MAX


def _turn(lot: tuple[int, int, str]) -> tuple[int, int]:
    """Lots alike in both go by age, which is the order of the dictionary: an empty one is gone from it."""
    return lot[:2]


def _lot(fields: Fields) -> tuple[int, int, str]:
    expires_at_ms = fields.get("expires_at_ms")
    return fields["priority"], expires_at_ms or _NEVER_MS, fields["category"]


def _expected_charge(book: Book, terms: Fields) -> tuple[str, int]:
    cost, there = terms["cost"], max(book.available, 0)
    if cost <= there or terms["if_insufficient"] == "overdraw":
        return "applied", -cost
    return _REFUSED if terms["if_insufficient"] == "refuse" else ("partial", -there)


def _expected_funding(book: Book, terms: Fields) -> tuple[str, int]:
    difference = terms["new_amount"] - terms["old_amount"]
    if book.funded != terms["old_amount"] or (
        difference < 0 and book.available + difference < 0 and not terms["force"]
    ):
        return _REFUSED
    if difference > 0 and book.available + difference > 0 and not book.has_room_for(_PAID_IN):
        return _REFUSED
    return "applied", difference


def _expected_grant(book: Book, terms: Fields) -> tuple[str, int]:
    is_kept = book.available + terms["amount"] > 0
    return ("applied", terms["amount"]) if not is_kept or book.has_room_for(_lot(terms)) else _REFUSED


def _book_charge(book: Book, row: Fields) -> bool:
    is_covered = book.take_out(row["drawn"])
    book.spent -= row["amount"]
    return is_covered


def _book_funding(book: Book, row: Fields) -> bool:
    is_covered = book.take_out(row["drawn"])
    if row["amount"] > 0:
        book.put_in(_PAID_IN, row["amount"])
    book.funded += row["amount"]
    return is_covered


def _book_grant(book: Book, row: Fields) -> bool:
    book.put_in(_lot(row["parameters"]), row["amount"])
    book.funded += row["amount"]
    return not row["drawn"]


def _book_expiry(book: Book, row: Fields) -> bool:
    return book.take_out(row["drawn"])


_PAID_IN: Final = (10, _NEVER_MS, "purchased")
_EXPECTED: Final[Mapping[str, Callable[[Book, Fields], tuple[str, int]]]] = {
    "charge": _expected_charge,
    "funding_update": _expected_funding,
    "grant": _expected_grant,
}
_BOOK: Final[Mapping[str, Callable[[Book, Fields], bool]]] = {
    "charge": _book_charge,
    "funding_update": _book_funding,
    "grant": _book_grant,
    "expire": _book_expiry,
}


class Oracle:
    """Judges one world at its end."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self.rows_of_key: dict[tuple[str, str], Fields] = {}

    def judge(self, table: LedgerTable, clients: Clients, audit: Mapping[Account, Mapping[int, AuditRow]]) -> None:
        for account, journal in table.journal.items():
            self._judge_account(account, journal, table)
            self._judge_audit(account, journal, audit.get(account, {}))
        for ticket in clients.tickets:
            self._judge_answer(ticket)
        for request, ticket in clients.turned_away.items():
            self._judge_turned_away(request, ticket)
        for number, _ in out_of_order(clients.history):
            ticket = clients.tickets[number]
            self._wrong("chain_breaks", ticket.customer.account, ticket.operation.key, "recorded out of order")

    def _judge_account(self, account: Account, journal: list[Row], table: LedgerTable) -> None:
        book, seq, head = Book(), 0, "0" * 64
        for row in journal:
            fields = _parse(row.record)
            seq += 1
            if (fields["seq"], fields["prev_hash"]) != (seq, head):
                self._wrong("chain_breaks", account, fields["key"], f"row {seq} has seq {fields['seq']}, or no link")
            head = sha256(row.record.encode()).hexdigest()
            if head != row.digest or table.rows[account][fields["key"]] is not row:
                self._wrong("chain_breaks", account, fields["key"], f"row {seq} was altered or replaced")
            self._judge_row(account, book, fields)
        self._judge_state(account, book, seq, head, table)

    def _judge_row(self, account: Account, book: Book, row: Fields) -> None:
        key = row["key"]
        if (account.actor, key) in self.rows_of_key:
            self._wrong("double", account, key, f"recorded again as row {row['seq']}")
        self.rows_of_key[account.actor, key] = row
        if row["before"] != book.balances():
            self._wrong("chain_breaks", account, key, f"starts from {row['before']}, not {book.balances()}")
        self._judge_effect(account, book, row)
        book.available += row["amount"]
        if row["after"] != book.balances():
            self._wrong("chain_breaks", account, key, f"ends with {row['after']}, not {book.balances()}")

    def _judge_effect(self, account: Account, book: Book, row: Fields) -> None:
        kind, key, terms = row["kind"], row["key"], row["parameters"]
        due = book.due(row["at_ms"])
        expected = ("applied", -due) if kind == "expire" else _EXPECTED[kind](book, terms)
        if (row["outcome"], row["amount"]) != expected:
            self._wrong("chain_breaks", account, key, f"{row['outcome']} {row['amount']}, expected {expected}")
        if due and kind != "expire":
            self._wrong("overspent", account, key, "credits that were due to expire were still there")
        if kind == "charge" and terms["if_insufficient"] != "overdraw" and 0 > row["amount"] < -max(book.available, 0):
            self._wrong("overspent", account, key, f"took {-row['amount']} of {book.available}")
        if row["outcome"] != "refused":
            self._judge_lots(account, book, row)

    def _judge_lots(self, account: Account, book: Book, row: Fields) -> None:
        drawn = row["drawn"]
        in_turn = sorted(book.lots, key=_turn)[: len(drawn)]
        if row["kind"] == "charge":
            if [_lot(draw) for draw in drawn] != in_turn:
                self._wrong("chain_breaks", account, row["key"], "drew from lots out of turn")
            if sum(draw["amount"] for draw in drawn) != min(-row["amount"], max(book.available, 0)):
                self._wrong("chain_breaks", account, row["key"], "the lots did not pay what was there")
        if not _BOOK[row["kind"]](book, row):
            self._wrong("overspent", account, row["key"], "a lot gave more than it had")

    def _judge_state(self, account: Account, book: Book, seq: int, head: str, table: LedgerTable) -> None:
        state = table.states[account]
        stored = (state.available, state.held, state.funded, state.spent, state.seq, state.head_hash)
        if stored != (*book.balances().values(), seq, head):
            self._wrong("chain_breaks", account, None, f"the state is {stored}, its rows say {book.balances()}, {seq}")
        in_lots = sum(grant.remaining for grant in state.grants)
        if not in_lots == sum(book.lots.values()) == max(book.available, 0):
            self._wrong("chain_breaks", account, None, f"{in_lots} in grants, {book.available} available")

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


def _told(answer: Answer) -> tuple[Any, ...]:
    entry = answer.content
    return (
        entry.key,
        entry.seq,
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
        row["outcome"],
        row["amount"],
        row["reason"],
        row["shortfall"],
        row["after"]["available"],
        row["prev_hash"],
    )
