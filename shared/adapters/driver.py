"""The driver: runs the protocol's steps against a store, with a clock, a sleep and chance that are given to it."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from shared.ledger.protocol import (
    FIRST_PAUSE_MS,
    LONGEST_PAUSE_MS,
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
    """`monotonic_ms` reads a clock that is never set, `below` draws a whole number from 0 up to but not including."""

    monotonic_ms: Callable[[], int]
    sleep_ms: Callable[[int], None]
    below: Callable[[int], int]

    def pause(self, ceiling_ms: int) -> None:
        """Full jitter: those who ran into each other come back apart."""
        self.sleep_ms(self.below(ceiling_ms + 1))


# The system's randomness, as a generator seeded once would draw the same in every copy of a snapshotted process.
REAL_PACE: Final = Pace(
    monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
    sleep_ms=lambda duration_ms: time.sleep(duration_ms / 1000),
    below=secrets.randbelow,
)


def drive(steps: Steps[_Result], execute: Callable[[Command], CommandOutcome], pace: Pace, deadline_ms: int) -> _Result:
    """Executes what the steps ask for until they end; `deadline_ms` from now they learn that their time is over."""
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
    """Asks until there is an answer: for calls that change nothing, or nothing more the second time.

    Raises LedgerThrottled or LedgerUnavailable when there was none by the deadline, with what kept the last from coming
    as the cause.
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
