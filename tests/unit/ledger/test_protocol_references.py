"""What an operation names can change while the operation is under way; the protocol never judges by how it was."""

from dataclasses import replace

import pytest

from shared.ledger.accounts import AccountState
from shared.ledger.context import References
from shared.ledger.due import DueHolds
from shared.ledger.entries import Entry
from shared.ledger.holds import Hold
from shared.ledger.operations import CaptureHold, Charge, ExtendHold, FundingUpdate, Operation, PlaceHold, ReleaseHold
from shared.ledger.pauses import TRIES_MAX
from shared.ledger.protocol import (
    DUE_WITH_ONE,
    Busy,
    CommandOutcome,
    Commit,
    Committed,
    Conflict,
    FindDue,
    Found,
    FoundDue,
    Pause,
    Read,
    Reply,
    Resumed,
    do_what_is_due,
    record,
)
from shared.ledger.reducer import apply, catch_up
from tests.builders import NOW_MS, after, operation

FUNDED = after(FundingUpdate(0, 100))
PLACED = apply(FUNDED, operation("place", PlaceHold(60, ttl_ms=5)), NOW_MS)
AS_PLACED = PLACED.holds[0].hold
EXTENDED = apply(
    PLACED.state, operation("extend", ExtendHold("h2", ttl_ms=1000)), NOW_MS + 4, References(hold=AS_PLACED)
)
AS_EXTENDED = EXTENDED.holds[0].hold
LATER_MS = NOW_MS + 10
"""By then the hold as it was placed is over; as it was extended it is not."""
OVER = FoundDue(DueHolds((AS_PLACED,), listed=1))
NOT_OVER = FoundDue(DueHolds((), AS_EXTENDED.expires_at_ms, 1))


def run(asked: Operation, *outcomes: CommandOutcome) -> tuple[Entry, list[type]]:
    """Feeds the outcomes in order; pauses resume by themselves."""
    steps = record(asked, LATER_MS)
    commands: list[object] = [next(steps)]
    script = iter(outcomes)
    while True:
        outcome = Resumed() if isinstance(commands[-1], Pause) else next(script)
        try:
            commands.append(steps.send(Reply(outcome, 5000)))
        except StopIteration as end:
            return end.value.entry, [type(command) for command in commands]


def test_a_refusal_for_a_hold_that_was_not_there_is_looked_at_again_when_the_state_has_moved() -> None:
    entry, commands = run(
        operation("release", ReleaseHold("h2")),
        Found(FUNDED),
        Conflict((), EXTENDED.state),
        Found(EXTENDED.state, References(hold=AS_EXTENDED)),
        NOT_OVER,
        Committed(),
    )
    assert (entry.outcome, entry.amount) == ("applied", 60)
    assert commands == [Read, Commit, Pause, Read, FindDue, Commit]


def test_a_hold_that_was_over_and_comes_back_extended_is_not_over() -> None:
    entry, commands = run(
        operation("release", ReleaseHold("h2")),
        Found(PLACED.state, References(hold=AS_PLACED)),
        OVER,
        Conflict((), EXTENDED.state, (AS_EXTENDED,)),
        Found(EXTENDED.state, References(hold=AS_EXTENDED)),
        NOT_OVER,
        Committed(),
    )
    assert (entry.outcome, entry.amount) == ("applied", 60)
    assert commands == [Read, FindDue, Commit, Pause, Read, FindDue, Commit]


def test_a_listing_that_trails_what_was_read_of_a_hold_is_not_believed() -> None:
    entry, commands = run(
        operation("release", ReleaseHold("h2")),
        Found(EXTENDED.state, References(hold=AS_EXTENDED)),
        OVER,
        Committed(),
    )
    assert (entry.outcome, entry.amount) == ("applied", 60)
    assert commands == [Read, FindDue, Commit]


def test_a_listing_that_trails_what_came_back_of_a_hold_is_not_believed() -> None:
    entry, commands = run(
        operation("charge", Charge(10)),
        Found(EXTENDED.state),
        OVER,
        Conflict((), None, (AS_EXTENDED,)),
        Found(EXTENDED.state),
        OVER,
        Committed(),
    )
    assert (entry.outcome, entry.after.held) == ("applied", 60)
    assert commands == [Read, FindDue, Commit, Pause, Read, FindDue, Commit]


def test_what_is_named_is_read_again_after_more_was_due_than_fits_in_one_transaction() -> None:
    state, due = much_is_due()
    ahead = catch_up(state, due, "cause", LATER_MS, 100)
    resolved = replace(AS_EXTENDED, status="released")
    entry, commands = run(
        operation("capture", CaptureHold("h2", 90, overrun="charge")),
        Found(state, References(hold=AS_EXTENDED)),
        FoundDue(due),
        Committed(),
        Found(ahead.state, References(hold=resolved)),
        Committed(),
    )
    assert entry.reason == "hold_released"
    assert commands == [Read, FindDue, Commit, Read, Commit]


def much_is_due() -> tuple[AccountState, DueHolds]:
    state, holds = EXTENDED.state, list[Hold]()
    for number in range(DUE_WITH_ONE + 1):
        placed = apply(state, operation(f"other-{number}", PlaceHold(1, ttl_ms=1)), NOW_MS + 4)
        state, holds = placed.state, [*holds, placed.holds[0].hold]
    return state, DueHolds(tuple(holds), AS_EXTENDED.expires_at_ms, len(holds) + 1)


def test_tries_that_were_lost_before_due_holds_were_returned_are_not_counted_afterwards() -> None:
    state, due = much_is_due()
    caught_up = catch_up(state, due, "cause", LATER_MS, 100).state
    entry, commands = run(
        operation("charge", Charge(1)),
        *(Found(state), FoundDue(due), Busy()) * (TRIES_MAX - 1),
        *(Found(state), FoundDue(due), Committed()),
        *(Found(caught_up), Busy()) * (TRIES_MAX - 1),
        *(Found(caught_up), Committed()),
    )
    assert (entry.outcome, commands.count(Commit)) == ("applied", 2 * TRIES_MAX)


def test_what_is_due_is_done_even_if_another_transaction_was_first_and_did_not_do_it() -> None:
    steps = do_what_is_due(PLACED.state.account, "due", LATER_MS)
    done = catch_up(PLACED.state, OVER.due, "due", LATER_MS, 100).state
    script: list[CommandOutcome] = [
        Found(PLACED.state),
        OVER,
        Busy(),
        Resumed(),
        Found(PLACED.state),
        OVER,
        Committed(),
    ]
    commands = [next(steps), *[steps.send(Reply(outcome, 5000)) for outcome in script]]
    with pytest.raises(StopIteration) as ended:
        steps.send(Reply(Found(done), 5000))
    assert ended.value.value == 1
    assert [type(command) for command in commands] == [Read, FindDue, Commit, Pause, Read, FindDue, Commit, Read]


def test_a_state_that_is_not_there_names_nothing() -> None:
    entry, _ = run(operation("release", ReleaseHold("h2")), Found(None), Committed())
    assert (entry.reason, entry.before) == ("hold_not_found", AccountState(FUNDED.account).balances)
