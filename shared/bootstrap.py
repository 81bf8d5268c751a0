"""Composes what each function runs on. The clock, ids and waiting come from here, so that a test can set them.

An adapter is imported by the function that uses it alone: every import counts in a cold start.
"""

# ruff: noqa: PLC0415 - see above

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from shared.edge.identity import TenantRule
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import Settings

if TYPE_CHECKING:
    from shared.ports.ledger import AuditTrail, EventBus, Ledger
    from shared.ports.usage import UsageBook


def epoch_now_ms() -> int:
    return time.time_ns() // 1_000_000


def monotonic_now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def wait_ms(duration_ms: int) -> None:
    time.sleep(duration_ms / 1000)


def new_id() -> str:
    return str(uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationRuntime:
    """`deadline_ms` is what the ledger has for one transaction."""

    observability: Observability
    tenants: TenantRule
    ledger: "Ledger"
    deadline_ms: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsRuntime:
    observability: Observability
    tenants: TenantRule
    ledger: "Ledger"
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRuntime:
    observability: Observability
    tenants: TenantRule
    ledger: "Ledger"
    trail: "AuditTrail"
    usage: "UsageBook"
    audit_grace_ms: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


def mutation_runtime(function: str) -> MutationRuntime:
    """For "cost", "funding", "holds" and "policies"."""
    settings = settings_of(function)
    return MutationRuntime(
        observability=observability(settings),
        tenants=tenants_of(settings),
        ledger=ledger_of(settings),
        deadline_ms=settings.ledger_deadline_ms,
    )


def accounts_runtime() -> AccountsRuntime:
    settings = settings_of("accounts")
    return AccountsRuntime(
        observability=observability(settings), tenants=tenants_of(settings), ledger=ledger_of(settings)
    )


def history_runtime() -> HistoryRuntime:
    settings = settings_of("history")
    return HistoryRuntime(
        observability=observability(settings),
        tenants=tenants_of(settings),
        ledger=ledger_of(settings),
        trail=trail_of(settings),
        usage=usage_book_of(settings),
        audit_grace_ms=settings.audit_grace_s * 1000,
    )


def settings_of(function: str) -> Settings:
    return Settings.from_env(os.environ, function)


def tenants_of(settings: Settings) -> TenantRule:
    return TenantRule(claim=settings.tenant_claim, default=settings.default_tenant)


def ledger_of(settings: Settings) -> "Ledger":
    from shared.adapters.dynamodb_ledger import DynamoLedger

    return DynamoLedger(settings.ledger_table, settings.ledger_deadline_ms)


def trail_of(settings: Settings) -> "AuditTrail":
    from shared.adapters.dynamodb_audit import DynamoAuditTrail

    return DynamoAuditTrail(settings.audit_table)


def usage_book_of(settings: Settings) -> "UsageBook":
    from shared.adapters.dynamodb_usage import DynamoUsageBook

    return DynamoUsageBook(settings.usage_table)


def bus_of(settings: Settings, seen: Observability, connect_timeout_s: float, read_timeout_s: float) -> "EventBus":
    from shared.adapters.eventbridge import EventBridgeBus, events_client

    client = events_client(connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
    return EventBridgeBus(settings.event_bus, client, seen.logger)
