"""The oracle: plain arithmetic over what was answered and what is stored. It never asks the reducer or the protocol."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, TypeAlias

import msgspec

from shared.ledger.accounts import Account
from shared.ledger.holds import Hold
from tests.simulation.books import Book, Fields, Held, kind_of
from tests.simulation.calls import Answer
from tests.simulation.clients import Clients, Ticket
from tests.simulation.downstream import AuditRow
from tests.simulation.order import out_of_order
from tests.simulation.table import LedgerTable, Row
from tests.simulation.verdict import Charge, Verdict

__all__ = ["Fields", "Oracle"]

_parse: Final = msgspec.json.Decoder().decode
"""Not the parser that the ledger reads its rows with."""
_Name: TypeAlias = tuple[Account, str]
_OVERLOOKED_MS: Final = 1_500_000
"""A hold placed within this time, by clocks that may be 20 min apart, need not be in the index of open holds yet."""


class Oracle:
    """Judges one world at its end."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self.rows_of_key: dict[tuple[str, str], Fields] = {}
        self.books: dict[Account, Book] = {}

    def judge(self, table: LedgerTable, clients: Clients, audit: Mapping[Account, Mapping[int, AuditRow]]) -> None:
        for account, journal in table.journal.items():
            self._judge_account(account, journal, table)
            self._judge_audit(account, journal, audit.get(account, {}))
        for ticket in clients.tickets:
            self._judge_answer(ticket)
        self._judge_beside(table)
        for request, ticket in clients.turned_away.items():
            self._judge_turned_away(request, ticket)
        for number, _ in out_of_order(clients.history):
            ticket = clients.tickets[number]
            self._wrong("chain_breaks", ticket.customer.account, ticket.operation.key, "recorded out of order")

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
            self._judge_row(account, book, fields)
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
        if row["kind"] != "expire" and book.due(row["at_ms"]):
            self._wrong("overspent", account, row["key"], "credits that were due to expire were still there")
        if row["shortfall"] and book.held and any(_is_in_the_way(held, row) for held in book.holds.values()):
            self._wrong("chain_breaks", account, row["key"], "fell short while an expired hold kept credits back")
        if row["kind"] in {"charge", "hold"} and row["outcome"] != "refused":
            self._judge_draws(account, book, row)
        if not book.note(row):
            self._wrong("overspent", account, row["key"], "a lot gave more than it had")
        book.move(expected)

    def _judge_draws(self, account: Account, book: Book, row: Fields) -> None:
        drawn = row["drawn"]
        if drawn and [kind_of(draw) for draw in drawn] != book.in_turn()[: len(drawn)]:
            self._wrong("chain_breaks", account, row["key"], "drew from lots out of turn")
        if sum(draw["amount"] for draw in drawn) != min(-row["amount"], max(book.available, 0)):
            self._wrong("chain_breaks", account, row["key"], "the lots did not pay what was there")

    def _judge_state(self, account: Account, book: Book, seq: int, head: str, table: LedgerTable) -> None:
        state = table.states[account]
        stored = (state.available, state.held, state.funded, state.spent, state.seq, state.head_hash)
        if stored != (*book.balances().values(), seq, head):
            self._wrong("chain_breaks", account, None, f"the state is {stored}, its rows say {book.balances()}, {seq}")
        in_lots = sum(grant.remaining for grant in state.grants)
        if not in_lots == sum(lot.amount for lot in book.lots.values()) == max(book.available, 0):
            self._wrong("chain_breaks", account, None, f"{in_lots} in grants, {book.available} available")
        if sum(held.amount for held in book.holds.values() if held.status == "open") != book.held:
            self._wrong("chain_breaks", account, None, f"the open holds are not the {book.held} held")

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


def _stored_of(hold: Hold) -> tuple[object, ...]:
    return hold.amount, hold.captured, hold.status, hold.expires_at_ms


def _said_of(held: Held) -> tuple[object, ...]:
    return held.amount, held.captured, held.status, held.expires_at_ms


def _is_in_the_way(held: Held, row: Fields) -> bool:
    return held.amount > 0 and held.is_due(row["at_ms"]) and held.placed_at_ms <= row["at_ms"] - _OVERLOOKED_MS


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
