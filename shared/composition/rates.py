"""The rate cards by which a function prices usage."""

from typing import Final

from shared.adapters.dynamodb_rates import DynamoRateCards
from shared.adapters.genai_rates import GenaiCard
from shared.composition.terms import terms_store_of
from shared.pricing.cards import RateBook
from shared.runtime.clock import monotonic_now_ms
from shared.runtime.settings import Settings

RATES_KEPT_MS: Final = 10_000
"""How long a charging function caches a rate card. A new version can take this long to apply."""


def rate_book_of(settings: Settings) -> RateBook:
    """Used by check, cost, holds and ingest."""
    cards = DynamoRateCards(settings.ledger_table, settings.ledger_deadline_ms)
    return RateBook(cards, GenaiCard(), monotonic_now_ms, RATES_KEPT_MS, terms_store_of(settings))
