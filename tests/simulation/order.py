"""Real-time order: an operation that was answered before another of its account was sent has the smaller seq."""

from collections.abc import Iterable
from typing import NamedTuple


class Moment(NamedTuple):
    """An operation was sent for the first time (`seq` is 0), or answered for the first time with this seq."""

    account: int
    operation: int
    seq: int


def out_of_order(history: Iterable[Moment | tuple[int, int, int]]) -> list[tuple[int, int]]:
    """(operation, account) of every operation with a seq below one that was answered before it was sent.

    `history` is in the order in which things happened.
    """
    answered: dict[int, int] = {}
    floors: dict[int, int] = {}
    found: list[tuple[int, int]] = []
    for account, operation, seq in history:
        if not seq:
            floors[operation] = answered.get(account, 0)
            continue
        if seq <= floors.pop(operation, 0):
            found.append((operation, account))
        if seq > answered.get(account, 0):
            answered[account] = seq
    return found
