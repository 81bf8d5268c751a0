"""Entries: the rows of the ledger.

An entry is at once the idempotency record of its operation, a line of the account's history, the audit row and the
outbox. It holds its input (kind and parameters) and its whole effect, so that the same answer can be given again and
the entry can be replayed through the reducer.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from shared.ledger.accounts import Account, Balances
from shared.ledger.frozen import dataclass
from shared.ledger.grants import Draw
from shared.ledger.models import Through, model_of
from shared.ledger.operations import Kind, Operation, Outcome, Reason, Terms, terms_from


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. Amounts in microcents, `amount` signed (a charge is negative), times in epoch milliseconds.

    `shortfall` is the missing part of a refused charge, or of the cost of a partial one. `hold` is the resulting state
    of a hold (id, amount, captured, status, expires_at_ms). `hash` covers every other field, including `prev_hash`,
    which chains the entries of an account.

    Fields that are in the record only if they have a value: `hold`; `alerts`, the low-balance thresholds that it fell
    below; `limit`, what decided a refusal other than the account's own balance; `model`, whose usage was priced;
    `origin`, the app, meter and model of the hold or charge that it names; `parent`, the parent account's part;
    `member`, whose operation a parent's entry accompanies; `merged`, the grants that were merged because the account
    had too many; `window_ends`, the ends of the limits' windows, so that a replay does not need the calendar
    (`Periods.ends`); `carry` before and after it, in quanta of remainders.py, if its usage has a fraction of a
    microcent.
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
    model: str | None = None
    record_text: str | None = field(init=False, default=None, repr=False, compare=False)
    """Cached by `records.record_of`; a copy with other values starts without it."""

    @property
    def terms(self) -> Terms:
        return terms_from(self.kind, self.parameters)

    @property
    def occurred_at_ms(self) -> int:
        """When what it charges occurred, if the caller said so; else when it was recorded."""
        return int(self.parameters.get("occurred_at_ms", self.at_ms))

    @property
    def is_refused(self) -> bool:
        return self.outcome == "refused"

    @property
    def spent_through(self) -> Through:
        """App, meter and model: its own, or those of the hold or charge that it names."""
        named = self.origin or {}
        return Through(
            self.app or named.get("app"), self.meter or named.get("meter"), self.own_model or named.get("model")
        )

    @property
    def own_model(self) -> str | None:
        """The model on the record; for an entry of an older release, that of its usage and rate card."""
        return self.model or model_of(self.parameters.get("usage"), self.parameters.get("rate_card"))


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
        model=entry.model,
    )


def records(entry: Entry, operation: Operation) -> bool:
    """Whether the entry records an operation of this content.

    An older release may have spelled the same content differently, with another hash: then the hash is computed again.
    """
    asked = operation.request_hash
    return asked == entry.request_hash or asked == operation_of(entry).request_hash
