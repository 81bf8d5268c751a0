"""The runtime of the outbox function."""

from collections.abc import Callable
from dataclasses import field
from typing import Final

from shared.adapters.eventbridge import size_bytes
from shared.adapters.failure_queue import SqsFailureQueue, sqs_client
from shared.adapters.keys import is_entry_sk
from shared.adapters.stored_records import text_of
from shared.composition.bus import bus_of
from shared.ledger.events import Event
from shared.ledger.frozen import dataclass
from shared.ports.ledger import EventBus, FailureQueue
from shared.runtime.clock import wait_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of

_OUTBOX_CONNECT_TIMEOUT_S: Final = 1.0
_OUTBOX_READ_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRuntime:
    observability: Observability
    bus: EventBus
    failure_queue: FailureQueue
    size_bytes: Callable[[Event], int]
    is_entry_sk: Callable[[str], bool] = field(default=is_entry_sk)
    text_of: Callable[[str | bytes], str] = field(default=text_of)
    pause: Callable[[int], None] = field(default=wait_ms)


def outbox_runtime() -> OutboxRuntime:
    settings = settings_of("outbox")
    seen = observability(settings)
    return OutboxRuntime(
        observability=seen,
        bus=bus_of(settings, seen, _OUTBOX_CONNECT_TIMEOUT_S, _OUTBOX_READ_TIMEOUT_S),
        failure_queue=SqsFailureQueue(settings.failure_queue_url, sqs_client()),
        size_bytes=size_bytes,
    )
