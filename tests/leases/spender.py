"""A process that spends of a budget until its standard input ends, or until it is killed.

`python -m tests.leases.spender URL PREFIX RECORD JOURNAL`, the journal `-` for none. Says on standard output what it is
about to spend, and that it was accepted: `try KEY MICROCENTS`, `ok KEY`; `closed` after a clean end.
"""

import os
import select
import sys
from random import Random
from typing import Any, cast

from millicent import InsufficientCredits, Millicent
from millicent.amounts import millicents
from millicent.leases.terms import Record
from tests.leases.services import ACTOR

SLICE = 20_000
"""Millicents."""
TTL_S = 60
PAUSE_S = 0.01


def main(url: str, prefix: str, record: Record, journal: str) -> None:
    random = Random(prefix)
    settings: dict[str, Any] = {"record": record, "ttl_s": TTL_S, "flush_every_s": 0.05, "wait_s": 20.0}
    with (
        Millicent(url, "token") as client,
        client.budget(ACTOR, SLICE, journal=None if journal == "-" else journal, **settings) as budget,
    ):
        for number in range(10**9):
            if select.select([sys.stdin], [], [], PAUSE_S)[0]:
                break
            key, microcents = f"{prefix}.{number}", random.randrange(1, 5000)
            say(f"try {key} {microcents}")
            try:
                budget.spend(millicents(microcents), key=key if record == "each" else None)
            except InsufficientCredits:
                continue
            say(f"ok {key}")
    say("closed")


def say(line: str) -> None:
    """Whole, and at once: what was said before a kill was said."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], cast("Record", sys.argv[3]), sys.argv[4])
