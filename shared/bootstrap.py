"""Composes what each function runs on. The clock, ids and waiting come from here, so that a test can set them.

An adapter is imported by the function that uses it alone: every import counts in a cold start.
"""

# ruff: noqa: PLC0415 - see above

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from shared.identity import TenantRule
from shared.ledger.events import Event
from shared.ledger.ports import (
    AuditTrail,
    Books,
    Continuation,
    DigestStore,
    EventBus,
    FailureQueue,
    Heads,
    Ledger,
    Signer,
)
from shared.observability import Observability, observability
from shared.settings import CheckEvents, Settings

_CHECK_TIMEOUT_S: Final = 1.0
"""A caller waits for the check, so its event gets little time."""

_OUTBOX_CONNECT_TIMEOUT_S: Final = 1.0
_OUTBOX_READ_TIMEOUT_S: Final = 5.0


def epoch_now_ms() -> int:
    return time.time_ns() // 1_000_000


def monotonic_now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def wait_ms(duration_ms: int) -> None:
    time.sleep(duration_ms / 1000)


def new_id() -> str:
    return str(uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRuntime:
    observability: Observability
    tenants: TenantRule
    ledger: Ledger
    bus: EventBus
    check_events: CheckEvents
    now_ms: Callable[[], int] = field(default=epoch_now_ms)
    new_id: Callable[[], str] = field(default=new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationRuntime:
    """`deadline_ms` is what the ledger has for one transaction."""

    observability: Observability
    tenants: TenantRule
    ledger: Ledger
    deadline_ms: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsRuntime:
    observability: Observability
    tenants: TenantRule
    ledger: Ledger
    trail: AuditTrail
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


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
class ReconcileRuntime:
    observability: Observability
    books: Books
    trail: AuditTrail
    continuation: Continuation
    grace_s: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)
    monotonic_ms: Callable[[], int] = field(default=monotonic_now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRuntime:
    observability: Observability
    accounts: Heads
    store: DigestStore
    signer: Signer
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRuntime:
    observability: Observability
    tenants: TenantRule
    store: DigestStore
    trail: AuditTrail


def check_runtime() -> CheckRuntime:
    settings = _settings("check")
    seen = observability(settings)
    return CheckRuntime(
        observability=seen,
        tenants=_tenants(settings),
        ledger=_ledger(settings),
        bus=_bus(settings, seen, _CHECK_TIMEOUT_S, _CHECK_TIMEOUT_S),
        check_events=settings.check_events,
    )


def mutation_runtime(function: str) -> MutationRuntime:
    """For "cost", "funding" and "holds"."""
    settings = _settings(function)
    return MutationRuntime(
        observability=observability(settings),
        tenants=_tenants(settings),
        ledger=_ledger(settings),
        deadline_ms=settings.ledger_deadline_ms,
    )


def accounts_runtime() -> AccountsRuntime:
    settings = _settings("accounts")
    return AccountsRuntime(
        observability=observability(settings),
        tenants=_tenants(settings),
        ledger=_ledger(settings),
        trail=_trail(settings),
    )


def outbox_runtime() -> OutboxRuntime:
    from shared.adapters.eventbridge import size_bytes
    from shared.adapters.failure_queue import SqsFailureQueue, sqs_client

    settings = _settings("outbox")
    seen = observability(settings)
    return OutboxRuntime(
        observability=seen,
        bus=_bus(settings, seen, _OUTBOX_CONNECT_TIMEOUT_S, _OUTBOX_READ_TIMEOUT_S),
        failure_queue=SqsFailureQueue(settings.failure_queue_url, sqs_client()),
        size_bytes=size_bytes,
    )


def audit_runtime() -> AuditRuntime:
    settings = _settings("audit")
    return AuditRuntime(observability=observability(settings), trail=_trail(settings))


def reconcile_runtime() -> ReconcileRuntime:
    from shared.adapters.lambda_continuation import LambdaContinuation, lambda_client

    settings = _settings("reconcile")
    return ReconcileRuntime(
        observability=observability(settings),
        books=_books(settings),
        trail=_trail(settings),
        continuation=LambdaContinuation(lambda_client()),
        grace_s=settings.audit_grace_s,
    )


def digest_runtime() -> DigestRuntime:
    from shared.adapters.dynamodb_books import DynamoHeads
    from shared.adapters.kms_signer import KmsSigner, kms_client

    settings = _settings("digest")
    return DigestRuntime(
        observability=observability(settings),
        accounts=DynamoHeads(settings.ledger_table),
        store=_digests(settings),
        signer=KmsSigner(settings.signing_key, kms_client()),
    )


def proof_runtime() -> ProofRuntime:
    settings = _settings("proof")
    return ProofRuntime(
        observability=observability(settings),
        tenants=_tenants(settings),
        store=_digests(settings),
        trail=_trail(settings),
    )


def _settings(function: str) -> Settings:
    return Settings.from_env(os.environ, function)


def _tenants(settings: Settings) -> TenantRule:
    return TenantRule(claim=settings.tenant_claim, default=settings.default_tenant)


def _ledger(settings: Settings) -> Ledger:
    from shared.adapters.dynamodb_ledger import DynamoLedger

    return DynamoLedger(settings.ledger_table, settings.ledger_deadline_ms)


def _trail(settings: Settings) -> AuditTrail:
    from shared.adapters.dynamodb_audit import DynamoAuditTrail

    return DynamoAuditTrail(settings.audit_table)


def _books(settings: Settings) -> Books:
    from shared.adapters.dynamodb_books import DynamoBooks

    return DynamoBooks(settings.ledger_table, settings.audit_table)


def _digests(settings: Settings) -> DigestStore:
    from shared.adapters.s3_digests import S3DigestStore

    return S3DigestStore(settings.digest_bucket)


def _bus(settings: Settings, seen: Observability, connect_timeout_s: float, read_timeout_s: float) -> EventBus:
    from shared.adapters.eventbridge import EventBridgeBus, events_client

    client = events_client(connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
    return EventBridgeBus(settings.event_bus, client, seen.logger)
