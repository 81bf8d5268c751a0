"""The runtime of the sums of usage."""

from collections.abc import Callable
from dataclasses import field

from shared.composition.boards import boards_of
from shared.ledger.frozen import dataclass
from shared.ports.boards import BoardStore
from shared.runtime.clock import epoch_now_ms
from shared.runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRuntime:
    boards: BoardStore
    now_ms: Callable[[], int] = field(default=epoch_now_ms)


def usage_runtime(settings: Settings) -> UsageRuntime:
    return UsageRuntime(boards=boards_of(settings))
