"""The tale of a history: a line a step, in the order in which things happened."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.ledger.entries import Entry
from shared.ledger.errors import LedgerError
from shared.ledger.protocol import (
    Commit,
    Committed,
    Conflict,
    Damaged,
    FindDue,
    Found,
    FoundDue,
    FoundEntry,
    Lookup,
    Read,
    Recorded,
)
from tests.explore.requests import Place
from tests.explore.search import LANDS, Search, State, Step
from tests.explore.tables import Reading


def tale(search: Search, way: Sequence[tuple[State, Step]]) -> Iterator[str]:
    for number, (state, step) in enumerate(way, start=1):
        who, does, becomes = _landing(search, state, step) if step.what == LANDS else _call(search, state, step)
        yield f"{number:>3}  {who:<12} {does:<58}  {becomes}"


def _landing(search: Search, state: State, step: Step) -> tuple[str, str, str]:
    landed = next(commit for commit in state[1] if search.shelf.commit(state[0], commit)[1] == step.state[0])
    commit = search.shelf.commits[landed]
    return commit.change.entries[-1].correlation_id, _asked(commit), "lands"


def _call(search: Search, state: State, step: Step) -> tuple[str, str, str]:
    requests = search.requests
    before, after = requests.places[state[2][step.caller]], requests.places[step.state[2][step.caller]]
    caller = requests.callers[before.caller]
    again = ", again" if before.attempt else ""
    becomes = step.what
    if not before.origin and after.replies and step.what.startswith("answered"):
        becomes = f"{step.what}: {_outcome(after.replies[-1].outcome)}"
    return f"{caller.name}{again}", _asked(before.command), f"{becomes}{_told(before, after)}"


def _told(before: Place, after: Place) -> str:
    if after.is_over:
        return "; it is over" if after.answer is None else f"; told {_answer(after.answer)}"
    return "; asks again" if after.attempt != before.attempt else ""


def _answer(answer: Any) -> str:
    if isinstance(answer, Mapping):
        return ", ".join(f"{key}: {_answer(each)}" for key, each in answer.items())
    if isinstance(answer, Recorded):
        return f"{_entry(answer.entry)}{' (replayed)' if answer.replayed else ''}"
    return answer.code if isinstance(answer, LedgerError) else str(answer)


def _asked(command: object) -> str:
    match command:
        case Read(account, _):
            return f"reads {account.actor}"
        case Reading(read, found):
            return f"reads {read.account.actor}, item {len(found) + 1}"
        case FindDue(account, _):
            return f"looks for holds of {account.actor} that are over"
        case Lookup(account, key):
            return f"looks {key} of {account.actor} up"
        case Commit(change):
            return "writes " + "; ".join(_entry(entry) for part in change.parts for entry in part.entries)
        case _:
            return "nothing"


def _entry(entry: Entry) -> str:
    return f"{entry.seq} {entry.key} {entry.kind} {entry.amount} {entry.outcome}"


def _outcome(outcome: object) -> str:
    match outcome:
        case Found(state):
            return f"seq {state.seq}, {state.available} available" if state else "nothing there"
        case Committed():
            return "written"
        case Conflict(entries, state):
            there = [f"there is {_entry(entry)}" for entry in entries]
            return ", ".join(["turned down", *there, *([f"the state is at seq {state.seq}"] if state else [])])
        case FoundDue(due):
            return f"{len(due.holds)} over, of {due.listed}"
        case FoundEntry(Entry() as entry):
            return _entry(entry)
        case _:
            return {FoundEntry: "no entry", Damaged: "damaged"}.get(type(outcome), "")
