"""Composes what the functions run on that know prices: cost, holds and rates. As bootstrap.py does."""

# ruff: noqa: PLC0415 - an adapter is imported by the function that uses it alone

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.bootstrap import (
    MutationRuntime,
    epoch_now_ms,
    ledger_of,
    monotonic_now_ms,
    mutation_runtime,
    settings_of,
    tenants_of,
)
from shared.identity import TenantRule
from shared.ledger.ports import Ledger
from shared.observability import Observability, observability
from shared.pricing.cards import BuiltInCard, RateBook
from shared.pricing.store import RateCardStore
from shared.settings import Settings

RATES_KEPT_MS: Final = 10_000
"""How long a function that charges prices by what it has read. A new version can take this long to be heard of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedRuntime(MutationRuntime):
    rates: RateBook


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesRuntime:
    observability: Observability
    tenants: TenantRule
    ledger: Ledger
    store: RateCardStore
    built_in: BuiltInCard
    now_ms: Callable[[], int] = field(default=epoch_now_ms)

    @property
    def book(self) -> RateBook:
        """Reads anew every time: what has just been put is what it quotes."""
        return RateBook(self.store, self.built_in, monotonic_now_ms)


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


def rate_book_of(settings: Settings) -> RateBook:
    """Used by cost, holds and ingest."""
    from shared.adapters.dynamodb_rates import DynamoRateCards
    from shared.adapters.genai_rates import GenaiCard

    cards = DynamoRateCards(settings.ledger_table, settings.ledger_deadline_ms)
    return RateBook(cards, GenaiCard(), monotonic_now_ms, RATES_KEPT_MS)


def rates_runtime() -> RatesRuntime:
    from shared.adapters.dynamodb_rate_store import DynamoRateStore
    from shared.adapters.genai_rates import GenaiCard

    settings = settings_of("rates")
    return RatesRuntime(
        observability=observability(settings),
        tenants=tenants_of(settings),
        ledger=ledger_of(settings),
        store=DynamoRateStore(settings.ledger_table, settings.ledger_deadline_ms),
        built_in=GenaiCard(),
    )
