"""The runtime of the functions that change accounts."""

from shared.composition.ledger import ledger_of
from shared.composition.parts import identity_of
from shared.edge.mutations import MutationRuntime
from shared.runtime.observability import observability
from shared.runtime.settings import settings_of


def mutation_runtime(function: str) -> MutationRuntime:
    settings = settings_of(function)
    return MutationRuntime(
        observability=observability(settings),
        identity=identity_of(settings),
        ledger=ledger_of(settings),
        deadline_ms=settings.ledger_deadline_ms,
    )
