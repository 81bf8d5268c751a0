"""The runtime of the rates function."""

from collections.abc import Callable
from dataclasses import field

from shared.adapters.genai_rates import GenaiCard
from shared.composition.ledger import ledger_of
from shared.composition.parts import identity_of
from shared.composition.rate_store import rate_store_of
from shared.composition.terms import terms_store_of
from shared.edge.identity import IdentityRule
from shared.ledger.frozen import dataclass
from shared.ports.ledger import Ledger
from shared.pricing.cards import BuiltInCard, RateBook
from shared.pricing.store import RateCardStore
from shared.pricing.terms import TermsStore
from shared.runtime.clock import epoch_now_ms, monotonic_now_ms
from shared.runtime.observability import Observability, observability
from shared.runtime.settings import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesRuntime:
    observability: Observability
    identity: IdentityRule
    ledger: Ledger
    store: RateCardStore
    terms: TermsStore
    built_in: BuiltInCard
    max_usage_age_days: int
    now_ms: Callable[[], int] = field(default=epoch_now_ms)

    @property
    def book(self) -> RateBook:
        """A book without a cache, so that a quote uses a card that was just put."""
        return RateBook(self.store, self.built_in, monotonic_now_ms, terms=self.terms)


def rates_runtime() -> RatesRuntime:
    settings = settings_of("rates")
    return RatesRuntime(
        observability=observability(settings),
        identity=identity_of(settings),
        ledger=ledger_of(settings),
        store=rate_store_of(settings),
        terms=terms_store_of(settings),
        built_in=GenaiCard(),
        max_usage_age_days=settings.max_usage_age_days,
    )
