"""The runtime of the due function."""

from collections.abc import Callable
from dataclasses import field
from typing import Final

from shared.adapters.dynamodb_due import DynamoDueAccounts
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.dynamodb_unlisted import DynamoUnlistedAccounts
from shared.adapters.lambda_continuation import LambdaContinuation, lambda_client
from shared.ledger.frozen import dataclass
from shared.ports.accounts import UnlistedAccounts
from shared.ports.due import DueAccounts
from shared.ports.inspection import Continuation
from shared.ports.ledger import Ledger
from shared.runtime.clock import epoch_now_ms, monotonic_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of

DUE_DEADLINE_MS: Final = 30_000
"""For one account: no caller waits, and 10,000 holds need some 200 transactions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRuntime:
    observability: Observability
    accounts: DueAccounts
    unlisted: UnlistedAccounts
    ledger: Ledger
    continuation: Continuation
    now_ms: Callable[[], int] = field(default=epoch_now_ms)
    monotonic_ms: Callable[[], int] = field(default=monotonic_now_ms)


def due_runtime() -> DueRuntime:
    settings = settings_of("due")
    return DueRuntime(
        observability=observability(settings),
        accounts=DynamoDueAccounts(settings.ledger_table),
        unlisted=DynamoUnlistedAccounts(settings.ledger_table),
        ledger=DynamoLedger(settings.ledger_table, DUE_DEADLINE_MS),
        continuation=LambdaContinuation(lambda_client()),
    )
