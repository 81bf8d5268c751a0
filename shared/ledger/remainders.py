"""Remainders: the fractions of a microcent of priced usage, which an account carries until they make up a whole one.

They are counted in quanta of 10^-15 microcent: a price with twelve decimals of a millicent, times units with six, is an
integer number of quanta. An operation with a fractional price takes the integer number of microcents nearest to its
price plus the carry, and the difference becomes the new carry: at least -1/2 and less than 1/2 microcent. So the sum
that an account has paid is always within half a microcent of the price of its usage.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from shared.ledger.amounts import MICROCENTS_PER_MILLICENT

_DECIMALS_OF_A_MILLICENT: Final = 18
QUANTA_PER_MICROCENT: Final = 10**_DECIMALS_OF_A_MILLICENT // MICROCENTS_PER_MILLICENT
_HALF: Final = QUANTA_PER_MICROCENT // 2
_ONE_HALF: Final = Fraction(1, 2)


class Settled(NamedTuple):
    """The microcents that an operation takes, and the carry after it in quanta."""

    amount: int
    carry: int


class Rounded(NamedTuple):
    """An exact number of microcents: `amount` is the nearest whole number, `remainder` the rest in quanta."""

    amount: int
    remainder: int


def rounded(microcents: Fraction) -> Rounded:
    """Rounded once, half up, to a microcent; the remainder is rounded to a quantum."""
    amount = (microcents + _ONE_HALF).__floor__()
    quanta = ((microcents - amount) * QUANTA_PER_MICROCENT + _ONE_HALF).__floor__()
    # Just below one half must stay below it, or `settled` would round a second time, up.
    return Rounded(amount, min(quanta, _HALF - 1))


def settled(amount: int, remainder: int | None, carry: int) -> Settled:
    """`amount` microcents and `remainder` quanta are the price. Without a `remainder` the carry does not change."""
    if remainder is None:
        return Settled(amount, carry)
    more, left = divmod(remainder + carry + _HALF, QUANTA_PER_MICROCENT)
    return Settled(amount + more, left - _HALF)


def carry_text(carry: int) -> str:
    """The carry as the API writes it: a decimal text of millicents, without an exponent."""
    # As text: not every client's JSON numbers have 18 decimals.
    exact = Decimal(carry).scaleb(-_DECIMALS_OF_A_MILLICENT)
    return f"{exact.normalize():f}" if carry else "0"
