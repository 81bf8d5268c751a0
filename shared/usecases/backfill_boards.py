"""Builds the boards of all tenants from the items of their accounts: for accounts that were counted before there were
boards, or where messages were lost. It may be stopped at any time, and run again: it only takes what is newer.
A board that lost a text begins anew.
"""

from collections.abc import Callable

from shared.ledger.boards import Register
from shared.ledger.frozen import dataclass
from shared.ports.boards import UsageItems
from shared.usecases.merge_boards import BoardDesk, merge_boards


@dataclass(frozen=True, slots=True)
class Backfilled:
    """`next` continues; None at the end."""

    items: int
    boards: int
    malformed: tuple[str, ...]
    next: str | None


def backfill_boards(
    after: str | None, items: UsageItems, desk: BoardDesk, is_time_up: Callable[[], bool], at_once: int = 5000
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
        boards += merge_boards(registers, desk, anew=True)
        taken, after = taken + len(registers), next_after
        if after is None or is_time_up():
            return Backfilled(taken, boards, tuple(malformed), after)
