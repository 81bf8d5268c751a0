"""The protocol against a scripted store: what it asks, and what it makes of every answer."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import Position, References
from shared.ledger.entries import Entry
from shared.ledger.errors import (
    AccountBusy,
    IdempotencyKeyReused,
    InvalidOperation,
    LedgerThrottled,
    LedgerUnavailable,
    RecordDamaged,
)
from shared.ledger.operations import Charge, Configure, FundingUpdate, GrantCredits, Operation
from shared.ledger.pauses import CROWD_PAUSES_MS, FIRST_PAUSE_MS, LARGE_BATCH, LONGEST_PAUSE_MS, QUIET_MS, TRIES_MAX
from shared.ledger.protocol import (
    Busy,
    Command,
    CommandOutcome,
    Commit,
    Committed,
    Conflict,
    Damaged,
    Found,
    FoundEntry,
    Lookup,
    Pause,
    Read,
    Recorded,
    Reply,
    Resumed,
    Unknown,
    record,
    record_batch,
)
from shared.ledger.records import hash_of
from shared.ledger.reducer import NOTHING_NAMED, apply
from tests.builders import ALICE, NOW_MS, after, operation

TEAM = Account("main", "team:a")
FUNDED = after(FundingUpdate(0, 100))
CHARGE = operation("k", Charge(30), request="this request")
WRITTEN = apply(FUNDED, CHARGE, NOW_MS).entries[-1]
BY_ANOTHER_REQUEST = apply(FUNDED, replace(CHARGE, correlation_id="another request"), NOW_MS).entries[-1]
OTHER_CONTENT = apply(FUNDED, operation("k", Charge(31)), NOW_MS).entries[-1]


def ceilings_ms(commands: Iterable[Command]) -> list[int]:
    return [command.ceiling_ms for command in commands if isinstance(command, Pause)]


def pauses_of_a_member(parent_is_quiet_for_ms: int) -> list[int]:
    """Of a charge that loses one try."""
    member = after(FundingUpdate(0, 100), Configure(parent=TEAM.actor))
    team = replace(FUNDED, account=TEAM, updated_at_ms=NOW_MS - parent_is_quiet_for_ms)
    found = Found(replace(member, updated_at_ms=0), References(parent=Position(team, NOTHING_NAMED)))
    _, commands = run(found, Busy(), found, Committed())
    return ceilings_ms(commands)


def run(
    *outcomes: CommandOutcome, operation: Operation = CHARGE, remaining_ms: int = 5000
) -> tuple[Recorded, list[Command]]:
    """Feeds the outcomes in order (pauses resume by themselves) and returns the result and all commands."""
    steps = record(operation, NOW_MS)
    commands = [next(steps)]
    script = iter(outcomes)
    try:
        while True:
            outcome = Resumed() if isinstance(commands[-1], Pause) else next(script)
            commands.append(steps.send(Reply(outcome, remaining_ms)))
    except StopIteration as end:
        assert next(script, None) is None, "the protocol did not ask for everything in the script"
        return end.value, commands


def committed_states(commands: list[Command]) -> list[AccountState]:
    return [command.change.seen for command in commands if isinstance(command, Commit)]


def test_an_operation_is_read_applied_and_committed() -> None:
    result, commands = run(Found(FUNDED), Committed())
    assert result == Recorded(WRITTEN, replayed=False)
    assert commands == [Read(ALICE, CHARGE.terms), Commit(apply(FUNDED, CHARGE, NOW_MS))]


def test_an_account_that_does_not_exist_is_one_without_entries() -> None:
    result, _ = run(Found(None), Committed())
    assert (result.entry.seq, result.entry.outcome) == (1, "refused")


def test_an_account_that_has_begun_and_has_no_state_is_not_tried_again() -> None:
    with pytest.raises(RecordDamaged) as damaged:
        run(Found(None), Damaged(ALICE))
    assert isinstance(damaged.value, LedgerUnavailable)
    assert (damaged.value.tenant, damaged.value.actor) == (ALICE.tenant, ALICE.actor)


def test_a_key_with_an_entry_of_the_same_content_is_answered_with_it() -> None:
    result, _ = run(Found(FUNDED), Conflict((BY_ANOTHER_REQUEST,), None))
    assert result == Recorded(BY_ANOTHER_REQUEST, replayed=True)


def test_a_key_with_an_entry_of_other_content_is_a_reused_key() -> None:
    with pytest.raises(IdempotencyKeyReused):
        run(Found(FUNDED), Conflict((OTHER_CONTENT,), None))


def test_the_entry_wins_over_a_state_that_moved_on() -> None:
    result, _ = run(Found(FUNDED), Conflict((BY_ANOTHER_REQUEST,), after(FundingUpdate(0, 100), Charge(30))))
    assert result.replayed


def test_a_state_that_moved_on_is_read_again_after_the_pause_and_never_applied_to_as_it_came_back() -> None:
    came_back, by_then = after(FundingUpdate(0, 100), Charge(1)), after(FundingUpdate(0, 100), Charge(1), Charge(89))
    result, commands = run(Found(FUNDED), Conflict((), came_back), Found(by_then), Committed())
    assert (result.entry.outcome, result.entry.seq) == ("refused", 4)
    assert [type(command) for command in commands] == [Read, Commit, Pause, Read, Commit]
    assert committed_states(commands) == [FUNDED, by_then]


def test_an_entry_of_the_ledgers_own_does_not_answer_for_the_operation() -> None:
    state = after(GrantCredits(10, expires_at_ms=NOW_MS + 5))
    late = operation("late", Charge(1))
    first = apply(state, operation("other", Charge(1)), NOW_MS + 5)
    steps = record(late, NOW_MS + 5)
    next(steps)
    steps.send(Reply(Found(state), 5000))
    steps.send(Reply(Conflict((first.entries[0],), first.state), 5000))
    assert isinstance(steps.send(Reply(Resumed(), 5000)), Read)
    commit = steps.send(Reply(Found(first.state), 5000))
    assert isinstance(commit, Commit)
    assert commit.change.seen == first.state


def test_a_lost_answer_is_asked_for_again_with_the_very_same_change() -> None:
    result, commands = run(Found(FUNDED), Unknown(), Committed())
    assert not result.replayed
    commits = [command for command in commands if isinstance(command, Commit)]
    assert commits[0] == commits[1]


def test_an_entry_that_this_request_wrote_before_its_answer_was_lost_is_a_first_answer() -> None:
    result, _ = run(Found(FUNDED), Unknown(), Conflict((WRITTEN,), after(FundingUpdate(0, 100), Charge(30))))
    assert result == Recorded(WRITTEN, replayed=False)


@pytest.mark.parametrize("turned_away", [Busy(), Busy(throttled=True)])
def test_a_change_that_was_turned_away_is_made_again_from_what_is_there_after_the_pause(turned_away: Busy) -> None:
    by_then = after(FundingUpdate(0, 100), Charge(1))
    _, commands = run(Found(FUNDED), turned_away, Found(by_then), Committed())
    assert [type(command) for command in commands] == [Read, Commit, Pause, Read, Commit]
    assert committed_states(commands) == [FUNDED, by_then]


@pytest.mark.parametrize("turned_away", [Busy(), Busy(throttled=True)])
def test_while_a_commit_is_in_doubt_the_very_same_change_goes_again_whatever_turns_it_away(turned_away: Busy) -> None:
    result, commands = run(Found(FUNDED), Unknown(), turned_away, Conflict((WRITTEN,), None))
    assert committed_states(commands) == [FUNDED] * 3
    assert result == Recorded(WRITTEN, replayed=False)


LOST: dict[str, tuple[CommandOutcome, ...]] = {
    "moved on": (Found(FUNDED), Conflict((), after(FundingUpdate(0, 100), Charge(1)))),
    "in another transaction": (Found(FUNDED), Busy()),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_after_too_many_lost_tries_the_account_is_busy_long_before_the_deadline(lost: tuple[CommandOutcome]) -> None:
    with pytest.raises(AccountBusy):
        run(*lost * TRIES_MAX)


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_the_last_try_can_still_succeed(lost: tuple[CommandOutcome]) -> None:
    result, commands = run(*lost * (TRIES_MAX - 1), Found(FUNDED), Committed())
    assert (result.entry.outcome, len(committed_states(commands))) == ("applied", TRIES_MAX)


def test_the_cause_of_a_busy_account_is_what_the_store_said_last() -> None:
    cause = OSError("in conflict")
    with pytest.raises(AccountBusy) as raised:
        run(*(Found(FUNDED), Busy(cause=cause)) * TRIES_MAX)
    assert raised.value.__cause__ is cause


def test_an_account_whose_last_commit_is_in_doubt_is_not_called_busy() -> None:
    result, _ = run(Found(FUNDED), Unknown(), *[Busy()] * 2 * TRIES_MAX, Committed())
    assert result == Recorded(WRITTEN, replayed=False)


def test_an_account_is_busy_once_the_doubt_is_over() -> None:
    moved = Conflict((), after(FundingUpdate(0, 100), Charge(1)))
    with pytest.raises(AccountBusy):
        run(Found(FUNDED), Unknown(), *[Busy()] * TRIES_MAX, moved)


def test_a_table_over_capacity_does_not_make_an_account_busy() -> None:
    result, _ = run(*(Found(FUNDED), Busy(throttled=True)) * 2 * TRIES_MAX, Found(FUNDED), Committed())
    assert result.entry.outcome == "applied"


def test_a_request_that_was_told_busy_succeeds_under_the_same_key() -> None:
    with pytest.raises(AccountBusy):
        run(*LOST["in another transaction"] * TRIES_MAX)
    result, _ = run(Found(FUNDED), Committed())
    assert result == Recorded(WRITTEN, replayed=False)


def test_a_read_is_tried_again_until_it_answers() -> None:
    _, commands = run(Busy(throttled=True), Unknown(), Found(FUNDED), Committed())
    assert [type(command) for command in commands] == [Read, Pause, Read, Pause, Read, Commit]


def test_the_first_pause_without_an_answer_outlasts_a_transaction_and_the_others_are_longer() -> None:
    _, commands = run(Found(FUNDED), *[Unknown()] * 12, Committed())
    assert ceilings_ms(commands) == [FIRST_PAUSE_MS, *[LONGEST_PAUSE_MS] * 11]


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_in_a_crowd_a_newcomer_stays_away_longest(lost: tuple[CommandOutcome]) -> None:
    just_now = Found(replace(FUNDED, updated_at_ms=NOW_MS - QUIET_MS + 1))
    _, commands = run(*(just_now, *lost[1:]) * (TRIES_MAX - 1), just_now, Committed())
    assert ceilings_ms(commands) == [*CROWD_PAUSES_MS, *[CROWD_PAUSES_MS[-1]] * (TRIES_MAX - 1 - len(CROWD_PAUSES_MS))]
    assert list(CROWD_PAUSES_MS) == sorted(CROWD_PAUSES_MS, reverse=True)


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_two_requests_that_meet_at_a_quiet_account_wait_for_a_moment_only(lost: tuple[CommandOutcome]) -> None:
    quiet = Found(replace(FUNDED, updated_at_ms=NOW_MS - QUIET_MS))
    changed = Found(replace(FUNDED, updated_at_ms=NOW_MS))
    _, commands = run(quiet, *lost[1:], changed, *lost[1:], changed, *lost[1:], changed, Committed())
    assert ceilings_ms(commands) == [FIRST_PAUSE_MS, *CROWD_PAUSES_MS[:2]]


def test_a_member_whose_parent_changed_a_moment_ago_has_met_a_crowd() -> None:
    assert pauses_of_a_member(QUIET_MS) == [FIRST_PAUSE_MS]
    assert pauses_of_a_member(QUIET_MS - 1) == [CROWD_PAUSES_MS[0]]


def test_a_pause_for_want_of_an_answer_does_not_follow_from_the_tries_that_were_lost() -> None:
    quiet = Found(replace(FUNDED, updated_at_ms=NOW_MS - QUIET_MS))
    _, commands = run(*(quiet, Busy()) * 2, Unknown(), quiet, Unknown(), Committed())
    assert ceilings_ms(commands) == [FIRST_PAUSE_MS, CROWD_PAUSES_MS[0], LONGEST_PAUSE_MS, LONGEST_PAUSE_MS]


@pytest.mark.parametrize(("charges", "tries"), [(LARGE_BATCH - 1, TRIES_MAX), (LARGE_BATCH, TRIES_MAX // 2)])
def test_a_large_batch_loses_half_as_many_tries(charges: int, tries: int) -> None:
    steps = record_batch([operation(f"k{number}", Charge(1)) for number in range(charges)], NOW_MS)
    busy = Found(replace(FUNDED, updated_at_ms=NOW_MS))
    answers: dict[type[Command], CommandOutcome] = {Read: busy, Commit: Busy(), Pause: Resumed()}
    commands: list[Command] = [next(steps)]
    answered: set[type] = set()
    try:
        while True:
            commands.append(steps.send(Reply(answers[type(commands[-1])], remaining_ms=5000)))
    except StopIteration as ended:
        answered = {type(answer) for answer in ended.value.values()}
    assert answered == {AccountBusy}
    assert ceilings_ms(commands)[:3] == list(CROWD_PAUSES_MS[:3])
    assert len(ceilings_ms(commands)) == tries - 1
    assert len(committed_states(commands)) == tries


def test_a_pause_is_no_longer_than_the_time_that_is_left() -> None:
    _, commands = run(Found(FUNDED), Unknown(), Committed(), remaining_ms=3)
    assert commands[2] == Pause(3)


def test_out_of_time_after_throttling_alone_nothing_was_written() -> None:
    with pytest.raises(LedgerThrottled):
        run(Found(FUNDED), Busy(throttled=True), remaining_ms=0)


@pytest.mark.parametrize("outcome", [Unknown(OSError("cut")), Busy(cause=OSError("cut")), Busy(True, OSError("full"))])
def test_out_of_time_what_kept_the_last_answer_from_coming_is_the_cause(outcome: Unknown | Busy) -> None:
    with pytest.raises((LedgerUnavailable, LedgerThrottled)) as raised:
        run(Found(FUNDED), outcome, remaining_ms=0)
    assert raised.value.__cause__ is outcome.cause


def test_out_of_time_with_an_attempt_in_doubt_the_outcome_is_unknown() -> None:
    steps = record(CHARGE, NOW_MS)
    next(steps)
    steps.send(Reply(Found(FUNDED), 5000))
    steps.send(Reply(Unknown(), 5000))
    steps.send(Reply(Resumed(), 5000))
    with pytest.raises(LedgerUnavailable):
        steps.send(Reply(Busy(throttled=True), 0))


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_out_of_time_for_other_writers_alone_the_account_is_busy(lost: tuple[CommandOutcome]) -> None:
    with pytest.raises(AccountBusy):
        run(*lost, remaining_ms=0)


@pytest.mark.parametrize("failed", [Unknown(), Busy(throttled=True)])
def test_out_of_time_where_the_table_failed_too_the_account_is_not_called_busy(failed: CommandOutcome) -> None:
    moved = Conflict((), after(FundingUpdate(0, 100), Charge(1)))
    for outcomes in ((failed, Found(FUNDED), moved), (Found(FUNDED), moved, failed)):
        steps = record(CHARGE, NOW_MS)
        command = next(steps)
        for outcome in outcomes[:-1]:
            command = steps.send(Reply(outcome, 5000))
            if isinstance(command, Pause):
                command = steps.send(Reply(Resumed(), 5000))
        with pytest.raises((LedgerUnavailable, LedgerThrottled)) as raised:
            steps.send(Reply(outcomes[-1], 0))
        assert not isinstance(raised.value, AccountBusy)


def test_out_of_time_after_a_doubt_the_account_is_not_called_busy() -> None:
    steps = record(CHARGE, NOW_MS)
    next(steps)
    for outcome in (Found(FUNDED), Unknown(), Resumed()):
        steps.send(Reply(outcome, 5000))
    with pytest.raises(LedgerUnavailable):
        steps.send(Reply(Busy(), 0))


def test_a_batch_that_is_out_of_time_for_other_writers_alone_is_told_that_the_account_is_busy() -> None:
    steps = record_batch([CHARGE], NOW_MS)
    next(steps)
    steps.send(Reply(Found(FUNDED), 5000))
    with pytest.raises(StopIteration) as ended:
        steps.send(Reply(Busy(), 0))
    assert isinstance(ended.value.value["k"], AccountBusy)


def test_a_doubt_is_over_once_a_commit_was_turned_down() -> None:
    steps = record(CHARGE, NOW_MS)
    next(steps)
    moved = after(FundingUpdate(0, 100), Charge(1))
    for outcome in (Found(FUNDED), Unknown(), Resumed(), Conflict((), moved), Resumed()):
        steps.send(Reply(outcome, 5000))
    with pytest.raises(LedgerThrottled):
        steps.send(Reply(Busy(throttled=True), 0))


OVER = operation("g", GrantCredits(10, expires_at_ms=NOW_MS - 1))


def test_content_that_no_state_accepts_writes_nothing() -> None:
    steps = record(OVER, NOW_MS)
    next(steps)
    assert steps.send(Reply(Found(FUNDED), 5000)) == Lookup(ALICE, "g")
    with pytest.raises(InvalidOperation):
        steps.send(Reply(FoundEntry(None), 5000))


def test_content_that_was_valid_when_first_sent_is_answered_with_its_entry() -> None:
    granted: Entry = apply(FUNDED, OVER, NOW_MS - 10).entries[-1]
    result, _ = run(Found(FUNDED), Unknown(), FoundEntry(granted), operation=OVER)
    assert result == Recorded(granted, replayed=True)


def test_an_invalid_operation_under_a_used_key_is_a_reused_key() -> None:
    with pytest.raises(IdempotencyKeyReused):
        run(Found(FUNDED), FoundEntry(replace(WRITTEN, key="g")), operation=OVER)


def test_the_hash_of_a_written_entry_differs_between_two_requests_with_the_same_content() -> None:
    assert hash_of(WRITTEN) != hash_of(BY_ANOTHER_REQUEST)
    assert WRITTEN.request_hash == BY_ANOTHER_REQUEST.request_hash
