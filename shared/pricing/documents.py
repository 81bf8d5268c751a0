"""Rates and line items as JSON: the stored form of a rate, which the API shows too.

Prices are decimal texts of millicents, units are numbers.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any, Final

from shared.pricing.rates import LineItem, Price, Rate, Worth

_SHOWN: Final = Decimal("0.000000000001")
_CONTEXT: Final = Context(prec=60, rounding=ROUND_HALF_UP)


def document_of(rate: Rate) -> dict[str, Any]:
    """`cards.rate_from` is the inverse."""
    return {
        "prices": {name: _price(price) for name, price in rate.prices.items()},
        "request_price": text_of(rate.request_price),
        "minimum_charge": text_of(rate.minimum_charge),
    }


def items_document(worth: Worth) -> list[dict[str, Any]]:
    """The items' amounts, rounded only to the twelve decimals of a text."""
    return [_item(each) for each in worth.items]


def text_of(number: Decimal) -> str:
    """The shortest decimal text, without an exponent."""
    return f"{number.normalize(_CONTEXT):f}"


def _price(price: Price) -> dict[str, Any]:
    tiers = [{"above": text_of(tier.above), "price": text_of(tier.price)} for tier in price.tiers]
    more = {
        "tiers": tiers,
        "tier_mode": price.tier_mode if tiers else None,
        "tiers_by": price.tiers_by if tiers else None,
        "part_of": list(price.part_of),
        "minimum_units": text_of(price.minimum_units) if price.minimum_units else None,
    }
    return {"price": text_of(price.price), "per": price.per} | {name: value for name, value in more.items() if value}


def _item(item: LineItem) -> dict[str, Any]:
    return {
        "item": item.item,
        "units": _shown(item.units),
        "price": text_of(item.price),
        "per": item.per,
        "amount": _shown(item.millicents),
    }


def _shown(number: Fraction) -> str:
    exact = _CONTEXT.divide(Decimal(number.numerator), Decimal(number.denominator))
    return text_of(exact.quantize(_SHOWN, context=_CONTEXT))
