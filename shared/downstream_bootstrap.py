"""Composes what the functions run on that carry events: outbox, audit and usage. As bootstrap.py does."""

# ruff: noqa: PLC0415 - an adapter is imported by the function that uses it alone

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.bootstrap import bus_of, settings_of, trail_of, usage_book_of, wait_ms
from shared.ledger.events import Event
from shared.ports.ledger import AuditTrail, EventBus, FailureQueue
from shared.ports.usage import EntriesForward, UsageBook
from shared.runtime.observability import Observability, observability

_OUTBOX_CONNECT_TIMEOUT_S: Final = 1.0
_OUTBOX_READ_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRuntime:
    observability: Observability
    bus: EventBus
    failure_queue: FailureQueue
    size_bytes: Callable[[Event], int]
    pause: Callable[[int], None] = field(default=wait_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRuntime:
    observability: Observability
    trail: AuditTrail


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRuntime:
    observability: Observability
    entries: EntriesForward
    book: UsageBook
    pause: Callable[[int], None] = field(default=wait_ms)


def outbox_runtime() -> OutboxRuntime:
    from shared.adapters.eventbridge import size_bytes
    from shared.adapters.failure_queue import SqsFailureQueue, sqs_client

    settings = settings_of("outbox")
    seen = observability(settings)
    return OutboxRuntime(
        observability=seen,
        bus=bus_of(settings, seen, _OUTBOX_CONNECT_TIMEOUT_S, _OUTBOX_READ_TIMEOUT_S),
        failure_queue=SqsFailureQueue(settings.failure_queue_url, sqs_client()),
        size_bytes=size_bytes,
    )


def audit_runtime() -> AuditRuntime:
    settings = settings_of("audit")
    return AuditRuntime(observability=observability(settings), trail=trail_of(settings))


def usage_runtime() -> UsageRuntime:
    from shared.adapters.dynamodb_usage import DynamoEntriesForward

    settings = settings_of("usage")
    return UsageRuntime(
        observability=observability(settings),
        entries=DynamoEntriesForward(settings.ledger_table),
        book=usage_book_of(settings),
    )
