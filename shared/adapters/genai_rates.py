"""The built-in card: public list prices of language models, from the `genai-prices` package.

The package contains its prices; nothing is ever fetched. Importing it takes a tenth of a second and its data 30 MB, so
it is imported when the first usage needs it.
"""

# ruff: noqa: PLC0415 - see above

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Final

from shared.adapters.genai_names import GenaiNames, found_as
from shared.adapters.genai_parts import Dimensions, dearer_parts
from shared.ledger.amounts import MICROCENTS_PER_MILLICENT
from shared.ledger.frozen import dataclass
from shared.pricing.cards import RateCard, built_in_reference
from shared.pricing.catalogue import ModelIdentity
from shared.pricing.rates import REQUESTS, Price, Rate, Tier

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

METER: Final = "llm"
NAME: Final = "genai-prices"
FREE: Final = ":free"
FREE_QUANTITIES: Final = ("input_tokens", "output_tokens")
MILLICENTS_PER_DOLLAR: Final = 100 * MICROCENTS_PER_MILLICENT
LEAST_BILLED_SECONDS: Final = Decimal(10)
"""Groq's minimum for each transcription by these models; the package has it as code, not as data."""
BILLED_BY_LEAST_SECONDS: Final = frozenset({("groq", "whisper-large-v3"), ("groq", "whisper-large-v3-turbo")})


@dataclass(frozen=True, slots=True)
class _Unit:
    """`wholes` are the quantities that include these units."""

    quantity: str
    per: int
    wholes: frozenset[str]


class GenaiCard(GenaiNames):
    """Implements cards.BuiltInCard. A model has its provider's names for it, or `provider/name`: see genai_names.py."""

    def find(self, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        found = found_as(model) if meter == METER and model is not None else None
        rate = found and rate_of(*found, datetime.fromtimestamp(now_ms / 1000, UTC))
        if model is None or found is None or rate is None:
            return None
        provider, known = found
        return _card(model, ModelIdentity(provider.id, known.id), rate)


def _card(model: str, identity: ModelIdentity, rate: Rate) -> RateCard:
    import genai_prices

    version = genai_prices.__version__
    return RateCard(
        reference=built_in_reference(NAME, version, identity),
        version=version,
        meter=METER,
        model=model,
        rate=rate,
        effective_from_ms=0,
        matched=identity.text,
    )


def rate_of(provider: "Provider", model: "ModelInfo", at: datetime) -> Rate | None:
    """None if the package knows the model but no price for it.

    It has no prices for models that are free, and none for some that are not. A name of `:free` tells the first.
    """
    known = model.get_prices(at)
    listed = {_units()[key]: value for key, value in vars(known).items() if value is not None}
    if not listed:
        return _free() if model.id.endswith(FREE) else None
    least = LEAST_BILLED_SECONDS if (provider.id, model.id) in BILLED_BY_LEAST_SECONDS else Decimal(0)
    quantities = {unit.quantity for unit in listed} - {REQUESTS}
    prices = {
        unit.quantity: _price(unit, value, quantities, least)
        for unit, value in listed.items()
        if unit.quantity != REQUESTS
    }
    return Rate(
        prices=prices,
        request_price=_request_price(known),
        counted=dict(_counted(quantities)),
        dearer=dearer_parts(provider.id, model.id, quantities, _dimensions()),
        overlaps=dict(_overlaps(quantities)),
    )


def _free() -> Rate:
    prices = {quantity: Price(price=Decimal(0)) for quantity in FREE_QUANTITIES}
    return Rate(prices=prices, counted=dict(_counted(set(prices))))


def _price(unit: _Unit, value: "Decimal | TieredPrices", quantities: set[str], least: Decimal) -> Price:
    part_of = tuple(sorted(unit.wholes & quantities))
    if isinstance(value, Decimal):
        least_units = Decimal(0) if part_of else least
        return Price(price=_millicents(value), per=unit.per, part_of=part_of, minimum_units=least_units)
    return Price(
        price=_millicents(value.base),
        per=unit.per,
        tiers=tuple(Tier(Decimal(tier.start), _millicents(tier.price)) for tier in value.tiers),
        tier_mode="volume",
        tiers_by="input_tokens",
        part_of=part_of,
    )


def _request_price(known: "ModelPrice") -> Decimal:
    price = vars(known).get("requests_kcount")
    return _millicents(price) / 1000 if isinstance(price, Decimal) else Decimal(0)


def _counted(priced: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for unit in _units().values():
        wholes = unit.wholes & priced
        if wholes and unit.quantity not in priced:
            yield unit.quantity, tuple(sorted(wholes))


def _overlaps(priced: set[str]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    dimensions = {name: _dimensions()[name].items() for name in priced}
    for name, own in dimensions.items():
        wholes = sorted(other for other, theirs in dimensions.items() if theirs < own)
        pairs = tuple(pair for pair in combinations(wholes, 2) if dimensions[pair[0]] | dimensions[pair[1]] == own)
        if pairs:
            yield name, pairs


@cache
def _units() -> Mapping[str, _Unit]:
    """The units, by the package's name for their price."""
    from genai_prices.data_units import unit_data

    dimensions = {quantity: unit["dimensions"].items() for quantity, unit in unit_data.items()}
    return {
        unit["price_key"]: _Unit(
            quantity,
            unit["per"],
            frozenset(other for other, theirs in dimensions.items() if theirs < dimensions[quantity]),
        )
        for quantity, unit in unit_data.items()
    }


@cache
def _dimensions() -> Mapping[str, Dimensions]:
    """The dimensions of each quantity: a part has those of its whole and more."""
    from genai_prices.data_units import unit_data

    return {quantity: unit["dimensions"] for quantity, unit in unit_data.items()}


def _millicents(dollars: Decimal) -> Decimal:
    return dollars * MILLICENTS_PER_DOLLAR
