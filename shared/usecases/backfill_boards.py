"""Builds the boards of all tenants from the items of their accounts: for accounts that were counted before there were
boards, or where messages were lost. It may be stopped at any time, and run again: it only takes what is newer.
A board that lost a text begins anew.
"""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Final

from shared.ledger.boards import Register
from shared.ledger.frozen import dataclass
from shared.ports.boards import UsageItems
from shared.usecases.merge_boards import BoardDesk, merge_boards

AT_ONCE: Final = 50_000
"""Items that are taken together: each time every day is rewritten whole."""


@dataclass(frozen=True, slots=True)
class Backfilled:
    """`next` continues; None at the end."""

    items: int
    boards: int
    malformed: tuple[str, ...]
    next: str | None


def backfill_boards(
    after: str | None, items: UsageItems, desk: BoardDesk, is_time_up: Callable[[], bool], at_once: int = AT_ONCE
) -> Backfilled:
    """From `after` on (None: from the first), as far as time allows. Raises as `merge_boards` does."""
    taken, boards, malformed = 0, 0, list[str]()
    while True:
        registers, next_after = list[Register](), after
        while len(registers) < at_once:
            page = items.page(next_after)
            registers += page.registers
            malformed += page.malformed
            next_after = page.next
            if next_after is None:
                break
        boards += sum(merge_boards(each, desk, anew=True) for each in _by_day(registers))
        taken, after = taken + len(registers), next_after
        if after is None or is_time_up():
            return Backfilled(taken, boards, tuple(malformed), after)


def _by_day(registers: Iterable[Register]) -> Iterable[list[Register]]:
    """One day after the other, so that no more than that of a board is in memory."""
    in_order = sorted(registers, key=lambda each: each.day)
    return (list(of_day) for _, of_day in groupby(in_order, key=lambda each: each.day))
