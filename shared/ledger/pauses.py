"""How long a request waits when a try has failed, and after how many lost tries it gives up.

A try is lost when another writer changed the account first. All figures are ceilings: a pause is a random time below.

    the account was quiet     20, 650, 350, 200, 150, 100 …      two requests met by chance
    it changed a moment ago       650, 350, 200, 150, 100 …      there is a crowd
    no answer, no capacity    20, 280, 280 …                     waiting decides nothing about who is next

In a crowd, one writer that goes on undisturbed is as fast as the table. Each request that comes back too early takes a
transaction away from it, so a newcomer stays away longest. Who has lost often comes back sooner: all of them get their
turn before their time is up.
"""

from typing import Final

FIRST_PAUSE_MS: Final = 20
"""Twice what a transaction takes: the one that was in the way is over by then, as a rule."""
LONGEST_PAUSE_MS: Final = 280
"""Every other pause for want of an answer."""
CROWD_PAUSES_MS: Final = (650, 350, 200, 150, 100)
"""After each lost try; the last one is repeated."""
QUIET_MS: Final = 250
"""An account that has not changed for so long has no crowd. It is much longer than clocks differ."""
TRIES_MAX: Final = 8
"""Tries that a request may lose against other writers of its accounts: a second of pauses as a rule."""
LARGE_BATCH: Final = 45
"""A batch of so many charges gives up after half as many tries: they take longer, and cost."""


def tries_of(charges: int) -> int:
    """How many tries in a row a request with so many charges may lose."""
    return TRIES_MAX // 2 if charges >= LARGE_BATCH else TRIES_MAX


def after_lost_tries_ms(tries: int, *, was_quiet: bool) -> int:
    """The ceiling of the pause when this many tries in a row were lost, at least 1."""
    if was_quiet and tries == 1:
        return FIRST_PAUSE_MS
    place = tries - 2 if was_quiet else tries - 1
    return CROWD_PAUSES_MS[min(place, len(CROWD_PAUSES_MS) - 1)]


def was_quiet(changed_at_ms: int, now_ms: int) -> bool:
    """Whether an account that last changed at `changed_at_ms` had been left alone for QUIET_MS."""
    return now_ms - changed_at_ms >= QUIET_MS
