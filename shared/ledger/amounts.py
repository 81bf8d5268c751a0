"""Amounts of money: parsed exactly, stored as integers.

The API uses millicents (1/1000 cent) with at most three decimals. The ledger stores microcents (1/1000 millicent), an
integer, so every computation is exact.
"""

import re
from decimal import Decimal
from typing import Final

from shared.ledger.errors import InvalidAmount

MICROCENTS_PER_MILLICENT: Final = 1000
MAX_AMOUNT_MICROCENTS: Final = 10**15
MAX_AMOUNT_MILLICENTS: Final = MAX_AMOUNT_MICROCENTS // MICROCENTS_PER_MILLICENT

DECIMALS: Final = 3
_DECIMAL_STRING: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")


def parse_millicents(value: object) -> int:
    """Converts an amount of the API to microcents.

    `value` is a number from an exact JSON parser (int or Decimal, never float) or a decimal string such as
    "42.500". Raises InvalidAmount, whose message completes the sentence "<field> must be …".
    """
    amount = _exact(value)
    if not amount.is_finite():
        raise InvalidAmount("a finite number")
    if amount < 0:
        raise InvalidAmount("0 or more")
    if amount > MAX_AMOUNT_MILLICENTS:
        raise InvalidAmount(f"at most {MAX_AMOUNT_MILLICENTS} millicents")
    if _decimals(amount) > DECIMALS:
        raise InvalidAmount("an amount with at most three decimals")
    return int(amount * MICROCENTS_PER_MILLICENT)


def to_millicents(amount_microcents: int) -> int | Decimal:
    """The amount as the API writes it: an int if it is whole, otherwise a Decimal with one to three decimals."""
    whole, rest = divmod(amount_microcents, MICROCENTS_PER_MILLICENT)
    return Decimal(amount_microcents).scaleb(-DECIMALS).normalize() if rest else whole


def _exact(value: object) -> Decimal:
    # bool is an int in Python, but `true` is not an amount. A float has already lost the exact value.
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise InvalidAmount("a number or a decimal string")
    if isinstance(value, str) and not _DECIMAL_STRING.fullmatch(value):
        raise InvalidAmount('a number or a decimal string such as "42.5"')
    return Decimal(value)


def _decimals(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
