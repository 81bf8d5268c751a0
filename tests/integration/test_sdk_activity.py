"""Activity and alerts: the client and `millicent tail` against the functions themselves."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from millicent import Clock, Millicent, ValidationFailed
from millicent.cli import main
from millicent.cli.invocation import EXIT_BAD_USAGE, EXIT_INTERRUPTED, Invocation
from tests.integration.test_sdk import never_wait, transport_to
from tests.integration.world import World

ALICE, BOB = "user:alice", "user:bob"
OPTIONS = ("--url", "http://127.0.0.1:9", "--token", "token")


@pytest.fixture
def client(world: World) -> Iterator[Millicent]:
    transport, clock = transport_to(world), Clock(sleep=never_wait)
    with Millicent("http://127.0.0.1:9", "token", transport=transport, clock=clock) as client:
        client.grant(ALICE, 1000, reason="=invoice", key="paid-in")
        client.charge(ALICE, "42.125", app="chat", meter="llm", key="spent")
        client.check(BOB)
        world.settle()
        yield client


Sleep = Callable[[float], None]


@pytest.fixture
def run(client: Millicent, world: World) -> Callable[..., Result]:
    def invoke(*arguments: str, sleep: Sleep = never_wait) -> Result:
        invocation = Invocation(transport=transport_to(world), clock=Clock(sleep=sleep))
        return CliRunner().invoke(main, [*OPTIONS, *arguments], obj=invocation)

    return invoke


def shown(result: Result) -> list[str]:
    """Without what functions that run in this process have logged."""
    return [line for line in result.stdout.splitlines() if not line.startswith("{")]


def documents(result: Result) -> list[Any]:
    lines = [json.loads(line, parse_float=Decimal) for line in result.stdout.splitlines() if line.startswith("{")]
    return [each for each in lines if "id" in each]


def test_the_client_lists_the_activity_of_the_tenant(client: Millicent) -> None:
    check, granted, charged = sorted(client.activity(page_size=1), key=lambda item: item.seq or 0)
    assert (check.type, check.actor, check.outcome, check.minimum) == ("check", BOB, "refused", Decimal(100))
    assert (granted.kind, granted.reason) == ("grant", "=invoice")
    assert (charged.key, charged.amount, charged.available_after) == ("spent", Decimal("-42.125"), Decimal("957.875"))


def test_the_client_filters(client: Millicent) -> None:
    assert [item.kind for item in client.activity(outcome="refused")] == ["check"]
    assert [item.key for item in client.activity(kind="charge", actor=ALICE)] == ["spent"]
    with pytest.raises(ValidationFailed):
        list(client.activity(kind="nonsense"))


def test_the_client_shows_alerts(client: Millicent, world: World) -> None:
    client.configure(ALICE, low_balance_thresholds=[5000])
    client.hold(ALICE, 10, ttl_s=60)
    client.charge(ALICE, 1)
    world.settle()
    alerts = client.alerts()
    assert [(each.actor, each.threshold, each.available) for each in alerts.low] == [
        (ALICE, Decimal(5000), Decimal("946.875"))
    ]
    assert [(each.actor, each.reason, each.count) for each in alerts.refused.items] == [
        (BOB, "insufficient_credits", 1)
    ]
    assert [each.remaining for each in alerts.expiring_holds.items] == [10]
    assert (alerts.failure_queues, list(alerts.withheld or {})) == (None, ["failure_queues"])


def test_tail_prints_a_line_for_each_item_the_newest_last(run: Callable[..., Result]) -> None:
    result = run("tail")
    assert result.exit_code == 0
    lines = shown(result)
    assert sorted(line.split()[2] for line in lines) == ["charge", "check", "grant"]
    (charge,) = [line for line in lines if "charge" in line]
    assert charge.split()[2:] == ["charge", "applied", "-42.125", "957.875", ALICE, "chat", "llm", "spent"]
    assert lines.index(charge) > [line.split()[2] for line in lines].index("grant")


def test_tail_prints_only_so_many_and_what_was_asked_for(run: Callable[..., Result]) -> None:
    assert len(shown(run("tail", "--limit", "1"))) == 1
    assert [line.split()[2] for line in shown(run("tail", "--kind", "charge"))] == ["charge"]
    assert [line.split()[2] for line in shown(run("tail", "--outcome", "refused"))] == ["check"]
    assert shown(run("tail", "--actor", "user:nobody")) == []
    assert run("tail", "--kind", "nonsense").exit_code == EXIT_BAD_USAGE


def test_tail_prints_documents_where_they_are_asked_for(run: Callable[..., Result]) -> None:
    (charge,) = [each for each in documents(run("tail", "--json")) if each["kind"] == "charge"]
    assert (charge["amount"], charge["key"]) == (Decimal("-42.125"), "spent")


def test_tail_that_follows_prints_what_comes_each_once(
    client: Millicent, world: World, run: Callable[..., Result]
) -> None:
    polls = iter(range(100))

    def sleep(_: float) -> None:
        number = next(polls)
        if number == 4:
            raise KeyboardInterrupt
        client.charge(ALICE, 1, key=f"later-{number}")
        world.settle()

    result = run("tail", "--follow", "--kind", "charge", sleep=sleep)
    assert result.exit_code == EXIT_INTERRUPTED
    assert [line.split()[-1] for line in shown(result)] == ["spent", *(f"later-{number}" for number in range(4))]


def test_hostile_names_do_not_steer_the_terminal(world: World, client: Millicent, run: Callable[..., Result]) -> None:
    client.grant("<b>[red]", 1, reason="\x1b[2J\u202eevil\nline")
    world.settle()
    (line,) = shown(run("tail", "--actor", "<b>[red]"))
    assert ("\x1b" in line, "\u202e" in line, "<b>[red]" in line) == (False, False, True)
