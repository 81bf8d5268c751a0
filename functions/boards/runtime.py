"""The runtime of the boards function."""

from collections.abc import Callable
from dataclasses import field
from secrets import token_urlsafe
from typing import Final

from functions.boards.schema import Codec
from shared.adapters.lambda_continuation import LambdaContinuation, lambda_client
from shared.adapters.stored_boards import at_once
from shared.adapters.usage_registers import DynamoUsageItems, item_of, register_of
from shared.composition.boards import boards_of
from shared.ledger.frozen import dataclass
from shared.ports.boards import UsageItems
from shared.ports.inspection import Continuation
from shared.runtime.clock import epoch_now_ms, monotonic_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of
from shared.usecases.merge_boards import BoardDesk

TOKEN_BYTES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardsRuntime:
    observability: Observability
    desk: BoardDesk
    items: UsageItems
    continuation: Continuation
    codec: Codec = field(default=Codec(register_of, item_of))
    monotonic_ms: Callable[[], int] = field(default=monotonic_now_ms)


def boards_runtime() -> BoardsRuntime:
    settings = settings_of("boards")
    return BoardsRuntime(
        observability=observability(settings),
        desk=BoardDesk(
            store=boards_of(settings),
            now_ms=epoch_now_ms,
            token=lambda: token_urlsafe(TOKEN_BYTES),
            spread=at_once,
        ),
        items=DynamoUsageItems(settings.usage_table),
        continuation=LambdaContinuation(lambda_client()),
    )
