"""Prices for the functions that charge."""

from dataclasses import dataclass

from shared.composition.mutations import mutation_runtime
from shared.composition.rates import rate_book_of
from shared.edge.mutations import MutationRuntime
from shared.pricing.cards import RateBook
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedRuntime(MutationRuntime):
    rates: RateBook


def priced_runtime(function: str) -> PricedRuntime:
    """For "cost" and "holds"."""
    composed = mutation_runtime(function)
    return PricedRuntime(
        observability=composed.observability,
        tenants=composed.tenants,
        ledger=composed.ledger,
        deadline_ms=composed.deadline_ms,
        rates=rate_book_of(settings_of(function)),
    )
