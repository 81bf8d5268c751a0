"""The bus in memory. Its rules deliver at once: to audit table, feed and usage, and to whoever looks at `events`."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from in_memory.activity import MemoryActivityFeed
from in_memory.audit import MemoryAuditTrail
from in_memory.usage import EntriesOfLedger, MemoryUsageBook
from shared.ledger.accounts import Account
from shared.ledger.events import SOURCE, Event
from shared.ports.ledger import Ledger, Published
from shared.runtime.clock import new_id
from shared.usecases.count_usage import Counter, UsageSignal, count_usage
from shared.usecases.keep_activity import keep_activity
from shared.usecases.keep_audit import audit_event

SPENDING: Final = ("credit.record-cost", "credit.capture", "credit.refund")
"""Events that the rule of the usage queue takes."""
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_ACCOUNT: Final = "123456789012"
_REGION: Final = "us-east-1"


class MemoryBus:
    """Implements ports.EventBus. `events` are envelopes as a consumer gets them, amounts in them int or Decimal."""

    def __init__(
        self, ledger: Ledger, trail: MemoryAuditTrail, book: MemoryUsageBook, feed: MemoryActivityFeed
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self._trail = trail
        self._feed = feed
        self._counter = Counter(EntriesOfLedger(ledger), book, has_time=lambda: True, pause=lambda _: None)

    def publish(self, events: Sequence[Event]) -> Published:
        delivered = [envelope(event) for event in events]
        self.events += delivered
        keep_activity([audit_event(each["id"], each, self._trail) for each in delivered], self._feed)
        count_usage([_signal(each) for each in delivered if each["detail-type"] in SPENDING], self._counter)
        return Published()


def envelope(event: Event) -> dict[str, Any]:
    """What EventBridge makes of an event. Its time has seconds."""
    detail = json.loads(_ENCODER.encode(event.detail), parse_float=Decimal)
    occurred_at = datetime.fromisoformat(detail["occurred_at"]).astimezone(UTC)
    return {
        "version": "0",
        "id": new_id(),
        "detail-type": event.detail_type,
        "source": SOURCE,
        "account": _ACCOUNT,
        "time": f"{occurred_at:%Y-%m-%dT%H:%M:%SZ}",
        "region": _REGION,
        "resources": [],
        "detail": detail,
    }


def size_bytes(event: Event) -> int:
    return len(_ENCODER.encode(event.detail))


def _signal(event: dict[str, Any]) -> UsageSignal:
    detail = event["detail"]
    return UsageSignal(event["id"], Account(detail["tenant"], detail["actor"]), detail["seq"])
