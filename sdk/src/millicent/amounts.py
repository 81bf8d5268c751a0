"""Amounts of money, exact from the caller to the API and back.

The API uses millicents (1/1000 cent, $0.00001) with at most three decimals; a microcent is 1/1000 millicent. No amount
is ever converted to a binary float.
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final, TypeAlias

Amount: TypeAlias = int | Decimal | str
"""Millicents from the caller: `42`, `Decimal("42.5")` or `"42.500"`. A float is rejected: it is not exact."""

Dollars: TypeAlias = int | Decimal | str
"""Dollars with any number of decimals: `Decimal("0.00042")` or `"0.00042"`. A float is rejected: it is not exact."""

MILLICENTS_PER_DOLLAR: Final = 10**5
MICROCENTS_PER_DOLLAR: Final = 10**8
LARGEST_MICROCENTS: Final = 10**15
_MICROCENT: Final = Decimal("0.001")
_AMOUNTS_KEPT: Final = 4096


def wire_text(amount: Amount) -> str:
    """The amount as the API accepts it, a plain decimal string. The API checks its size and decimals.

    Raises TypeError for a float or a bool, ValueError for text that is not a finite number.
    """
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal | str):
        raise TypeError(f"an amount is an int, a Decimal or a decimal string, not {amount!r}")
    exact = _decimal(amount)
    if not exact.is_finite():
        raise ValueError(f"{amount!r} is not a finite amount")
    return format(exact, "f")


def microcents(amount_millicents: Decimal) -> int:
    """Exact: amounts of the API have at most three decimals."""
    return int(amount_millicents.scaleb(3))


def exact_microcents(amount: Amount) -> int:
    """The amount as the ledger counts it, of what a caller gives.

    Raises TypeError for a float or a bool, ValueError for what the API would refuse: less than 0, more than three
    decimals, too large.
    """
    if type(amount) is int:
        return _in_bounds(amount * 1000, amount)
    # A signaling NaN cannot be looked up.
    is_kept = type(amount) is str or (type(amount) is Decimal and not amount.is_snan())
    return _kept(amount) if is_kept else _parsed(amount)


@lru_cache(_AMOUNTS_KEPT)
def _kept(amount: Amount) -> int:
    """What is spent again and again costs the same again and again."""
    return _parsed(amount)


def _parsed(amount: Amount) -> int:
    exact = Decimal(wire_text(amount)).scaleb(3)
    if exact != exact.to_integral_value():
        raise ValueError(f"{amount!r} has more than three decimals")
    return _in_bounds(int(exact), amount)


def _in_bounds(amount_microcents: int, amount: Amount) -> int:
    if not 0 <= amount_microcents <= LARGEST_MICROCENTS:
        raise ValueError(f"{amount!r} is not from 0 to {LARGEST_MICROCENTS // 1000}")
    return amount_microcents


def millicents(amount_microcents: int) -> Decimal:
    """With three decimals: 1375 microcents are Decimal("1.375")."""
    return Decimal(amount_microcents).scaleb(-3)


def dollars_to_microcents(price_dollars: Decimal) -> int:
    """Rounded half up to a microcent; call it once, for the whole operation."""
    return int((price_dollars * MICROCENTS_PER_DOLLAR).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def readable(amount_millicents: Decimal) -> str:
    """For people: with thousands separators and three decimals ("1,234.500")."""
    return format(amount_millicents.quantize(_MICROCENT), ",f")


def _decimal(amount: int | Decimal | str) -> Decimal:
    try:
        return Decimal(amount)
    except ArithmeticError as malformed:
        raise ValueError(f"{amount!r} is not an amount; write it like 42 or 42.500") from malformed
