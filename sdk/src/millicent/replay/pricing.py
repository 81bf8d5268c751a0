"""The cost of usage: the public price of its model at the time, exact, rounded once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

import genai_prices
from genai_prices.types import PriceCalculation

from millicent.amounts import dollars_to_microcents, millicents
from millicent.replay.errors import UnknownModel
from millicent.replay.usage import Usage

Price: TypeAlias = Callable[[Usage], int]
"""Converts usage to microcents. Raises UnknownModel."""


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """Usage and its whole cost."""

    usage: Usage
    cost_microcents: int

    @property
    def cost(self) -> Decimal:
        """In millicents, with three decimals."""
        return millicents(self.cost_microcents)


class Pricer:
    """Public list prices, times `multiplier`: 1.2 for a margin of a fifth.

    Usage without a time is priced as of noon (UTC) today, so that a repeated run on the same day costs the same. The
    prices are those of the installed genai-prices; nothing is fetched.
    """

    def __init__(self, multiplier: Decimal = Decimal(1), today: datetime | None = None) -> None:
        if not multiplier.is_finite() or multiplier < 0:
            raise ValueError(f"a price cannot be multiplied by {multiplier}")
        self._multiplier = multiplier
        self._noon = (today or datetime.now(UTC)).replace(hour=12, minute=0, second=0, microsecond=0)

    def __call__(self, usage: Usage) -> int:
        calculation = self._calculation(usage)
        _insist_on_token_prices(usage, calculation)
        return dollars_to_microcents(calculation.total_price * self._multiplier)

    def _calculation(self, usage: Usage) -> PriceCalculation:
        tokens = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        try:
            return genai_prices.calc_price(tokens, usage.model, genai_request_timestamp=usage.at or self._noon)
        except LookupError as unknown:
            raise UnknownModel(f"there is no price for the model {usage.model!r}") from unknown


def price_all(rows: Iterable[Usage], price: Price) -> list[PricedUsage]:
    """Prices every row, or raises UnknownModel with all the models that have no price."""
    priced: list[PricedUsage] = []
    unknown: dict[str, None] = {}
    for row in rows:
        try:
            priced.append(PricedUsage(row, price(row)))
        except UnknownModel as error:
            unknown.setdefault(str(error))
    if unknown:
        raise UnknownModel("; ".join(unknown))
    return priced


def _insist_on_token_prices(usage: Usage, calculation: PriceCalculation) -> None:
    """A model that is priced by the minute or the image has no token price: that is unknown, not free."""
    price = calculation.model_price
    for kind, used, rate in (
        ("input", usage.input_tokens, price.input_mtok),
        ("output", usage.output_tokens, price.output_mtok),
    ):
        if used and rate is None:
            raise UnknownModel(f"there is no price for {kind} tokens of the model {usage.model!r}")
