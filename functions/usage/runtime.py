"""The runtime of the usage function."""

from collections.abc import Callable
from dataclasses import field

from shared.adapters.dynamodb_usage import DynamoEntriesForward
from shared.composition.usage import usage_book_of
from shared.ledger.frozen import dataclass
from shared.ports.usage import EntriesForward, UsageBook
from shared.runtime.clock import wait_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRuntime:
    observability: Observability
    entries: EntriesForward
    book: UsageBook
    pause: Callable[[int], None] = field(default=wait_ms)


def usage_runtime() -> UsageRuntime:
    settings = settings_of("usage")
    return UsageRuntime(
        observability=observability(settings),
        entries=DynamoEntriesForward(settings.ledger_table),
        book=usage_book_of(settings),
    )
