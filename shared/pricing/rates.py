"""Rates: what usage is worth.

Everything is computed with exact fractions, for the whole operation, and rounded once: half up, to a microcent. What
that leaves out is kept beside the amount, for the account to carry.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

from shared.ledger.amounts import MAX_AMOUNT_MICROCENTS, MAX_AMOUNT_MILLICENTS, MICROCENTS_PER_MILLICENT
from shared.ledger.errors import InvalidOperation
from shared.ledger.remainders import QUANTA_PER_MICROCENT

TierMode: TypeAlias = Literal["graduated", "volume"]
Units: TypeAlias = Mapping[str, Fraction]
"""How much of each quantity was used."""

_ZERO = Fraction(0)
_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Tier:
    """Above so many units another price holds."""

    above: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Millicents for `per` units of a quantity.

    `graduated` tiers, in rising order, each hold for the units above their bound alone; of `volume` tiers the one that
    the number of units of `tiers_by` (of the quantity itself by default) is above holds for all units. `part_of` names
    the quantities that count these units too: what has a price of its own is not paid for again there. Whoever uses any
    pays for `minimum_units`.
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
    """The prices of the quantities of one model. `request_price` and `minimum_charge` are millicents an operation.

    `counted` names quantities without a price of their own, and the priced ones that count them already.
    """

    prices: Mapping[str, Price]
    request_price: Decimal = Decimal(0)
    minimum_charge: Decimal = Decimal(0)
    counted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LineItem:
    """Units at one price. `item` is the quantity, `request`, or `minimum_charge` for what is missing to that."""

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

    `remainder` is what the sum is beyond that, in quanta of remainders.py.
    """

    amount: int
    items: tuple[LineItem, ...]
    remainder: int = 0


def worth_of(units: Units, rate: Rate) -> Worth:
    """Raises InvalidOperation for a quantity that the rate does not know, for parts that are more than their whole,
    and for an amount beyond all bounds.
    """
    refuse_unknown(units, rate)
    items = with_minimum(list(_items(units, rate)), rate)
    amount, remainder = _rounded(_microcents(items))
    return Worth(_within_bounds(amount), tuple(items), remainder)


def rounded_up(items: list[LineItem]) -> Worth:
    """So much covers the items, whatever is carried when they are paid. Raises as `worth_of` does."""
    return Worth(_within_bounds(_microcents(items).__ceil__()), tuple(items))


def with_minimum(items: list[LineItem], rate: Rate) -> list[LineItem]:
    """The items, and what they are short of the least charge."""
    missing = Fraction(rate.minimum_charge) - _sum(items)
    return [*items, LineItem("minimum_charge", missing, Decimal(1))] if missing > 0 else items


def refuse_unknown(units: Units, rate: Rate) -> None:
    for name, number in units.items():
        if name in rate.prices:
            continue
        if name not in rate.counted:
            known = ", ".join(sorted(rate.prices)) or "none"
            raise InvalidOperation(f"usage.{name}", f"one of the priced quantities: {known}")
        if any(units.get(whole, _ZERO) < number for whole in rate.counted[name]):
            raise InvalidOperation(
                f"usage.{name}", f"at most {' and '.join(rate.counted[name])}, of which it is a part"
            )


def _items(units: Units, rate: Rate) -> Iterator[LineItem]:
    if rate.request_price:
        yield LineItem("request", Fraction(1), rate.request_price)
    for name, own in _own_units(units, rate).items():
        number = own + _missing_units(units.get(name, _ZERO), rate.prices[name])
        if number:
            yield from _priced(name, number, rate.prices[name], units)


def _missing_units(used: Fraction, price: Price) -> Fraction:
    """What is paid for though it was not used. Parts with a price of their own count as used."""
    return max(Fraction(price.minimum_units) - used, _ZERO) if used else _ZERO


def _own_units(units: Units, rate: Rate) -> Units:
    """What is left of each quantity without the parts that have a price of their own."""
    own: dict[str, Fraction] = {}
    # What is part of more comes first: the parts of a quantity are known before it.
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
    """The units, each at the price of its step."""
    lower = _ZERO
    for upper, step_price in _steps(price):
        if number > lower:
            yield LineItem(name, (number if upper is None else min(number, upper)) - lower, step_price, price.per)
        lower = upper or lower


def _steps(price: Price) -> Iterator[tuple[Fraction | None, Decimal]]:
    """Each step's upper end, None for the last, and its price."""
    uppers = [*(Fraction(tier.above) for tier in price.tiers), None]
    return zip(uppers, [price.price, *(tier.price for tier in price.tiers)], strict=True)


def _sum(items: list[LineItem]) -> Fraction:
    return sum((item.millicents for item in items), _ZERO)


def _microcents(items: list[LineItem]) -> Fraction:
    return _sum(items) * MICROCENTS_PER_MILLICENT


def _rounded(microcents: Fraction) -> tuple[int, int]:
    """Half up to a microcent, and what that leaves out, in quanta."""
    quanta = (microcents * QUANTA_PER_MICROCENT + _HALF).__floor__()
    amount = (Fraction(quanta, QUANTA_PER_MICROCENT) + _HALF).__floor__()
    return amount, quanta - amount * QUANTA_PER_MICROCENT


def _within_bounds(amount: int) -> int:
    if amount > MAX_AMOUNT_MICROCENTS:
        raise InvalidOperation("usage", f"worth at most {MAX_AMOUNT_MILLICENTS} millicents")
    return amount
