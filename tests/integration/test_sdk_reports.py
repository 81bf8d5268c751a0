"""Entries, statements and usage: the client and the command line against the functions themselves."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from millicent import Clock, Millicent, NotFound, ValidationFailed
from millicent.cli import main
from millicent.cli.invocation import Invocation
from tests.integration.test_sdk import never_wait, transport_to
from tests.integration.world import World

ALICE = "user:alice"
OPTIONS = ("--url", "http://127.0.0.1:9", "--token", "token")


@pytest.fixture
def client(world: World) -> Iterator[Millicent]:
    transport, clock = transport_to(world), Clock(sleep=never_wait)
    with Millicent("http://127.0.0.1:9", "token", transport=transport, clock=clock) as client:
        client.grant(ALICE, 1000, reason="=invoice")
        client.charge(ALICE, "42.125", app="chat", meter="llm", key="a")
        client.charge(ALICE, 10, app="chat", meter="search")
        client.refund(ALICE, "a", 2)
        yield client


@pytest.fixture
def run(client: Millicent, world: World) -> Callable[..., Result]:
    def invoke(*arguments: str) -> Result:
        invocation = Invocation(transport=transport_to(world), clock=Clock(sleep=never_wait))
        return CliRunner().invoke(main, [*OPTIONS, *arguments], obj=invocation)

    return invoke


def told(result: Result) -> Any:
    """The document on the last line; what comes before it was logged by functions that run in this process."""
    return json.loads(result.stdout.splitlines()[-1], parse_float=Decimal)


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def test_usage_of_many_pages_comes_as_one(client: Millicent, world: World) -> None:
    world.count_usage()
    found = client.usage(ALICE, page_size=1)
    today = datetime.now(UTC).date()
    assert [(each.meter, each.charged, each.refunded, each.net, each.count) for each in found.items] == [
        ("llm", Decimal("42.125"), Decimal(2), Decimal("40.125"), 1),
        ("search", Decimal(10), Decimal(0), Decimal(10), 1),
    ]
    assert (found.group_by, found.counted_through, found.next) == ("meter", 4, None)
    assert found.last - found.first == timedelta(days=29)
    assert today - timedelta(days=1) <= found.last <= today


def test_usage_of_pages_between_which_more_was_counted_tells_the_earlier_count(client: Millicent, world: World) -> None:
    world.count_usage()
    inner = transport_to(world)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = inner.handle_request(request)
        client.charge(ALICE, 1, meter="more")
        world.count_usage()
        return answer

    transport, clock = httpx.MockTransport(handle), Clock(sleep=never_wait)
    with Millicent("http://127.0.0.1:9", "token", transport=transport, clock=clock) as busy:
        found = busy.usage(ALICE, page_size=1)
    assert [each.meter for each in found.items] == ["llm", "more", "search"]
    assert found.counted_through == 4


def test_usage_can_be_of_days_and_of_some(client: Millicent, world: World) -> None:
    world.count_usage()
    (day,) = client.usage(ALICE, group_by="day").items
    assert day.net == Decimal("50.125")
    assert day.day is not None
    of_it = client.usage(ALICE, group_by="day", first=day.day, last=day.day)
    assert (of_it.items, of_it.first, of_it.last) == ((day,), day.day, day.day)
    assert client.usage(ALICE, first=date(2020, 1, 1), last=date(2020, 12, 31)).items == ()
    with pytest.raises(ValidationFailed):
        client.usage(ALICE, first=date(2020, 1, 1), last=date(2021, 1, 1))
    with pytest.raises(NotFound):
        client.usage("user:nobody")


def test_a_statement_of_many_pages_has_one_heading(client: Millicent) -> None:
    whole = "".join(client.statement(ALICE))
    assert "".join(client.statement(ALICE, page_size=1)) == whole
    assert [line["seq"] for line in lines(whole)] == ["4", "3", "2", "1"]
    assert len(list(client.statement(ALICE, page_size=1))) == 4


def test_a_statement_and_entries_take_the_same_filters(client: Millicent) -> None:
    future = datetime(2999, 1, 1, tzinfo=UTC)
    assert [line["seq"] for line in lines("".join(client.statement(ALICE, meter="llm", page_size=1)))] == ["4", "2"]
    assert [entry.seq for entry in client.entries(ALICE, meter="llm", page_size=1)] == [4, 2]
    assert [entry.seq for entry in client.entries(ALICE, app="chat", kind="charge")] == [3, 2]
    assert lines("".join(client.statement(ALICE, since=future))) == []
    assert len(lines("".join(client.statement(ALICE, until=future, kind="grant")))) == 1


def test_the_command_line_shows_usage_as_a_table_or_a_document(run: Callable[..., Result], world: World) -> None:
    world.count_usage()
    table = run("usage", ALICE)
    assert table.exit_code == 0
    assert [word in table.stdout for word in ("llm", "search", "40.125", "total", "52.125", "through entry 4")] == [
        True
    ] * 6
    document = told(run("usage", ALICE, "--by", "app", "--json"))
    (item,) = document["items"]
    assert (item["app"], item["net"], document["counted_through"]) == ("chat", Decimal("50.125"), 4)
    assert told(run("usage", ALICE, "--from", "2020-01-01", "--to", "2020-01-31", "--json"))["items"] == []


@pytest.mark.parametrize("day", ["yesterday", "2020-01-01T00:00:00Z"])
def test_the_command_line_takes_days_of_usage_only(run: Callable[..., Result], day: str) -> None:
    refused = run("usage", ALICE, "--from", day)
    assert (refused.exit_code, "is not a day" in refused.stderr) == (2, True)


def test_the_command_line_writes_a_statement_as_csv(run: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    assert run("statement", ALICE, "--csv", str(file)).exit_code == 0
    written = file.read_bytes().decode()
    assert run("statement", ALICE, "--csv", "-").stdout_bytes.decode().endswith(f"\n{written}")
    assert [line["reason"] for line in lines(written)] == ["", "", "", "'=invoice"]
    assert list(tmp_path.iterdir()) == [file]


def test_a_statement_that_fails_leaves_the_file_as_it_was(run: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    file.write_text("kept")
    assert run("statement", "user:nobody", "--csv", str(file)).exit_code == 5
    assert (file.read_text(), list(tmp_path.iterdir())) == ("kept", [file])


def test_the_command_line_shows_a_statement_with_its_balances(run: Callable[..., Result]) -> None:
    table = run("statement", ALICE).stdout
    assert [word in table for word in ("4 entries", "available before", "949.875", "refund")] == [True] * 4
    part = run("statement", ALICE, "--meter", "llm").stdout
    assert ["refund" in part, "search" in part, "available before" in part] == [True, False, False]
    document = told(run("statement", ALICE, "--kind", "charge", "--json"))
    assert [entry["seq"] for entry in document["items"]] == [3, 2]
    assert run("statement", ALICE, "--app", "none").exit_code == 0


def test_the_accounts_of_a_tenant_come_by_name_page_by_page(client: Millicent) -> None:
    client.grant("user:bob", 5)
    client.configure("user:bob", low_balance_thresholds=[10])
    listed = list(client.accounts(page_size=1))
    assert [(each.actor, each.available, each.low, each.seq) for each in listed] == [
        (ALICE, Decimal("949.875"), False, 4),
        ("user:bob", 5, True, 2),
    ]
    newest = next(client.entries(ALICE))
    assert listed[0].updated_at == newest.at
    assert [each.actor for each in client.accounts("user:b")] == ["user:bob"]
    assert [each.actor for each in client.accounts(low=True)] == ["user:bob"]
    assert [each.actor for each in client.accounts(low=False, status="open")] == [ALICE]
    assert list(client.accounts(status="frozen")) == []


def test_the_command_line_lists_accounts_as_a_table_or_a_document(run: Callable[..., Result]) -> None:
    table = run("accounts", "--prefix", "user:")
    assert (table.exit_code, [word in table.stdout for word in (ALICE, "949.875", "open")]) == (0, [True] * 3)
    (item,) = told(run("accounts", "--not-low", "--status", "open", "--limit", "1", "--json"))["items"]
    assert (item["actor"], item["low"], item["spent"]) == (ALICE, False, Decimal("50.125"))
    assert told(run("accounts", "--low", "--json"))["items"] == []
