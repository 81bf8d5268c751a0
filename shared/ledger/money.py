"""Money: costs that are given in dollars or another currency, as exact decimal texts of any sane precision.

The ledger counts microcents; a dollar is 10^8 of them. A text such as "0.0000123" is exact, so it is computed with as a
fraction and rounded once, half up, to a microcent. What is below a microcent is a remainder, as for priced usage.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from shared.ledger.errors import InvalidAmount
from shared.ledger.remainders import Rounded, rounded

MICROCENTS_PER_DOLLAR: Final = 10**8
MAX_TEXT: Final = 64
MAX_WHOLE_DIGITS: Final = 15
MAX_DECIMALS: Final = 40

DECIMAL_TEXT: Final = r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?"
"""The numbers of JSON that are not negative, with an exponent of two digits."""
_DECIMAL_TEXT: Final = re.compile(DECIMAL_TEXT)


def money_text(value: object) -> str:
    """The text of an amount of money: a decimal text as it was given, a number in plain decimals.

    `value` is a number from an exact JSON parser (int or Decimal, never float) or a decimal text. Raises InvalidAmount,
    whose message completes the sentence "<field> must be …".
    """
    # bool is an int in Python, but `true` is no money. A float has already lost the exact value.
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise InvalidAmount("a number or a decimal string")
    if isinstance(value, str) and not (len(value) <= MAX_TEXT and _DECIMAL_TEXT.fullmatch(value)):
        raise InvalidAmount(f'a decimal of 0 or more, of at most {MAX_TEXT} characters, such as "0.0000123"')
    number = Decimal(value)
    if not number.is_finite():
        raise InvalidAmount("a finite number")
    if number.is_signed():
        raise InvalidAmount("0 or more")
    if number and number.adjusted() >= MAX_WHOLE_DIGITS:
        raise InvalidAmount(f"below 10^{MAX_WHOLE_DIGITS}")
    if _decimals(number) > MAX_DECIMALS:
        raise InvalidAmount(f"a decimal with at most {MAX_DECIMALS} decimals")
    return value if isinstance(value, str) else f"{number:f}"


def same_money(text: str) -> str:
    """The one spelling of all texts of this value: 1.50 and 1.5 are the same content. Raises as `money_text` does."""
    plain = f"{Decimal(money_text(text)):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def microcents_of(text: str, dollars: Fraction = Fraction(1)) -> Fraction:
    """The exact value of the text in microcents; `dollars` is what one unit of its currency is worth.

    Raises as `money_text` does: an altered record may say anything.
    """
    return Fraction(money_text(text)) * dollars * MICROCENTS_PER_DOLLAR


def cost_of(parameters: Mapping[str, Any]) -> Rounded | None:
    """What the money in an operation's parameters comes to; None if they have none. Raises as `money_text` does."""
    if "cost_usd" in parameters:
        return rounded(microcents_of(parameters["cost_usd"]))
    if "cost_money" in parameters:
        rate = Fraction(money_text(parameters["exchange_rate"]["rate"]))
        return rounded(microcents_of(parameters["cost_money"]["amount"], rate))
    return None


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
