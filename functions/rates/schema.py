import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from shared.edge.cursors import NOT_OF_THIS_LISTING, cursor, place_in
from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.usage_request import QUANTITY_NAME, RESERVED_NAMES, CardModelName, ModelName, UsageDocument
from shared.edge.validation import DEFAULT_PAGE, Cursor, Identifier, PageLimit, Time, convert, schema_named
from shared.ledger.amounts import to_millicents
from shared.ledger.frozen import dataclass
from shared.ledger.remainders import carry_text, settled
from shared.ledger.times import epoch_ms, rfc3339
from shared.pricing.cards import RateCard
from shared.pricing.documents import document_of, items_document
from shared.pricing.rates import Price, Rate, Tier, TierMode
from shared.pricing.store import CardFilter, CardPage, CardPlace
from shared.pricing.usage import ESTIMATE_PREFIX
from shared.usecases.price_usage import Quote
from shared.usecases.put_rate_card import Draft

MAX_PRICES: Final = 32
MAX_ALIASES: Final = 32
MAX_TIERS: Final = 16
MAX_PER: Final = 10**12
MAX_VERSION: Final = 99_999_999
MAX_NUMBER: Final = 10**15
MAX_PRICE_DECIMALS: Final = 12
NUMBER: Final = 'must be a decimal string such as "0.25", from 0 to 10^15, with at most 12 decimals'
_DECIMAL_TEXT: Final = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")

Number: TypeAlias = Annotated[
    Any,
    msgspec.Meta(
        description='a decimal string such as "0.25", from 0 to 10^15, with at most 12 decimals',
        extra_json_schema=schema_named("Number"),
    ),
]
PositiveNumber: TypeAlias = Annotated[
    Any,
    msgspec.Meta(
        description='a decimal string such as "1.08", above 0 and to 10^15, with at most 12 decimals',
        extra_json_schema=schema_named("PositiveNumber"),
    ),
]
Prices: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(description="a JSON object of prices by quantity", extra_json_schema=schema_named("Prices")),
]
Tiers: TypeAlias = Annotated[
    list[Any], msgspec.Meta(description="a list of {above, price}", extra_json_schema=schema_named("Tiers"))
]
Names: TypeAlias = Annotated[list[str], msgspec.Meta(description="a list of quantities")]
Aliases: TypeAlias = Annotated[
    list[ModelName],
    msgspec.Meta(max_length=MAX_ALIASES, description=f"a list of at most {MAX_ALIASES} names of models"),
]
Per: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_PER, description=f"a whole number from 1 to {MAX_PER}")]
Version: TypeAlias = Annotated[
    int, msgspec.Meta(ge=1, le=MAX_VERSION, description=f"a whole number from 1 to {MAX_VERSION}")
]


class TierDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    above: Number
    price: Number


class PriceDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See pricing.rates.Price."""

    price: Number
    per: Per = 1
    tiers: Tiers = []
    tier_mode: TierMode = "graduated"
    tiers_by: str | None = None
    part_of: Names = []
    minimum_units: Number = "0"


class RateDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PUT: the next version of a card."""

    meter: Identifier
    model: CardModelName | None = None
    aliases: Aliases = []
    prices: Prices = {}
    request_price: Number = "0"
    minimum_charge: Number = "0"
    effective_from: Time | None = None
    version: Version | None = None

    @property
    def draft(self) -> Draft:
        """Raises ValidationFailed, which names every invalid member of the prices."""
        if self.aliases and self.model is None:
            raise ValidationFailed([FieldError("$.aliases", "must be omitted where there is no model")])
        return Draft(
            meter=self.meter,
            model=self.model,
            rate=_rate(self),
            effective_from_ms=None if self.effective_from is None else epoch_ms(self.effective_from),
            version=self.version,
            aliases=tuple(dict.fromkeys(each for each in self.aliases if each != self.model)),
        )


class RatesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: PageLimit = PageLimit(DEFAULT_PAGE)
    after: Cursor | None = None
    meter: Identifier | None = None
    model: CardModelName | None = None

    @property
    def wanted(self) -> CardFilter:
        """Raises ValidationFailed for a model without its meter, and for a cursor that is not from this listing."""
        if self.model is not None and self.meter is None:
            raise ValidationFailed([FieldError("query.meter", "is required where model is given")])
        return CardFilter(int(self.limit), self.meter, self.model, self._place)

    @property
    def _place(self) -> CardPlace | None:
        if self.after is None:
            return None
        place = _place_of(self.after)
        if place is None or self.meter not in {None, place.meter} or self.model not in {None, place.model}:
            raise ValidationFailed([NOT_OF_THIS_LISTING])
        return place


class QuoteRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`max_output_tokens` may stand for output_tokens, as for a hold.

    `actor` quotes the next operation of that account; `occurred_at` quotes usage of another time than now.
    """

    usage: UsageDocument
    actor: Identifier | None = None
    occurred_at: Time | None = None


class _Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    meter: Identifier
    model: CardModelName | None
    version: Version


@dataclass(frozen=True, slots=True)
class _Read:
    """A parsed number, or its requirement if it is invalid."""

    path: str
    value: object

    @property
    def fault(self) -> FieldError | None:
        if is_number(self.value):
            return None
        return FieldError(self.path, NUMBER)


def card_document(card: RateCard) -> dict[str, Any]:
    """A card as the API shows it. The built-in card has no creator."""
    is_own = card.by is not None
    return {
        "card": card.reference,
        "version": card.version,
        "meter": card.meter,
        "model": card.model,
        **({"aliases": list(card.aliases)} if card.aliases else {}),
        **document_of(card.rate),
        "effective_from": rfc3339(card.effective_from_ms) if is_own else None,
        "made_at": rfc3339(card.made_at_ms) if is_own else None,
        "by": card.by,
    }


def in_effect_document(card: RateCard) -> dict[str, Any]:
    """The card that prices a usage now, and the model that its name was taken for."""
    return card_document(card) | {"matched_model": card.matched_model}


def listing(page: CardPage) -> dict[str, Any]:
    return {"items": [card_document(card) for card in page.items], "next": page.next and _cursor(page.next)}


def quote_document(quote: Quote, held: Quote, carry: int | None) -> dict[str, Any]:
    """`hold` is the amount that a hold of the usage sets aside; for an estimate it is the amount too.

    `carry` is the carry of the account whose next operation is quoted: the amount includes it.
    """
    next_one = settled(quote.worth.amount, quote.worth.remainder or None, carry or 0)
    shown = {
        "amount": to_millicents(next_one.amount),
        "hold": to_millicents(held.worth.amount),
        "card": quote.card.reference,
        **({} if quote.adjustment is None else {"adjustment": quote.adjustment}),
        "items": items_document(quote.worth),
    }
    if carry is None:
        return shown
    return shown | {"carry_before": carry_text(carry), "carry_after": carry_text(next_one.carry)}


def _rate(document: RateDocument) -> Rate:
    prices = _price_documents(document)
    faults = [*_numbers_at_fault(document, prices), *_structure_at_fault(document, prices)]
    if faults:
        raise ValidationFailed(faults)
    return Rate(
        prices={name: _price(name, prices) for name in prices},
        request_price=Decimal(document.request_price),
        minimum_charge=Decimal(document.minimum_charge),
    )


def _price_documents(document: RateDocument) -> dict[str, PriceDocument]:
    faults: list[FieldError] = []
    read: dict[str, PriceDocument] = {}
    for name, each in document.prices.items():
        if not isinstance(each, Mapping):
            faults.append(FieldError(f"$.prices.{name[:64]}", "must be a JSON object"))
            continue
        try:
            read[name] = convert(each, PriceDocument, root=f"$.prices.{name[:64]}")
            _tiers(name, read[name])
        except ValidationFailed as failed:
            faults += failed.errors
    if faults:
        raise ValidationFailed(faults)
    return read


def _tiers(name: str, price: PriceDocument) -> list[TierDocument]:
    root = f"$.prices.{name[:64]}.tiers"
    if not all(isinstance(each, Mapping) for each in price.tiers):
        raise ValidationFailed([FieldError(root, "must be a list of {above, price}")])
    return [convert(each, TierDocument, root=f"{root}[{place}]") for place, each in enumerate(price.tiers)]


def _price(name: str, prices: Mapping[str, PriceDocument]) -> Price:
    price = prices[name]
    return Price(
        price=Decimal(price.price),
        per=price.per,
        tiers=tuple(Tier(Decimal(tier.above), Decimal(tier.price)) for tier in _tiers(name, price)),
        tier_mode=price.tier_mode,
        tiers_by=price.tiers_by,
        part_of=tuple(sorted(_wholes(name, prices))),
        minimum_units=Decimal(price.minimum_units),
    )


def _wholes(name: str, prices: Mapping[str, PriceDocument]) -> set[str]:
    """All quantities that include these units, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = [each for each in prices[waiting.pop()].part_of if each in prices and each not in found]
        found.update(new)
        waiting += new
    return found


