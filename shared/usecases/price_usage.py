"""Says what usage is worth, and by which rate card."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from shared.ledger.errors import InvalidOperation, Unpriced
from shared.pricing.cards import RateBook, RateCard
from shared.pricing.rates import Worth, worth_of
from shared.pricing.usage import Usage


@dataclass(frozen=True, slots=True)
class Quote:
    card: RateCard
    worth: Worth


def price_usage(usage: Usage, units: Mapping[str, Fraction], tenant: str, book: RateBook, now_ms: int) -> Quote:
    """The price of `units` (those of the usage, or as estimated) as of now. Raises Unpriced or InvalidOperation."""
    return quote_by(book.find(tenant, usage.meter, usage.model, now_ms), usage, units)


def quote_by(card: RateCard | None, usage: Usage, units: Mapping[str, Fraction]) -> Quote:
    """The price by this card. Raises Unpriced where there is none, or InvalidOperation."""
    if card is None:
        raise Unpriced(usage.meter, usage.model)
    if not units and not card.rate.request_price:
        # Who forgot to say how much is not to have it for nothing.
        raise InvalidOperation("usage", "given with at least one quantity, such as input_tokens")
    return Quote(card, worth_of(units, card.rate))
