"""The client and the command line for what governs an account, against the functions themselves."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result
from msgspec import UNSET

from millicent import (
    AccountFrozen,
    Clock,
    InsufficientCredits,
    LimitExceeded,
    Millicent,
    SpendingLimit,
    ValidationFailed,
)
from millicent.cli import main
from millicent.cli.invocation import Invocation
from tests.integration.test_sdk import never_wait, transport_to
from tests.integration.world import World

ALICE, TEAM = "user:alice", "team:research"
Run: TypeAlias = Callable[..., Result]


@pytest.fixture
def client(world: World) -> Iterator[Millicent]:
    clock = Clock(sleep=never_wait)
    with Millicent("http://127.0.0.1:9", "token", transport=transport_to(world), clock=clock) as client:
        client.grant(ALICE, 1000)
        yield client


@pytest.fixture
def run(world: World, client: Millicent) -> Run:
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(
            main, ["--url", client.base_url, "--token", "t", *arguments], obj=Invocation(transport=transport_to(world))
        )

    return invoke


def document(result: Result) -> Any:
    """The last line; what comes before it was logged by functions that run in this process."""
    return json.loads(result.stdout.splitlines()[-1])


def test_settings_are_changed_one_at_a_time(client: Millicent) -> None:
    first = client.configure(ALICE, overdraft_limit="10.5", low_balance_thresholds=[100, 900], time_zone="Asia/Tokyo")
    assert first.settings is not None
    assert (first.settings.overdraft_limit, first.settings.status) == (Decimal("10.5"), UNSET)
    client.freeze(ALICE)
    account = client.account(ALICE)
    assert (account.status, account.time_zone, account.overdraft_limit) == ("frozen", "Asia/Tokyo", Decimal("10.5"))
    assert account.low_balance_thresholds == (Decimal(900), Decimal(100))
    with pytest.raises(AccountFrozen):
        client.charge(ALICE, 1)
    client.unfreeze(ALICE)
    assert client.charge(ALICE, 101).entry.low_balance == (Decimal(900),)


def test_a_change_that_is_sent_again_is_applied_once(client: Millicent) -> None:
    first = client.freeze(ALICE, key="k")
    client.unfreeze(ALICE)
    again = client.freeze(ALICE, key="k")
    assert (first.replayed, again.replayed, again.entry) == (False, True, first.entry)
    assert client.account(ALICE).status == "open"


def test_a_limit_that_decides_is_told_with_the_error(client: Millicent) -> None:
    client.set_limits(ALICE, [SpendingLimit(amount=30, window="day", app="chat"), SpendingLimit(amount=500)])
    client.charge(ALICE, 20, app="chat")
    with pytest.raises(LimitExceeded) as refused:
        client.charge(ALICE, 20, app="chat")
    limit = refused.value.limit
    assert limit is not None
    assert (limit.amount, limit.used, limit.window, limit.app) == (Decimal(30), Decimal(20), "day", "chat")
    assert (refused.value.shortfall, refused.value.largest_affordable) == (Decimal(10), Decimal(10))
    day, ever = client.account(ALICE).limits
    assert (day.used, day.resets_at, ever.used, ever.resets_at) == (Decimal(20), limit.resets_at, Decimal(20), None)
    check = client.check(ALICE, 11, app="chat")
    assert (check.allowed, check.reason, check.limit) == (False, "limit_exceeded", limit)
    client.set_limits(ALICE, [])
    assert client.charge(ALICE, 20, app="chat").balance.available == 960


def test_an_allowance_comes_and_ends(client: Millicent) -> None:
    receipt = client.set_allowance(ALICE, 100, "monthly", rollover_maximum=50, priority=3)
    assert receipt.settings is not None
    account = client.account(ALICE)
    assert account.allowance is not None
    assert (account.available, account.allowance.priority, account.allowance.rollover_maximum) == (
        Decimal(1100),
        3,
        Decimal(50),
    )
    assert account.allowance.next_at == account.grants[0].expires_at
    ended = client.end_allowance(ALICE)
    assert ended.settings is not None
    assert (ended.settings.allowance, ended.settings.parent) == (None, UNSET)
    assert client.account(ALICE).allowance is None


def test_a_member_pays_with_its_parent_until_it_leaves(client: Millicent) -> None:
    client.grant(TEAM, 50)
    client.join(ALICE, TEAM)
    assert client.charge(ALICE, 30, key="work").entry.parent == TEAM
    with pytest.raises(InsufficientCredits) as refused:
        client.charge(ALICE, 30)
    assert refused.value.problem.limit is not None
    assert (refused.value.problem.limit.account, refused.value.largest_affordable) == (TEAM, Decimal(20))
    newest = next(client.entries(TEAM, kind="charge"))
    assert (newest.member, newest.amount) == (ALICE, Decimal(-30))
    client.leave(ALICE)
    assert client.account(ALICE).parent is None
    assert client.charge(ALICE, 30).entry.parent is None


def test_what_no_account_can_have_is_refused_by_name(client: Millicent) -> None:
    with pytest.raises(ValidationFailed) as invalid:
        client.configure(ALICE, time_zone="Europe/Atlantis")
    assert [error.path for error in invalid.value.errors] == ["$.time_zone"]


def test_the_command_line_governs_an_account(run: Run) -> None:
    changed = run("configure", ALICE, "--overdraft-limit", "10", "--warn-at", "900", "--warn-at", "100")
    assert changed.exit_code == 0, changed.output
    assert "900.000, 100.000" in changed.stdout
    assert document(run("freeze", ALICE, "--json"))["settings"] == {"status": "frozen"}
    refused = run("cost", ALICE, "1")
    assert (refused.exit_code, "new spending is refused" in refused.stderr) == (1, True)
    assert run("unfreeze", ALICE).exit_code == 0
    assert document(run("configure", ALICE, "--no-warnings", "--json"))["settings"] == {"low_balance_thresholds": []}
    shown = run("account", ALICE).stdout
    assert ("open" in shown, "UTC" in shown, "overdraft limit" in shown) == (True, True, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("configure", ALICE),
        ("configure", ALICE, "--warn-at", "1", "--no-warnings"),
        ("limits", "set", ALICE),
        ("limits", "set", ALICE, "5/year"),
        ("limits", "set", ALICE, "5/day,user=bob"),
        ("limits", "set", ALICE, "much"),
        ("allowance", "set", ALICE, "yearly", "5"),
    ],
)
def test_the_command_line_sends_nothing_that_makes_no_sense(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_the_command_line_limits_an_account(run: Run) -> None:
    set_to = run("limits", "set", ALICE, "500/day", "0.5/hour,app=chat,meter=llm", "7,meter=gpu")
    assert set_to.exit_code == 0, set_to.output
    assert "ever" in set_to.stdout
    run("cost", ALICE, "5", "--meter", "gpu")
    limits = document(run("limits", "show", ALICE, "--json"))["limits"]
    assert [(each["amount"], each["window"], each["app"], each["meter"], each["used"]) for each in limits] == [
        (500, "day", None, None, 5),
        (0.5, "hour", "chat", "llm", 0),
        (7, None, None, "gpu", 5),
    ]
    checked = run("check", ALICE, "--minimum", "1", "--app", "chat").stdout
    assert "insufficient_credits" not in checked
    refused = document(run("cost", ALICE, "3", "--meter", "gpu", "--json"))
    assert (refused["error"]["code"], refused["error"]["limit"]["meter"]) == ("limit_exceeded", "gpu")
    assert run("limits", "remove", ALICE).exit_code == 0
    assert document(run("limits", "show", ALICE, "--json")) == {"limits": []}


def test_the_command_line_gives_an_allowance_and_a_grant(run: Run) -> None:
    assert run("allowance", "set", ALICE, "weekly", "100", "--rollover-maximum", "50").exit_code == 0
    assert "weekly" in run("allowance", "show", ALICE).stdout
    assert document(run("allowance", "show", ALICE, "--json"))["allowance"]["rollover_maximum"] == 50
    assert document(run("allowance", "end", ALICE, "--json"))["settings"] == {"allowance": None}
    assert "none" in run("allowance", "show", ALICE).stdout
    granted = document(run("grant", ALICE, "5", "--category", "promotional", "--json"))
    assert (granted["grant"]["category"], granted["balance"]["available"]) == ("promotional", 1105)


def test_the_command_line_joins_and_leaves(run: Run) -> None:
    assert run("grant", TEAM, "50").exit_code == 0
    assert TEAM in run("join", ALICE, TEAM).stdout
    refused = run("check", ALICE, "--minimum", "51")
    assert (refused.exit_code, TEAM in refused.stdout) == (1, True)
    assert document(run("leave", ALICE, "--json"))["settings"] == {"parent": None}
    assert run("check", ALICE, "--minimum", "51").exit_code == 0


def test_the_command_line_limits_a_model_in_a_rolling_window(run: Run) -> None:
    set_to = run("limits", "set", ALICE, "500/PT5H,model=gpt-4o", "7/week,app=chat,model=anthropic/claude-3")
    assert set_to.exit_code == 0, set_to.output
    limits = document(run("limits", "show", ALICE, "--json"))["limits"]
    assert [(each["window"], each["app"], each["model"], each["resets_at"] is None) for each in limits] == [
        ("PT5H", None, "gpt-4o", True),
        ("week", "chat", "anthropic/claude-3", False),
    ]
    assert "gpt-4o" in run("limits", "show", ALICE).output
    usage = run("usage", ALICE, "--group-by", "model", "--json")
    assert (usage.exit_code, document(usage)["group_by"]) == (0, "model")
    assert document(run("entries", ALICE, "--model", "gpt-4o", "--json")) == {"items": []}
