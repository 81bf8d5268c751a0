"""Remainders: what usage is worth below a microcent, which an account carries until it makes one up.

Counted in quanta, of which a microcent has 10^15: a price with twelve decimals of a millicent, times units with six, is
a whole number of them. An operation whose worth is no whole number of microcents takes the nearest one to its worth and
the carry together, and leaves the difference as the new carry: from half a microcent below to less than half above. So
what an account has paid is never half a microcent from the sum of what its usage was worth.
"""

from decimal import Decimal
from typing import Final, NamedTuple

from shared.ledger.amounts import MICROCENTS_PER_MILLICENT

_DECIMALS_OF_A_MILLICENT: Final = 18
QUANTA_PER_MICROCENT: Final = 10**_DECIMALS_OF_A_MILLICENT // MICROCENTS_PER_MILLICENT
_HALF: Final = QUANTA_PER_MICROCENT // 2


class Settled(NamedTuple):
    """What an operation takes, in microcents, and what is carried on after it, in quanta."""

    amount: int
    carry: int


def settled(amount: int, remainder: int | None, carry: int) -> Settled:
    """`amount` microcents and `remainder` quanta are what it is worth; None where that is whole: nothing changes."""
    if remainder is None:
        return Settled(amount, carry)
    more, left = divmod(remainder + carry + _HALF, QUANTA_PER_MICROCENT)
    return Settled(amount + more, left - _HALF)


def carry_text(carry: int) -> str:
    """The carry as the API writes it: a decimal text of millicents, without an exponent."""
    # As a text of digits: 18 decimals are more than a number of JSON has for every client.
    exact = Decimal(carry).scaleb(-_DECIMALS_OF_A_MILLICENT)
    return f"{exact.normalize():f}" if carry else "0"
