"""The driver: the protocol's hands, and nothing of its head."""

from collections.abc import Callable

import pytest

from shared.adapters.driver import REAL_PACE, Pace, drive, retry_until_deadline
from shared.ledger.accounts import AccountState
from shared.ledger.errors import LedgerUnavailable
from shared.ledger.operations import Charge
from shared.ledger.protocol import Busy, Command, CommandOutcome, Found, Pause, Read, Reply, Resumed, Steps, Unknown
from tests.builders import ALICE

FOUND = Found(AccountState(ALICE))


class Clock:
    """Time that passes by sleeping, and by what is asked of the store."""

    def __init__(self) -> None:
        self.now_ms = 1000
        self.pauses_ms: list[int] = []

    def sleep_ms(self, duration_ms: int) -> None:
        self.pauses_ms.append(duration_ms)
        self.now_ms += duration_ms

    def taking(self, duration_ms: int, outcome: CommandOutcome) -> Callable[[Command], CommandOutcome]:
        def execute(_command: Command) -> CommandOutcome:
            self.now_ms += duration_ms
            return outcome

        return execute

    def pace(self, below: Callable[[int], int] = lambda ceiling: ceiling // 2) -> Pace:
        return Pace(lambda: self.now_ms, self.sleep_ms, below)


def asking(*commands: Command) -> Steps[list[Reply]]:
    replies = []
    for command in commands:
        reply = yield command
        replies.append(reply)
    return replies


def test_steps_get_each_outcome_with_the_time_that_is_left() -> None:
    clock = Clock()
    replies = drive(
        asking(Read(ALICE, Charge(1)), Read(ALICE, Charge(1))), clock.taking(30, FOUND), clock.pace(), deadline_ms=50
    )
    assert replies == [Reply(FOUND, 20), Reply(FOUND, -10)]


def test_a_pause_is_slept_and_not_executed() -> None:
    clock = Clock()
    replies = drive(asking(Pause(40)), clock.taking(0, Unknown()), clock.pace(), deadline_ms=50)
    assert (replies, clock.pauses_ms) == ([Reply(Resumed(), 30)], [20])


def test_a_pause_can_be_nothing_and_can_be_the_whole_ceiling() -> None:
    ceilings: list[int] = []

    def below(ceiling: int) -> int:
        ceilings.append(ceiling)
        return 0

    clock = Clock()
    drive(asking(Pause(40)), clock.taking(0, FOUND), clock.pace(below), deadline_ms=50)
    assert (ceilings, clock.pauses_ms) == ([41], [0])


def test_what_the_store_raises_reaches_the_caller() -> None:
    def execute(_command: Command) -> CommandOutcome:
        raise StopIteration

    with pytest.raises(StopIteration):
        drive(asking(Read(ALICE, Charge(1))), execute, Clock().pace(), deadline_ms=50)


def test_insisting_pauses_twice_as_long_each_time_up_to_a_limit_and_never_past_the_deadline() -> None:
    clock = Clock()
    with pytest.raises(LedgerUnavailable):
        retry_until_deadline(Busy, clock.pace(lambda ceiling: ceiling - 1), deadline_ms=1300)
    assert clock.pauses_ms == [20, 40, 80, 160, 280, 280, 280, 160]


@pytest.mark.parametrize("answer", [Unknown(OSError("cut")), Busy(cause=OSError("cut"))])
def test_who_insists_in_vain_learns_what_kept_the_last_answer_from_coming(answer: Unknown | Busy) -> None:
    with pytest.raises(LedgerUnavailable) as raised:
        retry_until_deadline(lambda: answer, Clock().pace(), deadline_ms=50)
    assert raised.value.__cause__ is answer.cause


def test_insisting_returns_the_first_answer_even_a_false_one() -> None:
    answers = iter([Unknown(), Busy(), False])
    assert retry_until_deadline(lambda: next(answers), Clock().pace(), deadline_ms=1000) is False


def test_real_chance_stays_below_its_ceiling_and_reaches_both_ends() -> None:
    assert {REAL_PACE.below(3) for _ in range(1000)} == {0, 1, 2}


def test_the_real_clock_counts_what_was_slept() -> None:
    before_ms = REAL_PACE.monotonic_ms()
    REAL_PACE.sleep_ms(20)
    assert REAL_PACE.monotonic_ms() - before_ms >= 19
