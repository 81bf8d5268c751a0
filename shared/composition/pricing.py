"""Prices for the functions that charge."""

from shared.composition.mutations import mutation_runtime
from shared.composition.rates import rate_book_of
from shared.edge.mutations import MutationRuntime
from shared.ledger.frozen import dataclass
from shared.pricing.cards import RateBook
from shared.runtime.settings import settings_of
from shared.usecases.event_time import RecordingTime


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedRuntime(MutationRuntime):
    rates: RateBook
    max_usage_age_days: int

    def recording_time(self, now_ms: int) -> RecordingTime:
        return RecordingTime(now_ms, self.max_usage_age_days)


def priced_runtime(function: str) -> PricedRuntime:
    """For "cost" and "holds"."""
    composed, settings = mutation_runtime(function), settings_of(function)
    return PricedRuntime(
        observability=composed.observability,
        identity=composed.identity,
        ledger=composed.ledger,
        deadline_ms=composed.deadline_ms,
        rates=rate_book_of(settings),
        max_usage_age_days=settings.max_usage_age_days,
    )
