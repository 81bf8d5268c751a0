"""The driver: runs the protocol's steps against a store. Clock, sleep and randomness are passed in."""

import secrets
import time
from collections.abc import Callable
from typing import Final, TypeVar

from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.frozen import dataclass
from shared.ledger.pauses import FIRST_PAUSE_MS, LONGEST_PAUSE_MS
from shared.ledger.protocol import (
    Busy,
    Command,
    CommandOutcome,
    Pause,
    Reply,
    Resumed,
    Steps,
    Unknown,
)

_Result = TypeVar("_Result")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Pace:
    """`monotonic_ms` reads a monotonic clock; `below` draws a random integer from 0 up to, but not including, its
    argument.
    """

    monotonic_ms: Callable[[], int]
    sleep_ms: Callable[[int], None]
    below: Callable[[int], int]

    def pause(self, ceiling_ms: int) -> None:
        """Full jitter: writers that collided retry at different times."""
        self.sleep_ms(self.below(ceiling_ms + 1))


# The system's randomness: a generator seeded once would draw the same numbers in every copy of a snapshotted process.
REAL_PACE: Final = Pace(
    monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
    sleep_ms=lambda duration_ms: time.sleep(duration_ms / 1000),
    below=secrets.randbelow,
)


def drive(steps: Steps[_Result], execute: Callable[[Command], CommandOutcome], pace: Pace, deadline_ms: int) -> _Result:
    """Executes the commands of the steps until the steps end.

    After `deadline_ms` the steps are told that no time is left.
    """
    ends_at_ms = pace.monotonic_ms() + deadline_ms
    reply: Reply | None = None
    while True:
        try:
            command = next(steps) if reply is None else steps.send(reply)
        except StopIteration as ended:
            result: _Result = ended.value
            return result
        outcome = _paused(command, pace) if isinstance(command, Pause) else execute(command)
        reply = Reply(outcome, ends_at_ms - pace.monotonic_ms())


def retry_until_deadline(ask: Callable[[], _Answer | Busy | Unknown], pace: Pace, deadline_ms: int) -> _Answer:
    """Asks until there is an answer. For reads and for idempotent writes only.

    Raises LedgerThrottled or LedgerUnavailable when there was no answer by the deadline, from the cause of the last
    failed attempt.
    """
    ends_at_ms = pace.monotonic_ms() + deadline_ms
    ceiling_ms = FIRST_PAUSE_MS
    while isinstance(answer := ask(), Busy | Unknown):
        remaining_ms = ends_at_ms - pace.monotonic_ms()
        if remaining_ms <= 0:
            raise _out_of_time(answer) from answer.cause
        pace.pause(min(ceiling_ms, remaining_ms))
        ceiling_ms = min(ceiling_ms * 2, LONGEST_PAUSE_MS)
    return answer


def _paused(command: Pause, pace: Pace) -> Resumed:
    pace.pause(command.ceiling_ms)
    return Resumed()


def _out_of_time(answer: Busy | Unknown) -> LedgerThrottled | LedgerUnavailable:
    if isinstance(answer, Busy) and answer.throttled:
        return LedgerThrottled("the table is over capacity")
    return LedgerUnavailable("the table did not answer in time")
