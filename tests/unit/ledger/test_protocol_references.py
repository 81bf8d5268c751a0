"""What an operation names can change while the operation is under way; the protocol never judges by how it was."""

from dataclasses import replace

from shared.ledger.accounts import AccountState
from shared.ledger.effects import References
from shared.ledger.entries import Entry
from shared.ledger.holds import Hold
from shared.ledger.operations import CaptureHold, ExtendHold, FundingUpdate, Operation, PlaceHold, ReleaseHold
from shared.ledger.protocol import (
    Commit,
    Committed,
    FindDue,
    Found,
    FoundDue,
    Outcome,
    Pause,
    Read,
    Reply,
    Resumed,
    TurnedDown,
    record,
)
from shared.ledger.reducer import apply, expire_hold
from tests.builders import NOW_MS, after, operation

FUNDED = after(FundingUpdate(0, 100))
PLACED = apply(FUNDED, operation("place", PlaceHold(60, ttl_ms=5)), NOW_MS)
EXTENDED = apply(
    PLACED.state, operation("extend", ExtendHold("h2", ttl_ms=1000)), NOW_MS + 4, References(hold=PLACED.hold)
)
LATER_MS = NOW_MS + 10
"""By then the hold as it was placed is over; as it was extended it is not."""


def hold_of(change_hold: Hold | None) -> Hold:
    assert change_hold is not None
    return change_hold


AS_PLACED, AS_EXTENDED = hold_of(PLACED.hold), hold_of(EXTENDED.hold)


def run(asked: Operation, *outcomes: Outcome) -> tuple[Entry, list[type]]:
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


def test_a_refusal_for_a_hold_that_was_over_is_looked_at_again_when_the_state_has_moved() -> None:
    entry, commands = run(
        operation("release", ReleaseHold("h2")),
        Found(PLACED.state, References(hold=AS_PLACED)),
        TurnedDown((), EXTENDED.state),
        Found(EXTENDED.state, References(hold=AS_EXTENDED)),
        Committed(),
    )
    assert (entry.outcome, entry.amount) == ("applied", 60)
    assert commands == [Read, Commit, Pause, Read, Commit]


def test_a_hold_under_a_condition_of_its_own_needs_no_second_read() -> None:
    moved = replace(EXTENDED.state, seq=EXTENDED.state.seq + 1)
    entry, commands = run(
        operation("release", ReleaseHold("h2")),
        Found(EXTENDED.state, References(hold=AS_EXTENDED)),
        TurnedDown((), moved),
        Committed(),
    )
    assert entry.outcome == "applied"
    assert commands == [Read, Commit, Pause, Commit]


def test_after_due_holds_were_returned_what_is_named_is_read_again() -> None:
    other = apply(EXTENDED.state, operation("other", PlaceHold(40, ttl_ms=1)), NOW_MS + 4)
    swept = expire_hold(other.state, hold_of(other.hold), operation("cause", CaptureHold("h2")), LATER_MS)
    resolved = replace(AS_EXTENDED, status="released")
    entry, commands = run(
        operation("capture", CaptureHold("h2", 90, overrun="charge")),
        Found(other.state, References(hold=AS_EXTENDED)),
        FoundDue((hold_of(other.hold),)),
        Committed(),
        Found(swept.state, References(hold=resolved)),
        Committed(),
    )
    assert entry.reason == "hold_released"
    assert commands == [Read, FindDue, Commit, Read, Commit]


def test_a_state_that_is_not_there_names_nothing() -> None:
    entry, _ = run(operation("release", ReleaseHold("h2")), Found(None), Committed())
    assert (entry.reason, entry.before) == ("hold_not_found", AccountState(FUNDED.account).balances)
