"""Amounts of money, exact from the caller's hand to the wire and back.

The API speaks millicents (1/1000 cent, $0.00001) with at most three decimals; a microcent is 1/1000 millicent. Nothing
here ever passes through a binary float.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeAlias

Amount: TypeAlias = int | Decimal | str
"""Millicents as a caller may give them: `42`, `Decimal("42.5")` or `"42.500"`. A float is refused: it is not exact."""

MICROCENTS_PER_DOLLAR: Final = 10**8
_MICROCENT: Final = Decimal("0.001")


def wire_text(amount: Amount) -> str:
    """The amount as the API takes it, a plain decimal string. Whether its size and decimals fit is for the API to say.

    Raises TypeError for a float or a bool, ValueError for text that is no finite number.
    """
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal | str):
        raise TypeError(f"an amount is an int, a Decimal or a decimal string, not {amount!r}")
    exact = _decimal(amount)
    if not exact.is_finite():
        raise ValueError(f"{amount!r} is not a finite amount")
    return format(exact, "f")


def microcents(amount_millicents: Decimal) -> int:
    """Amounts of the API have at most three decimals, so nothing is cut off."""
    return int(amount_millicents.scaleb(3))


def millicents(amount_microcents: int) -> Decimal:
    """With its three decimals: 1375 microcents are Decimal("1.375")."""
    return Decimal(amount_microcents).scaleb(-3)


def dollars_to_microcents(price_dollars: Decimal) -> int:
    """Rounded half up to a microcent; call it once, for the whole operation."""
    return int((price_dollars * MICROCENTS_PER_DOLLAR).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def readable(amount_millicents: Decimal) -> str:
    """For people: thousands apart, three decimals ("1,234.500")."""
    return format(amount_millicents.quantize(_MICROCENT), ",f")


def _decimal(amount: int | Decimal | str) -> Decimal:
    try:
        return Decimal(amount)
    except ArithmeticError as malformed:
        raise ValueError(f"{amount!r} is not an amount; write it like 42 or 42.500") from malformed