def _numbers_at_fault(document: RateDocument, prices: Mapping[str, PriceDocument]) -> Iterator[FieldError]:
    read = [
        _Read("$.request_price", document.request_price),
        _Read("$.minimum_charge", document.minimum_charge),
        *(_Read(f"$.prices.{name}.price", price.price) for name, price in prices.items()),
        *(_Read(f"$.prices.{name}.minimum_units", price.minimum_units) for name, price in prices.items()),
        *(
            _Read(f"$.prices.{name}.tiers[{place}].{member}", getattr(tier, member))
            for name, price in prices.items()
            for place, tier in enumerate(_tiers(name, price))
            for member in ("above", "price")
        ),
    ]
    return (fault for each in read if (fault := each.fault) is not None)


def _structure_at_fault(document: RateDocument, prices: Mapping[str, PriceDocument]) -> Iterator[FieldError]:
    if len(prices) > MAX_PRICES:
        yield FieldError("$.prices", f"must have at most {MAX_PRICES} quantities")
    if not (prices or _is_above_0(document.request_price) or _is_above_0(document.minimum_charge)):
        yield FieldError("$.prices", "must have a price, unless request_price or minimum_charge is above 0")
    for name, price in prices.items():
        yield from _price_at_fault(name, price, prices)


def _price_at_fault(name: str, price: PriceDocument, prices: Mapping[str, PriceDocument]) -> Iterator[FieldError]:
    path = f"$.prices.{name[:64]}"
    if not QUANTITY_NAME.fullmatch(name) or name.startswith(ESTIMATE_PREFIX) or name in RESERVED_NAMES:
        reserved = ", ".join(sorted(RESERVED_NAMES))
        yield FieldError(
            path, f"must be a name of a-z, 0-9 and _, none of {reserved}, and not start with {ESTIMATE_PREFIX}"
        )
    if any(each not in prices for each in price.part_of) or name in _wholes(name, prices):
        yield FieldError(f"{path}.part_of", "must name other quantities priced on this card, without a cycle")
    if price.tier_mode == "volume" and not price.tiers:
        yield FieldError(f"{path}.tier_mode", "must be omitted where there are no tiers")
    if price.tiers_by is not None and (price.tier_mode != "volume" or price.tiers_by not in prices):
        yield FieldError(f"{path}.tiers_by", "must name a quantity priced on this card, and needs tier_mode volume")
    bounds = [Decimal(tier.above) for tier in _tiers(name, price) if is_number(tier.above)]
    if len(bounds) > MAX_TIERS or bounds != sorted(set(bounds)) or (bounds and bounds[0] <= 0):
        yield FieldError(f"{path}.tiers", f"must be at most {MAX_TIERS} tiers, each `above` higher than the one before")


def is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return False
    if isinstance(value, str) and not _DECIMAL_TEXT.fullmatch(value):
        return False
    number = Decimal(value)
    return number.is_finite() and 0 <= number <= MAX_NUMBER and number == round(number, MAX_PRICE_DECIMALS)


def _is_above_0(value: object) -> bool:
    return is_number(value) and Decimal(str(value)) > 0


def _cursor(place: CardPlace) -> str:
    return cursor(msgspec.json.encode([place.meter, place.model, place.version]))


def _place_of(text: str) -> CardPlace | None:
    try:
        place = msgspec.json.decode(place_in(text) or b"", type=_Place)
    except (ValueError, msgspec.DecodeError):
        return None
    return CardPlace(place.meter, place.model, place.version)
