"""The built-in card: public list prices of language models, from the `genai-prices` package.

The package contains its prices; nothing is ever fetched. Importing it takes a tenth of a second and its data 30 MB, so
it is imported when the first usage needs it.
"""

# ruff: noqa: PLC0415 - see above

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Final

from shared.adapters.genai_parts import Dimensions, dearer_parts
from shared.ledger.amounts import MICROCENTS_PER_MILLICENT
from shared.pricing.cards import RateCard
from shared.pricing.rates import Price, Rate, Tier

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

METER: Final = "llm"
MILLICENTS_PER_DOLLAR: Final = 100 * MICROCENTS_PER_MILLICENT
REQUESTS: Final = "requests"
LEAST_BILLED_SECONDS: Final = Decimal(10)
"""Groq's minimum for each transcription by these models; the package has it as code, not as data."""
BILLED_BY_LEAST_SECONDS: Final = frozenset({("groq", "whisper-large-v3"), ("groq", "whisper-large-v3-turbo")})


@dataclass(frozen=True, slots=True)
class _Unit:
    """`wholes` are the quantities that include these units."""

    quantity: str
    per: int
    wholes: frozenset[str]


class GenaiCard:
    """Implements cards.BuiltInCard. A model has its provider's name, or `provider/model`."""

    def find(self, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        if meter != METER or model is None:
            return None
        found = _found(model)
        rate = found and rate_of(*found, datetime.fromtimestamp(now_ms / 1000, UTC))
        return None if rate is None else _card(model, rate)


def same_model(name: str, other: str) -> bool:
    """Whether both names mean one model of one provider, or none."""
    found, other_found = _found(name), _found(other)
    if found is None or other_found is None:
        return found is other_found
    return (found[0].id, found[1].id) == (other_found[0].id, other_found[1].id)


def _card(model: str, rate: Rate) -> RateCard:
    import genai_prices

    version = genai_prices.__version__
    return RateCard(
        reference=f"genai-prices@{version}",
        version=version,
        meter=METER,
        model=model,
        rate=rate,
        effective_from_ms=0,
    )


def _found(model: str) -> "tuple[Provider, ModelInfo] | None":
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    for provider, name in _readings(model, {each.id for each in snapshot.providers}):
        try:
            return snapshot.find_provider_model(name, None, provider, None)
        except LookupError:
            continue
    return None


def _readings(model: str, providers: set[str]) -> Iterator[tuple[str | None, str]]:
    first, slash, rest = model.partition("/")
    if slash and first in providers:
        yield first, rest
    yield None, model


def rate_of(provider: "Provider", model: "ModelInfo", at: datetime) -> Rate | None:
    """None if the package knows the model but no price for it."""
    known = model.get_prices(at)
    listed = {_units()[key]: value for key, value in vars(known).items() if value is not None}
    if not listed:
        return None
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
