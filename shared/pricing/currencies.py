"""Rates of currencies: what one unit of a currency is worth in dollars, as the deployer sets it."""

from collections.abc import Mapping
from typing import Any, Final

from shared.pricing.errors import UnknownCurrency
from shared.pricing.terms import TermsBook

DOLLAR: Final = "USD"


def exchange_rate(tenant: str, currency: str, book: TermsBook, at_ms: int) -> Mapping[str, Any]:
    """The rate and its version, as an entry stores them and in the order of the record. Raises UnknownCurrency.

    A dollar is a dollar (version 0), unless the deployer has set a rate for it.
    """
    for terms in book.in_effect(tenant, "currency", at_ms):
        if terms.name == currency:
            return {"currency": currency, "rate": terms.document["rate"], "version": terms.version}
    if currency == DOLLAR:
        return {"currency": DOLLAR, "rate": "1", "version": 0}
    raise UnknownCurrency(currency)
