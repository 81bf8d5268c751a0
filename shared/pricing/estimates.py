"""Estimates: the highest possible price of usage of which only upper bounds are known.

Usage is within an estimate if no quantity exceeds the estimate's. A part that the estimate does not name (such as the
cache writes of the input) may be as large as its whole; a quantity that is named neither itself nor as a whole is 0.
For all usage within the estimate, `worth_of` it is at most the price computed here: a hold of that amount covers the
work.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from shared.ledger.errors import InvalidOperation
from shared.pricing.rates import (
    LineItem,
    Price,
    Rate,
    Units,
    Worth,
    graduated,
    refuse_unknown,
    requests_in,
    rounded_up,
    with_minimum,
)

_ZERO = Fraction(0)


def most_of(units: Units, rate: Rate) -> Worth:
    """Rounded up. Raises InvalidOperation as `rates.worth_of` does."""
    refuse_unknown(units, rate)
    _refuse_parts_beyond_their_whole(units, rate)
    requests = requests_in(units, rate)
    items = [LineItem("request", requests, rate.request_price)] if rate.request_price else []
    summed = _of_requests(requests, rate)
    for root, parts in _families(units, summed).items():
        if parts:
            items += _dearest_mix(root, parts, units, summed)
        elif requests == 1:
            items += _dearest_number(root, units, summed)
        else:
            items.append(_dearest_of_all(root, units, summed))
    return rounded_up(with_minimum(items, rate, requests))


def _of_requests(requests: Fraction, rate: Rate) -> Rate:
    """Of so many requests each may need the minimum. Fewer of them need no more."""
    if requests == 1:
        return rate
    least = {name: Decimal(int(requests)) * price.minimum_units for name, price in rate.prices.items()}
    prices = {name: replace(price, minimum_units=least[name]) for name, price in rate.prices.items()}
    return replace(rate, prices=prices)


def _refuse_parts_beyond_their_whole(units: Units, rate: Rate) -> None:
    # The sum of several parts may exceed their whole: each part alone may be as large as the whole.
    for name, price in rate.prices.items():
        for whole in price.part_of:
            if _bound(whole, units, rate) < units.get(name, _ZERO):
                raise InvalidOperation(f"usage.{whole}", "at least as many as its parts, which it includes")


def _families(units: Units, rate: Rate) -> dict[str, list[str]]:
    """The quantities that are used and are part of no other, each with the parts that its units may be counted as."""
    families: dict[str, list[str]] = {
        name: [] for name, price in rate.prices.items() if not price.part_of and units.get(name)
    }
    for name, price in rate.prices.items():
        # A part of two quantities is bounded by the smaller one.
        roots = sorted((units[whole], whole) for whole in price.part_of if whole in families)
        if roots and _bound(name, units, rate):
            families[roots[0][1]].append(name)
    return families


def _bound(name: str, units: Units, rate: Rate) -> Fraction:
    """The most units that a quantity can have."""
    wholes = rate.prices[name].part_of if name in rate.prices else rate.counted.get(name, ())
    return min((units[each] for each in (name, *wholes) if each in units), default=_ZERO)


def _dearest_mix(root: str, parts: Iterable[str], units: Units, rate: Rate) -> Iterator[LineItem]:
    """All units of the root, assigned to its most expensive parts first, each at its highest price."""
    least = {name: Fraction(rate.prices[name].minimum_units) for name in (root, *parts)}
    most = {name: _bound(name, units, rate) + least[name] for name in parts}
    most[root] = max(units[root], least[root])
    left = most[root] + sum((least[name] for name in parts), _ZERO)
    dearest = {name: _dearest_price(name, most[name], units, rate) for name in most}
    for name in sorted(most, key=lambda name: (-Fraction(dearest[name]) / rate.prices[name].per, name)):
        number = min(most[name], left)
        left -= number
        if number:
            yield LineItem(name, number, dearest[name], rate.prices[name].per)


def _dearest_price(name: str, number: Fraction, units: Units, rate: Rate) -> Decimal:
    price = rate.prices[name]
    reached = number if price.tier_mode == "graduated" else _bound(price.tiers_by or name, units, rate)
    return max([price.price, *(tier.price for tier in price.tiers if reached > tier.above)])


def _dearest_of_all(name: str, units: Units, rate: Rate) -> LineItem:
    """All units at the highest price: tiers apply to one request, and not to the sum of several."""
    number = max(units[name], Fraction(rate.prices[name].minimum_units))
    return LineItem(name, number, _dearest_price(name, number, units, rate), rate.prices[name].per)


def _dearest_number(name: str, units: Units, rate: Rate) -> Iterator[LineItem]:
    """A quantity without parts: more units cost more, unless another tier's price then applies to all of them."""
    price = rate.prices[name]
    number, least = units[name], Fraction(price.minimum_units)
    if price.tier_mode == "graduated":
        yield from graduated(name, max(number, least), price)
    elif price.tiers_by not in {None, name}:
        yield LineItem(name, max(number, least), _dearest_price(name, number, units, rate), price.per)
    else:
        steps = [LineItem(name, max(each, least), step, price.per) for each, step in _up_to_each_tier(number, price)]
        yield max(steps, key=lambda item: item.millicents)


def _up_to_each_tier(number: Fraction, price: Price) -> Iterator[tuple[Fraction, Decimal]]:
    """For each reached tier: the most units to which its price can apply."""
    bounds = [_ZERO, *(Fraction(tier.above) for tier in price.tiers), number]
    for place, step in enumerate([price.price, *(tier.price for tier in price.tiers)]):
        if number > bounds[place]:
            yield min(number, bounds[place + 1]), step
