"""Composes what the functions run on that nobody calls over HTTP but for proofs: reconciler, digest, due and proof.

As bootstrap.py does.
"""

# ruff: noqa: PLC0415 - an adapter is imported by the function that uses it alone

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.bootstrap import bus_of, epoch_now_ms, monotonic_now_ms, settings_of, tenants_of, trail_of
from shared.edge.identity import TenantRule
from shared.ports.due import DueAccounts
from shared.ports.inspection import Books, Continuation, DigestStore, Heads, Signer
from shared.ports.ledger import AuditTrail, EventBus, Ledger
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import Settings

_BUS_TIMEOUT_S: Final = 5.0
DUE_DEADLINE_MS: Final = 30_000
"""For one account: nobody waits, and 10,000 holds need some 200 transactions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRuntime:
    observability: Observability
    books: Books
    digests: DigestStore
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
    bus: EventBus
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRuntime:
    observability: Observability
    accounts: DueAccounts
    ledger: Ledger
    continuation: Continuation
    now_ms: Callable[[], int] = field(default=epoch_now_ms)
    monotonic_ms: Callable[[], int] = field(default=monotonic_now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRuntime:
    observability: Observability
    tenants: TenantRule
    store: DigestStore
    trail: AuditTrail


def reconcile_runtime() -> ReconcileRuntime:
    from shared.adapters.lambda_continuation import LambdaContinuation, lambda_client

    settings = settings_of("reconcile")
    return ReconcileRuntime(
        observability=observability(settings),
        books=_books(settings),
        digests=_digests(settings),
        trail=trail_of(settings),
        continuation=LambdaContinuation(lambda_client()),
        grace_s=settings.audit_grace_s,
    )


def digest_runtime() -> DigestRuntime:
    from shared.adapters.dynamodb_books import DynamoHeads
    from shared.adapters.kms_signer import KmsSigner, kms_client

    settings = settings_of("digest")
    seen = observability(settings)
    return DigestRuntime(
        observability=seen,
        bus=bus_of(settings, seen, _BUS_TIMEOUT_S, _BUS_TIMEOUT_S),
        accounts=DynamoHeads(settings.ledger_table),
        store=_digests(settings),
        signer=KmsSigner(settings.signing_key, kms_client()),
    )


def due_runtime() -> DueRuntime:
    from shared.adapters.dynamodb_due import DynamoDueAccounts
    from shared.adapters.dynamodb_ledger import DynamoLedger
    from shared.adapters.lambda_continuation import LambdaContinuation, lambda_client

    settings = settings_of("due")
    return DueRuntime(
        observability=observability(settings),
        accounts=DynamoDueAccounts(settings.ledger_table),
        ledger=DynamoLedger(settings.ledger_table, DUE_DEADLINE_MS),
        continuation=LambdaContinuation(lambda_client()),
    )


def proof_runtime() -> ProofRuntime:
    settings = settings_of("proof")
    return ProofRuntime(
        observability=observability(settings),
        tenants=tenants_of(settings),
        store=_digests(settings),
        trail=trail_of(settings),
    )


def _books(settings: Settings) -> Books:
    from shared.adapters.dynamodb_books import DynamoBooks

    return DynamoBooks(settings.ledger_table, settings.audit_table, settings.usage_table)


def _digests(settings: Settings) -> DigestStore:
    from shared.adapters.s3_digests import S3DigestStore

    return S3DigestStore(settings.digest_bucket)
