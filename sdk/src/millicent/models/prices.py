"""Rate cards, adjustments, rates of currencies, and quotes."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from millicent.models.times import Time


class Tier(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another price above a number of units."""

    above: str
    price: str


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Millicents for `per` units. Prices are exact decimal texts.

    `graduated` tiers apply to the units above their bound, `volume` tiers to all units, by the number of `tiers_by`.
    Units that are `part_of` other quantities are paid only once.
    """

    price: str
    per: int
    tiers: tuple[Tier, ...] = ()
    tier_mode: str = "graduated"
    tiers_by: str | None = None
    part_of: tuple[str, ...] = ()
    minimum_units: str | None = None

    @property
    def more(self) -> str:
        """All fields but price and per, in words."""
        words = [f"{tier.price} above {tier.above} {self.tiers_by or ''}".rstrip() for tier in self.tiers]
        if self.tiers:
            words.append(self.tier_mode)
        if self.part_of:
            words.append(f"part of {', '.join(self.part_of)}")
        if self.minimum_units is not None:
            words.append(f"at least {self.minimum_units}")
        return "; ".join(words)


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the prices of a model of a meter; `card` names it. The built-in card has no creator.

    `aliases` are further names that the card is for. `matched_model` is given of the card in effect: the model that the
    name was taken for, `provider/model` if it is a known one.
    """

    card: str
    version: int | str
    meter: str
    model: str | None = None
    aliases: tuple[str, ...] = ()
    matched_model: str | None = None
    prices: Mapping[str, Price]
    request_price: str
    minimum_charge: str
    effective_from: Time | None = None
    made_at: Time | None = None
    by: str | None = None


class RatePage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of meter, model and version. `in_effect` is given if the listing is of one card."""

    items: tuple[RateCard, ...]
    next: str | None = None
    in_effect: RateCard | None = None


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an adjustment of the built-in card. A selector that is absent selects everything.

    The price is the list price, times `per_dollar`, times `multiplier`, plus `request_price`, and at least
    `minimum_charge`. All are decimal texts.
    """

    adjustment: str
    name: str
    version: int
    multiplier: str
    request_price: str
    minimum_charge: str
    per_dollar: str
    active: bool
    effective_from: Time
    made_at: Time
    by: str
    meter: str | None = None
    provider: str | None = None
    model: str | None = None
    service_tier: str | None = None
    currency: str | None = None


class AdjustmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of name and version. `in_effect` names the versions in effect now."""

    items: tuple[Adjustment, ...]
    next: str | None = None
    in_effect: tuple[str, ...] = ()


class CurrencyRate(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the rate of a currency: what one unit of it is worth in dollars, a decimal text."""

    currency: str
    version: int
    rate: str
    effective_from: Time
    made_at: Time
    by: str


class CurrencyPage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of currency and version. `in_effect` names the versions in effect now."""

    items: tuple[CurrencyRate, ...]
    next: str | None = None
    in_effect: tuple[str, ...] = ()


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """Units at one price, exact decimal texts.

    `item` is a quantity, `request` or `minimum_charge`; or `service_tier`, `currency`, `adjustment`,
    `adjustment_request` or `adjustment_minimum`, which say what was adjusted.
    """

    item: str
    units: str
    price: str
    per: int
    amount: str


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The price of usage: `amount`, rounded once from the sum of `items`, by the rate card `card`.

    `hold` is the amount that a hold of the usage sets aside: its highest possible price. For an estimate that is the
    amount too. If an account was given, the amount is that of its next operation including its carry: `carry_before`
    and `carry_after`, in exact millicents.
    """

    amount: Decimal
    hold: Decimal
    card: str
    items: tuple[LineItem, ...]
    adjustment: str | None = None
    carry_before: str | None = None
    carry_after: str | None = None
