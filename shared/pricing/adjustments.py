"""Adjustments of the built-in card: what is charged is not the list price.

Of all adjustments that select the usage, one applies: the most specific. Several never add up. An adjustment that
names the service tier is more specific than one that does not; of these, one that names the model (exactly, or by the
pattern with more characters) than one that does not; then one that names the provider; then one that names the meter.
Of equal ones it is the first by name.

The price is the list price, times the account's units per dollar, times the multiplier, plus the request price, and
at least the minimum charge: one exact fraction, which is rounded once with the rest.

An adjustment that names a service tier starts from the standard list price: its multiplier says everything about the
tier. One that names none starts from the list price of the usage's own tier; where that is unknown there is no price.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, Final

from shared.ledger.frozen import dataclass
from shared.pricing.catalogue import ModelIdentity
from shared.pricing.rates import LineItem
from shared.pricing.terms import Terms
from shared.pricing.usage import DEFAULT_TIER

BUILT_IN_METER: Final = "llm"
"""The meter of the built-in card; it has no other."""

LIST_TIERS_AS_OF: Final = "2026-12-01"
"""When LIST_TIERS was compared with what the providers publish."""
LIST_TIERS: Final[Mapping[tuple[str, str], Decimal]] = {
    # https://platform.openai.com/docs/guides/batch
    ("openai", "batch"): Decimal("0.5"),
    # https://platform.claude.com/docs/en/build-with-claude/batch-processing
    ("anthropic", "batch"): Decimal("0.5"),
}
"""By provider and service tier, the share of the standard list price of tokens. Searches and the like cost the same."""

_TEXTS: Final = ("meter", "provider", "model", "service_tier", "currency")
_NUMBERS: Final = ("multiplier", "request_price", "minimum_charge", "per_dollar")
_EXACT: Final = Context(prec=80)
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """None of a selector selects everything. `request_price` and `minimum_charge` are millicents, of one request.

    `per_dollar` is the account's unit per dollar of the list price, if accounts are kept in another `currency`. One
    that is not `active` selects nothing.
    """

    meter: str | None = None
    provider: str | None = None
    model: str | None = None
    service_tier: str | None = None
    multiplier: Decimal = _ONE
    request_price: Decimal = Decimal(0)
    minimum_charge: Decimal = Decimal(0)
    currency: str | None = None
    per_dollar: Decimal = _ONE
    active: bool = True

    def selects(self, meter: str, identity: ModelIdentity, tier: str) -> bool:
        return (
            self.active
            and self.meter in {None, meter}
            and self.provider in {None, identity.provider}
            and (self.model is None or matches(self.model, identity))
            and self.service_tier in {None, tier}
        )

    @property
    def specificity(self) -> tuple[bool, int, int, bool, bool]:
        """The higher, the more specific."""
        model = self.model or ""
        is_exact = bool(model) and "*" not in model
        letters = len(model.replace("*", ""))
        named = self.service_tier is not None, 2 if is_exact else int(bool(model)), letters
        return *named, self.provider is not None, self.meter is not None


@dataclass(frozen=True, slots=True)
class Applied:
    """How the list price becomes the price: by an adjustment, by the list price of a service tier, or by both."""

    terms: Terms | None = None
    tier_share: Decimal = _ONE

    @property
    def reference(self) -> str | None:
        return None if self.terms is None else self.terms.reference

    @property
    def changes_nothing(self) -> bool:
        return self.terms is None and self.tier_share == 1

    def to(self, items: Sequence[LineItem], requests: Fraction) -> list[LineItem]:
        """The line items of the list price, and those of what was adjusted."""
        adjusted = list(items)
        if self.tier_share != 1:
            tokens = [each for each in items if each.item.endswith("_tokens")]
            adjusted += _scaled("service_tier", tokens, self.tier_share)
        if self.terms is None:
            return adjusted
        terms = adjustment_from(self.terms.document)
        adjusted += _scaled("currency", adjusted, terms.per_dollar)
        adjusted += _scaled("adjustment", adjusted, terms.multiplier)
        if terms.request_price:
            adjusted.append(LineItem("adjustment_request", requests, terms.request_price))
        missing = Fraction(terms.minimum_charge) * requests - _sum(adjusted)
        return [*adjusted, LineItem("adjustment_minimum", missing, _ONE)] if missing > 0 else adjusted


def applying(terms: Iterable[Terms], meter: str, identity: ModelIdentity, tier: str) -> Applied | None:
    """What applies to usage of a model; None if no price of its service tier is known."""
    selected = [each for each in terms if adjustment_from(each.document).selects(meter, identity, tier)]
    by_name = sorted(selected, key=lambda each: each.name)
    best = max(by_name, key=lambda each: adjustment_from(each.document).specificity, default=None)
    return as_of(best, identity, tier)


def as_of(terms: Terms | None, identity: ModelIdentity, tier: str) -> Applied | None:
    """These terms, whatever is in effect now. A tier that they name is theirs alone."""
    if terms is not None and adjustment_from(terms.document).service_tier is not None:
        return Applied(terms)
    share = _list_share(identity, tier)
    return None if share is None else Applied(terms, share)


def adjustment_from(document: Mapping[str, Any]) -> Adjustment:
    """`document_of` is the inverse."""
    numbers: dict[str, Any] = {name: Decimal(document[name]) for name in _NUMBERS if name in document}
    texts = {name: document[name] for name in _TEXTS if name in document}
    return Adjustment(active=document.get("active", True), **numbers, **texts)


def document_of(adjustment: Adjustment) -> dict[str, Any]:
    """What is not the default, as texts: one document for one content."""
    texts = {name: value for name in _TEXTS if (value := getattr(adjustment, name)) is not None}
    numbers = {name: getattr(adjustment, name) for name in _NUMBERS}
    shown = {name: f"{value.normalize(_EXACT):f}" for name, value in numbers.items()}
    return texts | shown | {"active": adjustment.active}


def matches(pattern: str, identity: ModelIdentity) -> bool:
    """Whether the model's own name, or `provider/model`, is of the pattern; `*` stands for any characters, or none."""
    parts = (re.escape(part) for part in pattern.lower().split("*"))
    expression = re.compile(".*".join(parts), re.DOTALL)
    return any(expression.fullmatch(name.lower()) for name in (identity.model, identity.text))


def _list_share(identity: ModelIdentity, tier: str) -> Decimal | None:
    """The share of the standard list price that the tier costs; None if that is not known."""
    return _ONE if tier == DEFAULT_TIER else LIST_TIERS.get((identity.provider, tier))


def _scaled(name: str, items: Sequence[LineItem], factor: Decimal) -> list[LineItem]:
    """The difference that the factor makes to the sum of the items, as an item: its units are that sum."""
    total = _sum(items)
    return [LineItem(name, total, _EXACT.subtract(factor, _ONE))] if total and factor != 1 else []


def _sum(items: Iterable[LineItem]) -> Fraction:
    return sum((item.millicents for item in items), Fraction(0))
