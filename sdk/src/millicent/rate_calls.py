"""Rate cards, adjustments and rates of currencies: what usage costs."""

from collections.abc import Iterator
from datetime import datetime

from millicent.calls import MAX_PAGE, Calls
from millicent.models import Adjustment, AdjustmentPage, CurrencyPage, CurrencyRate, Quote, RateCard, RatePage
from millicent.transport import Call, Params
from millicent.wire import Usage, Wire, optional_instant


class RateCalls(Calls):
    """The calls about prices."""

    def quote(self, usage: Usage, *, actor: str | None = None, occurred_at: datetime | None = None) -> Quote:
        """The price of usage, as the next operation of `actor` if given; records nothing. Raises Unpriced.

        The price is that of the time `occurred_at`, with its offset; default: now.
        """
        body = {"usage": usage, "actor": actor, "occurred_at": optional_instant(occurred_at)}
        return self._answer(Call("POST", "/v1/rates/quote", body), Quote)

    def rates(
        self, meter: str | None = None, model: str | None = None, *, page_size: int = MAX_PAGE
    ) -> Iterator[RateCard]:
        """The versions of the tenant's own rate cards; pages are fetched as they are read.

        Built-in cards are not listed.
        """
        for page in self._pages("/v1/rates", {"meter": meter, "model": model, "limit": page_size}, RatePage):
            yield from page.items

    def rate_in_effect(self, meter: str, model: str | None = None) -> RateCard | None:
        """The card that prices usage of this model now, built-in prices included; None if there is none."""
        params: Params = {"meter": meter, "model": model, "limit": 1}
        return self._answer(Call("GET", "/v1/rates", params=params), RatePage).in_effect

    def put_rate(self, card: Wire) -> RateCard:
        """Creates the next version of a card; the same content again creates none. Needs the scope credits/admin.

        With a `version` it creates that version, however often it is repeated, or raises RateVersionConflict.
        """
        return self._answer(Call("PUT", "/v1/rates", card), RateCard)

    def adjustments(self, name: str | None = None, *, page_size: int = MAX_PAGE) -> Iterator[Adjustment]:
        """The versions of adjustments of the built-in card; pages are fetched as they are read."""
        for page in self._pages("/v1/rates/adjustments", {"name": name, "limit": page_size}, AdjustmentPage):
            yield from page.items

    def put_adjustment(self, adjustment: Wire) -> Adjustment:
        """Creates the next version of an adjustment; the same content again creates none, as for a card.

        Needs the scope credits/admin.
        """
        return self._answer(Call("PUT", "/v1/rates/adjustments", adjustment), Adjustment)

    def currencies(self, currency: str | None = None, *, page_size: int = MAX_PAGE) -> Iterator[CurrencyRate]:
        """The versions of the rates of currencies; pages are fetched as they are read."""
        for page in self._pages("/v1/rates/currencies", {"name": currency, "limit": page_size}, CurrencyPage):
            yield from page.items

    def put_currency(self, currency: Wire) -> CurrencyRate:
        """Creates the next version of a currency's rate, as `put_adjustment` does of an adjustment."""
        return self._answer(Call("PUT", "/v1/rates/currencies", currency), CurrencyRate)
