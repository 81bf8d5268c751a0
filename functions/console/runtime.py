"""The runtime of the console function."""

from shared.ledger.frozen import dataclass
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import Settings, settings_of


@dataclass(frozen=True, slots=True)
class ConsoleRuntime:
    observability: Observability
    settings: Settings


def console_runtime() -> ConsoleRuntime:
    settings = settings_of("console")
    return ConsoleRuntime(observability(settings), settings)
