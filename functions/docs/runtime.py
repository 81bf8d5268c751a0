"""The runtime of the docs function."""

from shared.ledger.frozen import dataclass
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True)
class DocsRuntime:
    observability: Observability


def docs_runtime() -> DocsRuntime:
    return DocsRuntime(observability(settings_of("docs")))
