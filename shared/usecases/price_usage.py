"""Prices usage, and names its rate card."""

from collections.abc import Callable

from shared.ledger.errors import InvalidOperation
from shared.ledger.frozen import dataclass
from shared.pricing.adjustments import Applied, applying, as_of
from shared.pricing.cards import RateBook, RateCard
from shared.pricing.errors import TierUnpriced, Unpriced
from shared.pricing.estimates import most_of
from shared.pricing.parts import with_parts
from shared.pricing.rates import Rate, Units, Worth, requests_in, rounded_once, rounded_up, worth_of
from shared.pricing.terms import Terms
from shared.pricing.usage import DEFAULT_TIER, Usage


@dataclass(frozen=True, slots=True)
class Quote:
    """`adjustment` is the version of the adjustment that was applied."""

    card: RateCard
    worth: Worth
    adjustment: str | None = None


def price_usage(usage: Usage, units: Units, tenant: str, book: RateBook, at_ms: int) -> Quote:
    """The price of `units`, the usage's quantities, at that time. Raises Unpriced or InvalidOperation."""
    card = _found(usage, tenant, book, at_ms)
    return _quote(card, _applying(card, usage, tenant, book, at_ms), usage, units, worth_of)


def price_by(card: RateCard | None, usage: Usage, adjustment: Terms | None = None) -> Quote:
    """The price of the usage by this card and adjustment. Raises as `price_usage`."""
    if card is None:
        raise Unpriced(usage.meter, usage.model)
    tier = usage.service_tier or DEFAULT_TIER
    applied = as_of(adjustment, card.listed, tier) if card.listed else _unadjusted(tier)
    return _quote(card, applied, usage, usage.units, worth_of)


def estimate_usage(usage: Usage, tenant: str, book: RateBook, at_ms: int) -> Quote:
    """The amount that a hold of the usage sets aside: its highest possible price. Raises as `price_usage`."""
    card = _found(usage, tenant, book, at_ms)
    return _quote(card, _applying(card, usage, tenant, book, at_ms), usage, usage.estimated_units, most_of)


def _found(usage: Usage, tenant: str, book: RateBook, at_ms: int) -> RateCard:
    card = book.find(tenant, usage.meter, usage.model, at_ms)
    if card is None:
        raise Unpriced(usage.meter, usage.model)
    return card


def _applying(card: RateCard, usage: Usage, tenant: str, book: RateBook, at_ms: int) -> Applied | None:
    """The adjustment in effect; None if no price of the service tier is known."""
    tier = usage.service_tier or DEFAULT_TIER
    if card.listed is None:
        return _unadjusted(tier)
    return applying(book.terms.in_effect(tenant, "adjustment", at_ms), usage.meter, card.listed, tier)


def _unadjusted(tier: str) -> Applied | None:
    """A card of one's own has the prices of the default tier alone."""
    return Applied() if tier == DEFAULT_TIER else None


def _quote(
    card: RateCard, applied: Applied | None, usage: Usage, units: Units, worth: Callable[[Units, Rate], Worth]
) -> Quote:
    if not card.rate.request_price and not card.rate.is_used_by(units):
        # Usage without quantities would be free by mistake.
        raise InvalidOperation("usage", "an object with at least one quantity, such as input_tokens")
    if applied is None:
        raise TierUnpriced(usage.meter, usage.model, usage.service_tier or DEFAULT_TIER)
    for name, number in units.items():
        if number and name in card.rate.dearer:
            raise Unpriced(usage.meter, usage.model, name)
    # A provider reports more parts than a card of one's own may have prices for.
    listed = worth(units, card.rate if usage.raw_digest is None else with_parts(card.rate))
    if applied.changes_nothing:
        return Quote(card, listed)
    items = applied.to(listed.items, requests_in(units, card.rate))
    return Quote(card, rounded_up(items) if worth is most_of else rounded_once(items), applied.reference)
