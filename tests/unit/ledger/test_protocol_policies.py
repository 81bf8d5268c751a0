"""The protocol where an account has a policy or a parent: what it reads again, and what it never goes by."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import pytest

from shared.ledger.accounts import Account, AccountState
from shared.ledger.context import Position, References
from shared.ledger.due import DueHolds
from shared.ledger.entries import Entry
from shared.ledger.errors import AccountBusy, LedgerError, LedgerUnavailable
from shared.ledger.holds import Hold
from shared.ledger.operations import Charge, Configure, GrantCredits, Operation, PlaceHold, Terms
from shared.ledger.pauses import TRIES_MAX
from shared.ledger.protocol import (
    Busy,
    Command,
    CommandOutcome,
    Commit,
    Committed,
    Conflict,
    FindDue,
    Found,
    FoundDue,
    Pause,
    Read,
    Recorded,
    Reply,
    Resumed,
    Steps,
    Unknown,
    record,
    record_batch,
)
from shared.ledger.reducer import apply
from tests.builders import NOW_MS, after, operation

TEAM = Account("main", "team:red")
DAILY = {"amount": 50, "window": "day", "app": None, "meter": None}
TTL_MS = 5
LATER_MS = NOW_MS + TTL_MS
CHARGE = operation("k", Charge(30))

LIMITED = after(GrantCredits(100), Configure(limits=[DAILY]))
MEMBER = after(GrantCredits(100), Configure(parent=TEAM.actor))
TEAM_STATE = after(GrantCredits(40), account=TEAM)
BACKED = References(parent=Position(TEAM_STATE))


def moved(state: AccountState, *terms: Terms) -> AccountState:
    for number, each in enumerate(terms):
        moving = operation(f"move-{state.seq}-{number}", each, account=state.account)
        state = apply(state, moving, NOW_MS).state
    return state


def without_policy(state: AccountState) -> AccountState:
    return replace(state, policy=None)


def played(
    steps: Steps[object], script: list[CommandOutcome], remaining_ms: Callable[[int], int]
) -> tuple[object, list[Command]]:
    commands = [next(steps)]
    outcomes = iter(script)
    while True:
        outcome = Resumed() if isinstance(commands[-1], Pause) else next(outcomes)
        try:
            commands.append(steps.send(Reply(outcome, remaining_ms(len(commands)))))
        except StopIteration as end:
            assert next(outcomes, None) is None, "the protocol did not ask for everything in the script"
            return end.value, commands


def run(*script: CommandOutcome, asked: Operation = CHARGE, now_ms: int = NOW_MS) -> tuple[Recorded, list[Command]]:
    result, commands = played(record(asked, now_ms), list(script), lambda _: 5000)
    assert isinstance(result, Recorded)
    return result, commands


TWO: Final = (operation("a", Charge(10)), operation("b", Charge(20)))


def run_batch(
    *script: CommandOutcome,
    now_ms: int = NOW_MS,
    remaining_ms: Callable[[int], int] = lambda _: 5000,
    batch: Sequence[Operation] = TWO,
) -> tuple[dict[str, Recorded | LedgerError], list[type]]:
    result, commands = played(record_batch(batch, now_ms), list(script), remaining_ms)
    assert isinstance(result, dict)
    return result, kinds(commands)


def kinds(commands: list[Command]) -> list[type]:
    return [type(command) for command in commands]


def last_commit(commands: list[Command]) -> Commit:
    return [command for command in commands if isinstance(command, Commit)][-1]


@pytest.mark.parametrize(
    "read",
    [
        without_policy(LIMITED),
        replace(LIMITED, policy=moved(LIMITED, Charge(1)).policy),
        replace(LIMITED, policy_seq=LIMITED.seq - 1),
    ],
    ids=["gone", "newer", "older"],
)
def test_a_state_without_the_policy_that_belongs_to_it_is_never_gone_by(read: AccountState) -> None:
    _, commands = run(Found(read), Found(LIMITED), Committed())
    assert kinds(commands) == [Read, Pause, Read, Commit]
    assert last_commit(commands).change.seen == LIMITED


def test_a_parent_without_the_policy_that_belongs_to_it_is_never_gone_by() -> None:
    limited_team = moved(TEAM_STATE, Configure(limits=[DAILY]))
    stale = References(parent=Position(without_policy(limited_team)))
    whole = References(parent=Position(limited_team))
    _, commands = run(Found(MEMBER, stale), Found(MEMBER, whole), Committed())
    assert kinds(commands) == [Read, Pause, Read, Commit]


def test_a_policy_that_never_comes_is_waited_for_only_as_long_as_there_is_time() -> None:
    steps = record(CHARGE, NOW_MS)
    next(steps)
    with pytest.raises(LedgerUnavailable):
        steps.send(Reply(Found(without_policy(LIMITED)), 0))


def test_a_policy_that_moved_is_read_again() -> None:
    charged = moved(LIMITED, Charge(30))
    result, commands = run(Found(LIMITED), Conflict((), without_policy(charged)), Found(charged), Committed())
    assert kinds(commands) == [Read, Commit, Pause, Read, Commit]
    assert result.entry.reason == "limit_exceeded"


@pytest.mark.parametrize("is_with_policy", [True, False])
def test_an_account_that_joins_a_parent_while_it_charges_has_the_parent_pay(is_with_policy: bool) -> None:
    alone = after(GrantCredits(100))
    joined = moved(alone, Configure(parent=TEAM.actor))
    came_back = joined if is_with_policy else without_policy(joined)
    result, commands = run(Found(alone), Conflict((), came_back), Found(joined, BACKED), Committed())
    assert kinds(commands) == [Read, Commit, Pause, Read, Commit]
    assert result.entry.parent == {"actor": TEAM.actor, "room": 40}
    assert last_commit(commands).change.parent is not None


def test_an_account_that_leaves_its_parent_while_it_charges_pays_alone() -> None:
    left = moved(MEMBER, Configure(parent=""))
    result, commands = run(Found(MEMBER, BACKED), Conflict((), left), Found(left), Committed())
    assert kinds(commands) == [Read, Commit, Pause, Read, Commit]
    assert result.entry.parent is None
    assert last_commit(commands).change.parent is None


def test_what_moved_in_the_parent_alone_is_read_again() -> None:
    poorer = moved(TEAM_STATE, Charge(20))
    result, commands = run(
        Found(MEMBER, BACKED),
        Conflict((), None),
        Found(MEMBER, References(parent=Position(poorer))),
        Committed(),
    )
    assert kinds(commands) == [Read, Commit, Pause, Read, Commit]
    assert (result.entry.reason, result.entry.shortfall) == ("insufficient_credits", 10)


@pytest.mark.parametrize("turned_away", [(), (Busy(),)])
def test_a_charge_of_two_accounts_whose_answer_was_lost_is_sent_again_as_it_was(
    turned_away: tuple[CommandOutcome, ...],
) -> None:
    change = apply(MEMBER, CHARGE, NOW_MS, BACKED)
    written = change.entry_under("k")
    result, commands = run(Found(MEMBER, BACKED), Unknown(), *turned_away, Conflict((written,), change.state))
    assert result == Recorded(written, replayed=False)
    commits = [command.change for command in commands if isinstance(command, Commit)]
    assert commits == [change] * (2 + len(turned_away))


def test_a_charge_of_two_accounts_that_another_transaction_turned_away_is_made_from_what_both_have_then() -> None:
    poorer = moved(TEAM_STATE, Charge(20))
    result, commands = run(
        Found(MEMBER, BACKED),
        Busy(),
        Found(MEMBER, References(parent=Position(poorer))),
        Committed(),
    )
    assert kinds(commands) == [Read, Commit, Pause, Read, Commit]
    assert result.entry.reason == "insufficient_credits"


def placed(state: AccountState, amount: int) -> tuple[AccountState, Hold]:
    change = apply(state, operation(f"place-{state.seq}", PlaceHold(amount, TTL_MS), account=state.account), NOW_MS)
    return change.state, change.holds[0].hold


def found_due(*holds: Hold) -> FoundDue:
    return FoundDue(DueHolds(holds, listed=len(holds)))


def test_due_holds_of_the_parent_are_returned_with_what_a_member_spends() -> None:
    held, hold = placed(TEAM_STATE, 40)
    result, commands = run(
        Found(MEMBER, References(parent=Position(held))),
        found_due(hold),
        Committed(),
        now_ms=LATER_MS,
    )
    assert kinds(commands) == [Read, FindDue, Commit]
    assert [command.account for command in commands if isinstance(command, FindDue)] == [TEAM]
    assert result.entry.outcome == "applied"
    commit = commands[-1]
    assert isinstance(commit, Commit)
    assert [[entry.kind for entry in part.entries] for part in commit.change.parts] == [
        ["charge"],
        ["expire", "charge"],
    ]


def test_an_account_that_joins_while_its_due_holds_are_returned_has_the_parent_pay() -> None:
    held, hold = placed(after(GrantCredits(40)), 40)
    joined = moved(held, Configure(parent=TEAM.actor))
    result, commands = run(
        Found(held),
        found_due(hold),
        Conflict((), without_policy(joined)),
        Found(joined, BACKED),
        found_due(hold),
        Committed(),
        now_ms=LATER_MS,
    )
    assert kinds(commands) == [Read, FindDue, Commit, Pause, Read, FindDue, Commit]
    assert result.entry.parent == {"actor": TEAM.actor, "room": 40}


def test_a_batch_whose_account_joins_meanwhile_is_paid_by_both() -> None:
    alone = after(GrantCredits(100))
    joined = moved(alone, Configure(parent=TEAM.actor))
    answers, commands = run_batch(
        Found(alone),
        Conflict((), without_policy(joined)),
        Found(joined, BACKED),
        Committed(),
    )
    assert commands == [Read, Commit, Pause, Read, Commit]
    assert all(isinstance(each, Recorded) and each.entry.parent for each in answers.values())


def test_a_batch_whose_account_joins_while_due_holds_are_returned_is_paid_by_both() -> None:
    held, hold = placed(after(GrantCredits(20)), 20)
    joined = moved(held, Configure(parent=TEAM.actor))
    answers, commands = run_batch(
        Found(held),
        found_due(hold),
        Conflict((), joined),
        *(Found(joined, BACKED), found_due(hold), Committed()),
        now_ms=LATER_MS,
    )
    assert commands == [Read, FindDue, Commit, Pause, Read, FindDue, Commit]
    assert all(isinstance(each, Recorded) and each.entry.parent for each in answers.values())


def test_a_group_of_a_members_batch_for_which_no_time_is_left_is_not_begun() -> None:
    answers, commands = run_batch(
        *(Found(MEMBER, BACKED), Committed()),
        remaining_ms=lambda sent: 5000 if sent < 2 else 0,
        batch=[operation(f"k-{number}", Charge(0)) for number in range(90)],
    )
    assert commands == [Read, Commit]
    assert [type(answer) for answer in answers.values()] == [Recorded] * 49 + [LedgerUnavailable] * 41


def test_behind_a_group_without_an_answer_none_is_tried() -> None:
    answers, commands = run_batch(
        *(Found(MEMBER, BACKED), Committed(), Unknown()),
        remaining_ms=lambda sent: 5000 if sent < 3 else 0,
        batch=[operation(f"k-{number}", Charge(0)) for number in range(120)],
    )
    assert commands == [Read, Commit, Commit]
    assert [type(answer) for answer in answers.values()] == [Recorded] * 49 + [LedgerUnavailable] * 71


def test_a_batch_of_a_member_that_was_turned_away_is_turned_away_as_a_whole() -> None:
    answers, commands = run_batch(*(Found(MEMBER, BACKED), Busy()) * TRIES_MAX)
    assert commands.count(Commit) == TRIES_MAX
    assert [type(each) for each in answers.values()] == [AccountBusy, AccountBusy]


def test_a_batch_of_a_busy_account_is_turned_away_as_a_whole() -> None:
    alone = after(GrantCredits(100))
    answers, commands = run_batch(*(Found(alone), Busy()) * TRIES_MAX)
    assert commands.count(Commit) == TRIES_MAX
    assert [type(each) for each in answers.values()] == [AccountBusy, AccountBusy]


def test_a_batch_that_another_transaction_turned_away_is_made_from_what_is_there_after_the_pause() -> None:
    alone, poorer = after(GrantCredits(100)), after(GrantCredits(100), Charge(75))
    answers, commands = run_batch(Found(alone), Busy(), Found(poorer), Committed())
    assert commands == [Read, Commit, Pause, Read, Commit]
    assert [isinstance(each, Recorded) and each.entry.outcome for each in answers.values()] == ["applied", "refused"]


def test_a_charge_of_a_members_batch_that_cannot_be_recorded_holds_up_no_other() -> None:
    other_content = apply(MEMBER, operation("a", Charge(11)), NOW_MS, BACKED)
    there: Entry = other_content.entry_under("a")
    answers, _ = run_batch(
        *(Found(MEMBER, BACKED), Conflict((there,), other_content.state)),
        *(Found(MEMBER, BACKED), Committed()),
    )
    assert isinstance(answers["a"], LedgerError)
    assert isinstance(answers["b"], Recorded)
