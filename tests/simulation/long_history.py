"""How long it takes to check real-time order: `make order`, or `python -m tests.simulation.long_history OPERATIONS`."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Final

from tests.simulation.order import Moment, out_of_order

ACCOUNTS: Final = 202
UNDER_WAY: Final = 1000
"""Operations that are sent before the first of them is answered."""
BACK: Final = 10
"""By how many places the displaced operation is out: more than there are of its account under way with it."""


def long_history(operations: int, displaced: int) -> Iterator[Moment]:
    """A thousand operations under way at every time, all of them in order but one."""
    for number in range(operations + UNDER_WAY):
        if number < operations:
            yield Moment(number % ACCOUNTS, number, 0)
        if number >= UNDER_WAY:
            yield _answered(number - UNDER_WAY, displaced)


def _answered(number: int, displaced: int) -> Moment:
    seq = number // ACCOUNTS + 1
    return Moment(number % ACCOUNTS, number, seq - BACK if number == displaced else seq)


def main(operations: int) -> int:
    displaced = operations * 7 // 9
    history = list(long_history(operations, displaced))
    started_s = time.monotonic()
    found = out_of_order(history)
    seconds = round(time.monotonic() - started_s, 2)
    sys.stdout.write(json.dumps({"operations": operations, "out_of_order": len(found), "seconds": seconds}) + "\n")
    return 0 if found == [(displaced, displaced % ACCOUNTS)] else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
