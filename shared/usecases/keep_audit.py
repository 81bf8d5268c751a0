"""The audit trail: every event of the bus becomes one row, and no row is ever replaced.

Events may arrive twice, late and in any order. An event that differs from the row already stored is the alarm that an
audit trail exists for: it is neither stored nor dropped, and stays in the failure queue for a person to look at.
"""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.entries import Entry
from shared.ledger.events import (
    CHECK_DETAIL_TYPE,
    DIGEST_DETAIL_TYPE,
    LOW_BALANCE_DETAIL_TYPE,
    SOURCE,
    Event,
    entry_event_id,
)
from shared.ledger.frozen import dataclass
from shared.ledger.kinds import KINDS
from shared.ledger.records import entry_from_record, hash_of
from shared.ports.ledger import AuditTrail, Kept

_OF_NO_ROW: Final = frozenset({LOW_BALANCE_DETAIL_TYPE, DIGEST_DETAIL_TYPE})
"""Events without a row: the entry itself names the thresholds it fell below, and a digest is stored where it is made.
"""

EVENTS_AT_ONCE: Final = 10
"""Of a batch. A put is mostly waiting."""

AuditResult: TypeAlias = Kept | Literal["malformed"]
Row: TypeAlias = Entry | Event
"""What becomes a row: an entry, or the event of a check."""


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is the JSON text of an event's envelope, as the queue delivers it.

    `is_repeated`: it was delivered before, and nobody knows how far that delivery came.
    """

    message_id: str
    body: str
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Audited:
    """The result of one message, and the row that it is about, if it is about one."""

    message_id: str
    result: AuditResult
    row: Row | None = None
    is_repeated: bool = False

    @property
    def is_news(self) -> bool:
        """Whether its row is new. One of a repeated message may be: the row was kept, and perhaps nothing after it."""
        return self.row is not None and (self.result == "kept" or (self.result == "already_kept" and self.is_repeated))

    @property
    def is_failed(self) -> bool:
        """Reported as failed, so that it is delivered again and finally stays in the failure queue."""
        return self.result in {"differs", "malformed"}


def keep_audit(messages: Iterable[Message], trail: AuditTrail) -> list[Audited]:
    """Stores the events of a batch, several at once.

    Errors of the trail propagate when all were tried, and the batch is delivered again.
    """
    messages = list(messages)
    if len(messages) <= 1:
        return [_audited(message, trail) for message in messages]
    with ThreadPoolExecutor(min(len(messages), EVENTS_AT_ONCE)) as threads:
        return list(threads.map(lambda message: _audited(message, trail), messages))


def _audited(message: Message, trail: AuditTrail) -> Audited:
    try:
        envelope = json.loads(message.body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return Audited(message.message_id, "malformed")
    return audit_event(message.message_id, envelope, trail, is_repeated=message.is_repeated)


def keep_message(body: str, trail: AuditTrail) -> AuditResult:
    return _audited(Message("", body), trail).result


def keep_event(envelope: object, trail: AuditTrail) -> AuditResult:
    """Stores one event. `envelope` has at least source, detail-type and detail, its amounts as int or Decimal."""
    return audit_event("", envelope, trail).result


def audit_event(message_id: str, envelope: object, trail: AuditTrail, *, is_repeated: bool = False) -> Audited:
    """The same, with the row that it is about."""
    row = row_of(envelope)
    if row is None or row == "malformed":
        return Audited(message_id, row or "already_kept")
    # The event of an entry has the id that the entry gives it, or there would be no row.
    kept = trail.keep_check(row) if isinstance(row, Event) else trail.keep_entry(row, entry_event_id(row))
    return Audited(message_id, kept, row, is_repeated)


def row_of(envelope: object) -> Row | Literal["malformed"] | None:
    """The row that an event makes; None for an event of ours that makes none."""
    if not isinstance(envelope, Mapping) or envelope.get("source") != SOURCE:
        return "malformed"
    detail_type, detail = envelope.get("detail-type"), envelope.get("detail")
    if not isinstance(detail_type, str) or not isinstance(detail, Mapping):
        return "malformed"
    if detail_type in _OF_NO_ROW:
        return None
    if detail_type == CHECK_DETAIL_TYPE:
        return Event(detail_type, detail) if _is_check(detail) else "malformed"
    return _entry_of(detail_type, detail) or "malformed"


def _is_check(detail: Mapping[str, Any]) -> bool:
    data = detail.get("data")
    named = (detail.get(name) for name in ("event_id", "tenant", "actor", "occurred_at"))
    if not all(isinstance(name, str) for name in named) or not isinstance(data, Mapping):
        return False
    # The entry of a charge may name the check before it. An entry has its record, which no check has.
    return "check_id" in data and "record" not in data


def _entry_of(detail_type: str, detail: Mapping[str, Any]) -> Entry | None:
    """The entry in the event, if the event is exactly that of the entry."""
    try:
        entry = entry_from_record(detail["data"]["record"], detail["data"]["hash"])
        expected = KINDS[entry.kind].event, entry_event_id(entry)
        is_as_recorded = hash_of(entry) == entry.hash
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    is_its_event = expected == (detail_type, detail.get("event_id"))
    return entry if is_as_recorded and is_its_event else None
