"""Adjustments and rates of currencies, as the API shows and takes them."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from functions.rates.schema import NUMBER, Number, PositiveNumber, Version, is_number
from shared.edge.charges import CurrencyCode
from shared.edge.cursors import NOT_OF_THIS_LISTING, cursor, place_in
from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.validation import DEFAULT_PAGE, Cursor, Flag, Identifier, PageLimit, Time
from shared.ledger.times import epoch_ms, rfc3339
from shared.pricing.adjustments import Adjustment, adjustment_from, document_of, matches
from shared.pricing.catalogue import Catalogue
from shared.pricing.terms import Terms, effective
from shared.pricing.usage import ServiceTier
from shared.usecases.put_terms import TermsDraft

ModelPattern: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A[A-Za-z0-9_.:@/~+*-]{1,128}\Z",
        description="1 to 128 characters from A-Z a-z 0-9 _ . : @ / ~ + - and *, which stands for any characters",
    ),
]
BuiltInMeter: TypeAlias = Literal["llm"]
_NUMBERS: Final = ("multiplier", "request_price", "minimum_charge", "per_dollar")


class AdjustmentDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PUT: the next version of an adjustment. See pricing.adjustments.Adjustment.

    A `per_dollar` other than 1 needs its `currency`.
    """

    name: Identifier
    meter: BuiltInMeter | None = None
    provider: Identifier | None = None
    model: ModelPattern | None = None
    service_tier: ServiceTier | None = None
    multiplier: Number = "1"
    request_price: Number = "0"
    minimum_charge: Number = "0"
    currency: CurrencyCode | None = None
    per_dollar: PositiveNumber = "1"
    active: Flag = True
    effective_from: Time | None = None
    version: Version | None = None

    def draft(self, catalogue: Catalogue) -> TermsDraft:
        """Raises ValidationFailed, which names every invalid member."""
        if faults := list(self._faults(catalogue)):
            raise ValidationFailed(faults)
        numbers: dict[str, Any] = {name: Decimal(getattr(self, name)) for name in _NUMBERS}
        adjustment = Adjustment(
            meter=self.meter,
            provider=self.provider,
            model=self.model,
            service_tier=self.service_tier,
            currency=self.currency,
            active=self.active,
            **numbers,
        )
        return TermsDraft("adjustment", self.name, document_of(adjustment), _ms(self.effective_from), self.version)

    def _faults(self, catalogue: Catalogue) -> Iterator[FieldError]:
        wrong = [name for name in _NUMBERS if not is_number(getattr(self, name))]
        yield from (FieldError(f"$.{name}", NUMBER) for name in wrong)
        if "per_dollar" not in wrong and Decimal(self.per_dollar) <= 0:
            yield FieldError("$.per_dollar", "must be above 0")
        if "per_dollar" not in wrong and self.currency is None and Decimal(self.per_dollar) != 1:
            yield FieldError("$.currency", "is required where per_dollar is not 1")
        own = None if self.provider is None else catalogue.provider(self.provider)
        if own is not None and own != self.provider:
            yield FieldError("$.provider", f"must be {own}, the provider's own name")
        if self.model is not None and "*" not in self.model:
            yield from self._name_at_fault(self.model, catalogue)

    def _name_at_fault(self, model: str, catalogue: Catalogue) -> Iterator[FieldError]:
        """A name without `*` must be the model's own: another name for it would select nothing."""
        identity = catalogue.resolve(model if self.provider is None else f"{self.provider}/{model}")
        if identity is None:
            yield FieldError("$.model", "must be a model of the built-in card, or a pattern with *")
        elif not matches(model, identity):
            yield FieldError("$.model", f"must be {identity.model}, the model's own name")


class CurrencyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PUT: the next version of a currency's rate, what one unit of it is worth in dollars."""

    currency: CurrencyCode
    rate: PositiveNumber
    effective_from: Time | None = None
    version: Version | None = None

    @property
    def draft(self) -> TermsDraft:
        """Raises ValidationFailed."""
        if not is_number(self.rate) or not Decimal(self.rate):
            raise ValidationFailed([FieldError("$.rate", f"{NUMBER}, above 0")])
        rate = f"{Decimal(self.rate).normalize():f}"
        return TermsDraft("currency", self.currency, {"rate": rate}, _ms(self.effective_from), self.version)


class TermsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is that of an adjustment, or a currency."""

    limit: PageLimit = PageLimit(DEFAULT_PAGE)
    after: Cursor | None = None
    name: Identifier | None = None

    @property
    def place(self) -> tuple[str, int]:
        """After which the page begins. Raises ValidationFailed."""
        if self.after is None:
            return "", 0
        try:
            return msgspec.json.decode(place_in(self.after) or b"", type=tuple[str, int])
        except (ValueError, msgspec.DecodeError) as unknown:
            raise ValidationFailed([NOT_OF_THIS_LISTING]) from unknown


def terms_document(terms: Terms) -> dict[str, Any]:
    """A version as the API shows it."""
    made = {
        "effective_from": rfc3339(terms.effective_from_ms),
        "made_at": rfc3339(terms.made_at_ms),
        "by": terms.by,
    }
    if terms.kind == "currency":
        return {"currency": terms.name, "version": terms.version, "rate": terms.document["rate"], **made}
    selectors = {name: terms.document.get(name) for name in ("meter", "provider", "model", "service_tier", "currency")}
    numbers = document_of(adjustment_from(terms.document))
    return {"adjustment": terms.reference, "name": terms.name, "version": terms.version, **selectors, **numbers, **made}


def terms_listing(versions: tuple[Terms, ...], query: TermsQuery, now_ms: int) -> dict[str, Any]:
    """A page of all versions. `in_effect` are the versions in effect now, whatever is on the page."""
    named = [each for each in versions if query.name in {None, each.name}]
    rest = [each for each in named if (each.name, each.version) > query.place]
    page = rest[: int(query.limit)]
    return {
        "items": [terms_document(each) for each in page],
        "next": _cursor(page[-1]) if len(rest) > len(page) else None,
        "in_effect": [each.reference for each in effective(named, now_ms)],
    }


def _cursor(terms: Terms) -> str:
    return cursor(msgspec.json.encode([terms.name, terms.version]))


def _ms(time: datetime | None) -> int | None:
    return None if time is None else epoch_ms(time)
