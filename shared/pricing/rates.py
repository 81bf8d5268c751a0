"""Rates: compute the price of usage.

All computation uses exact fractions, for the whole operation, and rounds once: half up, to a microcent. The difference
is kept beside the amount, as the remainder that the account carries.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from shared.ledger.amounts import MAX_AMOUNT_MICROCENTS, MAX_AMOUNT_MILLICENTS, MICROCENTS_PER_MILLICENT
from shared.ledger.errors import InvalidOperation
from shared.ledger.frozen import dataclass
from shared.ledger.remainders import rounded

TierMode: TypeAlias = Literal["graduated", "volume"]
Units: TypeAlias = Mapping[str, Fraction]
"""The number of units of each quantity."""

REQUESTS: Final = "requests"
"""The number of requests that a usage is the sum of; a card may have a price for it instead, like for any quantity."""

_ZERO = Fraction(0)
_ONE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Tier:
    """The price above a number of units."""

    above: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Millicents for `per` units of a quantity.

    `graduated` tiers, in rising order, each apply only to the units above their bound. Of `volume` tiers, one applies
    to all units: the highest whose bound the number of units of `tiers_by` (default: the quantity itself) exceeds.
    `part_of` names the quantities that include these units: a part with its own price is not paid again there. Any use
    pays for at least `minimum_units`.
    """

    price: Decimal
    per: int = 1
    tiers: tuple[Tier, ...] = ()
    tier_mode: TierMode = "graduated"
    tiers_by: str | None = None
    part_of: tuple[str, ...] = ()
    minimum_units: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The prices of the quantities of one model. `request_price` and `minimum_charge` are millicents per operation.

    `counted` maps quantities without a price of their own to the priced quantities that include them. `dearer` are
    those of them that cost more than their whole, at a price that is not known: only none of them has a price.
    `overlaps` maps a quantity to pairs of quantities whose common units it counts: it must be given, be it with 0,
    where both of a pair are used.
    """

    prices: Mapping[str, Price]
    request_price: Decimal = Decimal(0)
    minimum_charge: Decimal = Decimal(0)
    counted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dearer: frozenset[str] = frozenset()
    overlaps: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        """Whether every usage costs 0."""
        every = [self.request_price, self.minimum_charge]
        for price in self.prices.values():
            every += [price.price, *(tier.price for tier in price.tiers)]
        return not any(every)

    def is_used_by(self, units: Mapping[str, Fraction]) -> bool:
        """Whether the usage has a quantity that this rate could price, or refuse."""
        return any(
            name in self.prices or name in self.counted or (number > 0 and name != REQUESTS)
            for name, number in units.items()
        )


@dataclass(frozen=True, slots=True)
class LineItem:
    """Units at one price. `item` is the quantity, `request`, or `minimum_charge` for the difference to that minimum."""

    item: str
    units: Fraction
    price: Decimal
    per: int = 1

    @property
    def millicents(self) -> Fraction:
        return self.units * Fraction(self.price) / self.per


@dataclass(frozen=True, slots=True)
class Worth:
    """`amount` in microcents is the sum of the items, rounded once.

    `remainder` is the sum minus the amount, in quanta of remainders.py.
    """

    amount: int
    items: tuple[LineItem, ...]
    remainder: int = 0


def worth_of(units: Units, rate: Rate) -> Worth:
    """Raises InvalidOperation for an unknown quantity, for parts that exceed their whole or may overlap, and for an
    amount above the maximum.
    """
    refuse_unknown(units, rate)
    _refuse_untold_overlaps(units, rate)
    return rounded_once(with_minimum(list(_items(units, rate)), rate, requests_in(units, rate)))


def rounded_once(items: list[LineItem]) -> Worth:
    """The sum of the items, rounded half up. Raises InvalidOperation for an amount above the maximum."""
    amount, remainder = rounded(_microcents(items))
    return Worth(_within_bounds(amount), tuple(items), remainder)


def rounded_up(items: list[LineItem]) -> Worth:
    """An amount that covers the items, whatever carry is added to them. Raises as `worth_of` does."""
    return Worth(_within_bounds(_microcents(items).__ceil__()), tuple(items))


def requests_in(units: Units, rate: Rate) -> Fraction:
    """How many requests the usage is the sum of: 1, unless it says so. Raises InvalidOperation for a part of one."""
    if REQUESTS in rate.prices:
        return _ONE
    requests = units.get(REQUESTS, _ONE)
    if requests < 1 or requests.denominator != 1:
        raise InvalidOperation(f"usage.{REQUESTS}", "a whole number of at least 1")
    return requests


def with_minimum(items: list[LineItem], rate: Rate, requests: Fraction) -> list[LineItem]:
    """The items, with the difference to the minimum charge of that many requests."""
    missing = requests * Fraction(rate.minimum_charge) - _sum(items)
    return [*items, LineItem("minimum_charge", missing, Decimal(1))] if missing > 0 else items


def refuse_unknown(units: Units, rate: Rate) -> None:
    """A quantity of 0 needs no price: exports have a column for each quantity."""
    for name, number in units.items():
        if name in rate.prices or name == REQUESTS or (not number and name not in rate.counted):
            continue
        if name not in rate.counted:
            known = ", ".join(sorted(rate.prices)) or "none"
            raise InvalidOperation(f"usage.{name}", f"one of the priced quantities: {known}")
        if any(units.get(whole, _ZERO) < number for whole in rate.counted[name]):
            raise InvalidOperation(
                f"usage.{name}", f"at most {' and '.join(rate.counted[name])}, of which it is a part"
            )


def _refuse_untold_overlaps(units: Units, rate: Rate) -> None:
    for name, pairs in rate.overlaps.items():
        for one, other in pairs:
            if name not in units and units.get(one) and units.get(other):
                raise InvalidOperation(f"usage.{name}", f"given: how many of {one} are also {other}, 0 for none")


def _items(units: Units, rate: Rate) -> Iterator[LineItem]:
    requests = requests_in(units, rate)
    if rate.request_price:
        yield LineItem("request", requests, rate.request_price)
    for name, own in _own_units(units, rate).items():
        number = own + _missing_units(units.get(name, _ZERO), rate.prices[name], requests)
        if number and requests == 1:
            yield from _priced(name, number, rate.prices[name], units)
        elif number:
            # A tier is for the units of one request, and nothing says how many one of these had.
            yield LineItem(name, number, rate.prices[name].price, rate.prices[name].per)


def _missing_units(used: Fraction, price: Price, requests: Fraction) -> Fraction:
    """Units that are paid up to the minimum without being used. Parts with a price of their own count as used."""
    return max(requests * Fraction(price.minimum_units) - used, _ZERO) if used else _ZERO


def _own_units(units: Units, rate: Rate) -> Units:
    """The units of each quantity without the parts that have a price of their own."""
    own: dict[str, Fraction] = {}
    # Quantities that are part of the most others come first: the parts of a quantity must be known before it.
    for name in sorted(rate.prices, key=lambda name: -len(rate.prices[name].part_of)):
        parts = sum((own[part] for part in own if name in rate.prices[part].part_of), _ZERO)
        own[name] = units.get(name, _ZERO) - parts
        if own[name] < 0:
            raise InvalidOperation(f"usage.{name}", "at least as many as its parts, which it includes")
    return {name: own[name] for name in rate.prices}


def _priced(name: str, number: Fraction, price: Price, units: Units) -> Iterator[LineItem]:
    if price.tier_mode == "volume":
        volume = units.get(price.tiers_by or name, _ZERO)
        reached = [tier.price for tier in price.tiers if volume > tier.above]
        yield LineItem(name, number, reached[-1] if reached else price.price, price.per)
        return
    yield from graduated(name, number, price)


def graduated(name: str, number: Fraction, price: Price) -> Iterator[LineItem]:
    """The units, each at the price of its tier."""
    lower = _ZERO
    for upper, step_price in _steps(price):
        if number > lower:
            yield LineItem(name, (number if upper is None else min(number, upper)) - lower, step_price, price.per)
        lower = upper or lower


def _steps(price: Price) -> Iterator[tuple[Fraction | None, Decimal]]:
    """Each tier's upper bound, None for the last, and its price."""
    uppers = [*(Fraction(tier.above) for tier in price.tiers), None]
    return zip(uppers, [price.price, *(tier.price for tier in price.tiers)], strict=True)


def _sum(items: list[LineItem]) -> Fraction:
    return sum((item.millicents for item in items), _ZERO)


def _microcents(items: list[LineItem]) -> Fraction:
    return _sum(items) * MICROCENTS_PER_MILLICENT


def _within_bounds(amount: int) -> int:
    if amount > MAX_AMOUNT_MICROCENTS:
        raise InvalidOperation("usage", f"worth at most {MAX_AMOUNT_MILLICENTS} millicents")
    return amount
