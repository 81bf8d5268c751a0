"""Prices usage, and names its rate card."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.ledger.errors import InvalidOperation
from shared.pricing.cards import RateBook, RateCard
from shared.pricing.errors import Unpriced
from shared.pricing.estimates import most_of
from shared.pricing.parts import with_parts
from shared.pricing.rates import Rate, Units, Worth, worth_of
from shared.pricing.usage import Usage


@dataclass(frozen=True, slots=True)
class Quote:
    card: RateCard
    worth: Worth


def price_usage(usage: Usage, units: Units, tenant: str, book: RateBook, at_ms: int) -> Quote:
    """The price of `units`, the usage's quantities, at that time. Raises Unpriced or InvalidOperation."""
    return _quote(book.find(tenant, usage.meter, usage.model, at_ms), usage, units, worth_of)


def price_by(card: RateCard | None, usage: Usage) -> Quote:
    """The price of the usage by this card. Raises as `price_usage`."""
    return _quote(card, usage, usage.units, worth_of)


def estimate_usage(usage: Usage, tenant: str, book: RateBook, at_ms: int) -> Quote:
    """The amount that a hold of the usage sets aside: its highest possible price. Raises as `price_usage`."""
    return _quote(book.find(tenant, usage.meter, usage.model, at_ms), usage, usage.estimated_units, most_of)


def _quote(card: RateCard | None, usage: Usage, units: Units, worth: Callable[[Units, Rate], Worth]) -> Quote:
    if card is None:
        raise Unpriced(usage.meter, usage.model)
    if not card.rate.request_price and not card.rate.is_used_by(units):
        # Usage without quantities would be free by mistake.
        raise InvalidOperation("usage", "an object with at least one quantity, such as input_tokens")
    for name, number in units.items():
        if number and name in card.rate.dearer:
            raise Unpriced(usage.meter, usage.model, name)
    # A provider reports more parts than a card of one's own may have prices for.
    return Quote(card, worth(units, card.rate if usage.raw_digest is None else with_parts(card.rate)))
