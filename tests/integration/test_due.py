"""The function that does what is due of accounts that nobody calls, as the schedule and as a person calls it."""

import json
from io import StringIO
from typing import Any

import msgspec
import pytest

from functions.due.schema import ROUNDS_MAX
from shared.ledger.accounts import Account
from shared.ledger.errors import LedgerThrottled
from tests.integration.world import World

ACTORS = [f"user:{number}" for number in range(4)]
LATER_MS = 3_602_000


class Continuations(list[Any]):
    """The requests that a function would have been started again with."""

    def go_on(self, function: str, request: Any) -> None:
        assert function == "millicent-due"
        self.append(request)


@pytest.fixture
def leaked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Four accounts that hold for a second and are forgotten."""
    # One after the other: the tables in this process are not made for threads.
    monkeypatch.setattr("shared.usecases.do_what_is_due.ACCOUNTS_AT_ONCE", 1)
    for actor in ACTORS:
        world.fund({"actor": actor, "amount": 100})
        assert world.hold({"actor": actor, "amount": 60, "ttl_s": 1}).status == 201
    return world


@pytest.fixture
def continuations(world: World, monkeypatch: pytest.MonkeyPatch) -> Continuations:
    made = Continuations()
    set_runtime(world, monkeypatch, continuation=made)
    return made


def set_runtime(world: World, monkeypatch: pytest.MonkeyPatch, **parts: Any) -> None:
    module = world.modules["due"]
    changed = {name: getattr(module.runtime, name) for name in module.runtime.__slots__} | parts
    monkeypatch.setattr(module, "runtime", type(module.runtime)(**changed))


def later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = world.modules["due"].runtime.now_ms
    set_runtime(world, monkeypatch, now_ms=lambda: now_ms() + LATER_MS)


def stored(world: World, actor: str) -> tuple[int, int]:
    """Available and held as the table has it, not as a reader sees it."""
    state = world.modules["due"].runtime.ledger.state(Account("main", actor))
    return state.available // 1000, state.held // 1000


def metrics(printed: str) -> dict[str, list[float]]:
    lines = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    merged = {name: value for line in lines for name, value in line.items() if isinstance(value, list)}
    assert all(line["service"] == "millicent" for line in lines)
    return merged


def test_the_schedule_returns_what_was_leaked_and_nobody_else_has_to_call(
    leaked: World, continuations: Continuations, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stored(leaked, ACTORS[0]) == (40, 60)
    later(leaked, monkeypatch)
    answer = leaked.invoke("due", {"scheduled": True})
    assert answer == {"accounts": 4, "entries": 4, "failed": [], "next": None}
    assert [stored(leaked, actor) for actor in ACTORS] == [(100, 0)] * 4
    assert continuations == []
    found = metrics(capsys.readouterr().out)
    assert (found["AccountsCaughtUp"], found["EntriesWritten"]) == ([4], [4])
    assert (found["AccountsFailed"], found["AccountsBehind"]) == ([0], [0])
    assert leaked.invoke("due", {"scheduled": True})["accounts"] == 0


def test_what_was_returned_is_audited_and_holds(leaked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    later(leaked, monkeypatch)
    leaked.invoke("due", {})
    leaked.settle()
    body = leaked.get(f"/v1/accounts/{ACTORS[0]}/audit").body
    assert [item["kind"] for item in body["items"]] == ["expire", "hold", "grant"]
    assert leaked.invoke("reconcile", {"grace_s": 0})["findings"] == []


def test_a_hold_that_was_over_a_moment_ago_is_left_unless_it_is_asked_for(leaked: World, monkeypatch: Any) -> None:
    now_ms = leaked.modules["due"].runtime.now_ms
    set_runtime(leaked, monkeypatch, now_ms=lambda: now_ms() + 10_000)
    assert leaked.invoke("due", {})["accounts"] == 0
    assert leaked.invoke("due", {"grace_s": 0})["accounts"] == 4


def test_a_run_without_time_goes_on_by_itself_until_all_is_done(
    leaked: World, continuations: Continuations, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(leaked, monkeypatch)
    request: dict[str, Any] = {"scheduled": True, "budget_s": 0}
    for number in (2, 3, 4):
        assert leaked.invoke("due", request)["accounts"] == 1
        request = continuations.pop()
        assert request["round"] == number
    leaked.invoke("due", request)
    assert [stored(leaked, actor) for actor in ACTORS] == [(100, 0)] * 4


def test_a_run_that_somebody_waits_for_says_where_to_go_on(
    leaked: World, continuations: Continuations, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(leaked, monkeypatch)
    answer = leaked.invoke("due", {"budget_s": 0})
    assert continuations == []
    rest = leaked.invoke("due", {"after": answer["next"]})
    assert (answer["accounts"], rest["accounts"], rest["next"]) == (1, 3, None)


def test_it_does_not_go_on_for_ever_and_says_that_something_is_left(
    leaked: World,
    continuations: Continuations,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    log: StringIO,
) -> None:
    later(leaked, monkeypatch)
    answer = leaked.invoke("due", {"scheduled": True, "budget_s": 0, "round": ROUNDS_MAX})
    assert answer["next"] is not None
    assert continuations == []
    assert metrics(capsys.readouterr().out)["AccountsBehind"] == [1]
    assert "more is due than is done in time" in log.getvalue()


def test_an_account_that_fails_is_named_and_the_others_are_done(
    leaked: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: StringIO
) -> None:
    later(leaked, monkeypatch)
    ledger = leaked.modules["due"].runtime.ledger

    class Striking:
        def do_what_is_due(self, account: Account, correlation_id: str, now_ms: int) -> int:
            if account.actor == ACTORS[1]:
                raise LedgerThrottled("over capacity")
            return ledger.do_what_is_due(account, correlation_id, now_ms)  # type: ignore[no-any-return]

    set_runtime(leaked, monkeypatch, ledger=Striking())
    answer = leaked.invoke("due", {"scheduled": True})
    assert answer["failed"] == [
        {"tenant": "main", "actor": ACTORS[1], "problem": "LedgerThrottled: over capacity"},
    ]
    assert answer["accounts"] == 3
    found = metrics(capsys.readouterr().out)
    assert (found["AccountsFailed"], found["AccountsBehind"]) == ([1], [1])
    (line,) = [json.loads(each) for each in log.getvalue().splitlines() if "was not done" in each]
    assert (line["level"], line["actor"]) == ("ERROR", ACTORS[1])


@pytest.mark.parametrize("event", [{"repair": True}, {"round": 0}, {"grace_s": -1}, {"after": 7}])
def test_an_event_that_is_none_of_ours_is_refused(world: World, event: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        world.invoke("due", event)
