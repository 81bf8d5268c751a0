"""Numbers of units: what is one, and the one spelling of each."""

import re
from decimal import Decimal
from typing import Final

from shared.pricing.usage import Quantity

MAX_UNITS: Final = 10**15
MAX_DECIMALS: Final = 6
UNITS: Final = f"must be a number or a decimal string from 0 to {MAX_UNITS}, with at most six decimals"

_NUMBER: Final = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")


def is_number_of_units(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return False
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return False
    number = Decimal(value)
    return number.is_finite() and 0 <= number <= MAX_UNITS and number == round(number, MAX_DECIMALS)


def quantity(value: int | Decimal | str) -> Quantity:
    """The one spelling of a number of units."""
    number = Decimal(value)
    whole = int(number)
    return whole if whole == number else f"{number.normalize():f}"
