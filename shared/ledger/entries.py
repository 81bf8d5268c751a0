"""Entries: the rows of the ledger.

An entry is the idempotency record of its operation, a line of the account's history, the audit row and the outbox,
all in one. It holds its own input (kind and parameters) and its whole effect, so that it can be answered again word
for word and replayed through the reducer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.ledger.accounts import Account, Balances
from shared.ledger.grants import Draw
from shared.ledger.operations import Kind, Operation, Outcome, Reason, Terms, terms_from


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. Amounts in microcents, `amount` signed (a charge is negative), times in epoch milliseconds.

    `shortfall` is what was missing: to a refused charge, or of the cost of a partial one. `hold` is what the entry made
    of a hold (id, amount, captured, status, expires_at_ms). `hash` covers every other field, `prev_hash` included,
    which chains the entries of an account.

    In the record only where there is something to say: `hold`; `alerts`, the low-balance thresholds that it fell below;
    `limit`, what decided a refusal other than the account's own balance; `origin`, the app and meter of the hold or
    charge that it names; `parent`, what a parent account said to it; `member`, whose operation a parent's entry is;
    `merged`, the grants that became one for want of room; `window_ends`, what the calendar said of the limits' windows,
    so that nobody has to ask it again (`Periods.ends`);
    `carry` before and after it, in quanta of remainders.py, where its usage is worth no whole number of microcents.
    """

    account: Account
    key: str
    seq: int
    kind: Kind
    parameters: Mapping[str, Any]
    amount: int
    outcome: Outcome
    reason: Reason | None
    shortfall: int
    before: Balances
    after: Balances
    drawn: tuple[Draw, ...]
    by: str
    app: str | None
    meter: str | None
    metadata: Mapping[str, Any] | None
    at_ms: int
    correlation_id: str
    request_hash: str
    prev_hash: str
    hash: str
    hold: Mapping[str, Any] | None = None
    alerts: tuple[int, ...] = ()
    limit: Mapping[str, Any] | None = None
    member: str | None = None
    origin: Mapping[str, Any] | None = None
    parent: Mapping[str, Any] | None = None
    window_ends: Mapping[str, int] | None = None
    merged: Mapping[str, Any] | None = None
    carry: Mapping[str, int] | None = None
    record_text: str | None = field(init=False, default=None, repr=False, compare=False)
    """Remembered by `records.record_of`; a copy with other values starts without."""

    @property
    def terms(self) -> Terms:
        return terms_from(self.kind, self.parameters)

    @property
    def is_refused(self) -> bool:
        return self.outcome == "refused"

    @property
    def spent_through(self) -> tuple[str | None, str | None]:
        """App and meter: its own, else those of the hold or charge that it names."""
        named = self.origin or {}
        return self.app or named.get("app"), self.meter or named.get("meter")


def operation_of(entry: Entry) -> Operation:
    """The operation that the entry records."""
    return Operation(
        account=entry.account,
        key=entry.key,
        terms=entry.terms,
        by=entry.by,
        correlation_id=entry.correlation_id,
        app=entry.app,
        meter=entry.meter,
        metadata=entry.metadata,
        member=entry.member,
    )


def records(entry: Entry, operation: Operation) -> bool:
    """Whether the entry records an operation of this content.

    Its own request hash may be of a release that spelled the same content otherwise: it is made anew then.
    """
    asked = operation.request_hash
    return asked == entry.request_hash or asked == operation_of(entry).request_hash
