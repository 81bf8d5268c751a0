"""`millicent top`: who and what a tenant spent most on."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from millicent.cli import main
from millicent.cli.invocation import Invocation
from millicent.testing import InMemoryMillicent

URL: Final = "http://millicent.test"
NOW: Final = datetime(2026, 5, 17, 12, tzinfo=UTC)
MORE_THAN_A_PAGE: Final = 101

Top = Callable[..., Result]


@pytest.fixture
def top(millicent: InMemoryMillicent) -> Top:
    """Runs it, as an operator or with the token that is given."""
    millicent.clock.set(NOW)

    def run(*options: str, token: str | None = None) -> Result:
        given = ("--url", URL, "--token", token or millicent.token())
        return CliRunner().invoke(main, [*given, "top", *options], obj=Invocation(transport=millicent.transport))

    return run


def spend(millicent: InMemoryMillicent, actor: str, cost: str, **terms: Any) -> None:
    millicent.fund(actor, 1000)
    millicent.charge(actor, cost, **terms)


def rows(table: Result) -> list[list[str]]:
    """The cells of all tables, heads among them."""
    assert table.exit_code == 0, table.output
    lines = [line for line in table.stdout.splitlines() if line[:1] in {"┃", "│"}]
    return [[cell.strip() for cell in re.split("[┃│]", line)[1:-1]] for line in lines]


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    return json.loads(line, parse_float=Decimal)


def test_those_who_spent_most_come_first_and_the_last_line_is_their_sum(millicent: InMemoryMillicent, top: Top) -> None:
    spend(millicent, "user:little", "1.125")
    spend(millicent, "user:most", "300", key="work")
    spend(millicent, "user:some", "20")
    millicent.refund("user:most", "work", "0.5")
    assert rows(top()) == [
        ["actor", "charged", "refunded", "net", "count"],
        ["user:most", "300.000", "0.500", "299.500", "1"],
        ["user:some", "20.000", "0.000", "20.000", "1"],
        ["user:little", "1.125", "0.000", "1.125", "1"],
        ["total", "321.125", "0.500", "320.625", "3"],
    ]


def test_a_listing_that_was_cut_calls_its_sum_no_total(millicent: InMemoryMillicent, top: Top) -> None:
    for number in range(3):
        spend(millicent, f"user:{number}", str(10 + number))
    shown = rows(top("--limit", "2"))
    assert [words[0] for words in shown] == ["actor", "user:2", "user:1", "these"]
    assert shown[-1][1:] == ["23.000", "0.000", "23.000", "2"]


def test_a_document_has_the_exact_amounts_and_says_that_there_are_more(millicent: InMemoryMillicent, top: Top) -> None:
    spend(millicent, "user:alice", "42.125", meter="llm")
    spend(millicent, "user:bob", "7", meter="search")
    whole = document(top("--by", "meter", "--json"))
    assert [(each["meter"], each["net"]) for each in whole["items"]] == [("llm", Decimal("42.125")), ("search", 7)]
    assert (whole["group_by"], whole["from"], whole["to"]) == ("meter", "2026-04-18", "2026-05-17")
    assert whole["next"] is None
    cut = document(top("--limit", "1", "--json"))
    assert [each["actor"] for each in cut["items"]] == ["user:alice"]
    assert cut["next"]


def test_as_many_rows_as_were_asked_for_are_taken_from_several_pages(millicent: InMemoryMillicent, top: Top) -> None:
    for number in range(MORE_THAN_A_PAGE):
        spend(millicent, f"user:{number}", str(1 + number))
    found = document(top("--limit", "500", "--json"))
    assert [each["net"] for each in found["items"]] == list(range(MORE_THAN_A_PAGE, 0, -1))
    assert found["next"] is None


def test_a_name_that_looks_like_markup_is_shown_as_it_is(millicent: InMemoryMillicent, top: Top) -> None:
    spend(millicent, "user:[bold]", "5", meter="[/red]<b>")
    assert [words[0] for words in rows(top())] == ["actor", "user:[bold]", "total"]
    assert [words[0] for words in rows(top("--by", "meter"))] == ["meter", "[/red]<b>", "total"]


def test_a_day_or_a_month_can_be_named(millicent: InMemoryMillicent, top: Top) -> None:
    spend(millicent, "user:alice", "5", occurred_at=datetime(2026, 5, 10, 9, tzinfo=UTC))
    spend(millicent, "user:bob", "6")
    of_a_day = document(top("--from", "2026-05-10", "--to", "2026-05-10", "--json"))
    assert [each["actor"] for each in of_a_day["items"]] == ["user:alice"]
    of_a_month = document(top("--from", "2026-05-01", "--to", "2026-05-31", "--json"))
    assert [each["actor"] for each in of_a_month["items"]] == ["user:bob", "user:alice"]
    by_day = document(top("--by", "day", "--json"))
    assert {each["day"]: each["net"] for each in by_day["items"]} == {"2026-05-10": 5, "2026-05-17": 6}


def test_what_parents_paid_for_members_is_said_to_be_there_twice(millicent: InMemoryMillicent, top: Top) -> None:
    millicent.fund("team:red", 100)
    millicent.fund("user:alice", 100)
    millicent.configure("user:alice", parent="team:red")
    millicent.charge("user:alice", 30)
    table = top()
    assert [words[0] for words in rows(table)] == ["actor", "team:red", "user:alice", "total", "net"]
    assert "Paid by parents for members, in the sums twice" in " ".join(table.stdout.split())


@pytest.mark.parametrize("grouping", ["actor", "meter", "app", "model", "day"])
def test_of_a_tenant_in_which_nothing_was_spent_it_says_that_nothing_is_counted(top: Top, grouping: str) -> None:
    table = top("--by", grouping)
    assert "nothing is counted yet" in table.stdout
    assert rows(table)[1:] == [["total", "0.000", "0.000", "0.000", "0"]]
    assert document(top("--by", grouping, "--json"))["items"] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--by", "colour"), "'colour' is not one of"),
        (("--from", "yesterday"), "is not a day"),
        (("--to", "2026-05-17T00:00:00Z"), "is not a day"),
        (("--limit", "0"), "0 is not in the range"),
        (("user:alice",), "unexpected extra argument"),
    ],
)
def test_what_cannot_be_asked_is_bad_usage(top: Top, options: tuple[str, ...], told: str) -> None:
    refused = top(*options)
    assert (refused.exit_code, told in refused.stderr) == (2, True), refused.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--from", "2026-04-30", "--to", "2026-05-01"),
        ("--by", "meter", "--from", "2026-05-17", "--to", "2026-05-16"),
        ("--by", "day", "--from", "2024-01-01", "--to", "2026-01-01"),
    ],
)
def test_a_period_that_has_no_sums_is_refused_in_the_words_of_the_service(top: Top, options: tuple[str, ...]) -> None:
    refused = top(*options)
    assert refused.exit_code not in {0, 1}
    assert refused.stdout == ""
    assert "from" in refused.stderr


def test_who_may_not_act_for_others_is_shown_nothing_of_the_tenant(millicent: InMemoryMillicent, top: Top) -> None:
    spend(millicent, "user:alice", "5")
    refused = top(token=millicent.token(["credits/read"], "user:alice"))
    assert refused.exit_code not in {0, 1}
    assert refused.stdout == ""
    assert "the token must have the scope credits/act" in refused.stderr
