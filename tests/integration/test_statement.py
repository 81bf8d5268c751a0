"""Entries as CSV, and those of one app or meter."""

import csv
from io import StringIO
from urllib.parse import parse_qsl, urlsplit

import pytest

from functions.history.statement import COLUMNS
from shared.edge.path_ids import in_path
from tests.integration.world import Answer, World

ALICE = "user:alice"
PATH = f"/v1/accounts/{ALICE}/entries"


@pytest.fixture
def busy(world: World) -> World:
    world.fund({"actor": ALICE, "amount": 1000, "reason": "invoice 17"}, key="paid-in")
    world.cost({"actor": ALICE, "cost": "42.125", "app": "chat", "meter": "llm"}, key="first")
    world.cost({"actor": ALICE, "cost": 5000, "meter": "search"}, key="too-much")
    world.refund({"actor": ALICE, "charge": "first", "amount": 2}, key="back")
    return world


def statement(world: World, accept: str = "text/csv", **query: str) -> Answer:
    answer = world.get(PATH, query=query, accept=accept)
    assert answer.status == 200, answer.text
    return answer


def lines(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(answer.text, newline="")))


def seqs(answer: Answer) -> list[int]:
    return [int(line["seq"]) for line in lines(answer)]


def test_a_statement_has_a_line_an_entry_newest_first(busy: World) -> None:
    answer = statement(busy)
    refund, refused, charge, grant = lines(answer)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="statement-user-alice.csv"'
    assert answer.text.splitlines()[0] == ",".join(COLUMNS)
    assert (charge["key"], charge["app"], charge["meter"], charge["amount"]) == ("first", "chat", "llm", "-42.125")
    assert (charge["available_before"], charge["available_after"], charge["held_after"]) == ("1000", "957.875", "0")
    assert (refused["outcome"], refused["reason"], refused["amount"]) == ("refused", "insufficient_credits", "0")
    assert (grant["reason"], grant["by"], grant["member"]) == ("invoice 17", "billing", "")
    assert (refund["kind"], refund["app"], refund["meter"], refund["amount"]) == ("refund", "chat", "llm", "2")


def test_statements_of_ids_that_read_alike_have_files_of_their_own(world: World) -> None:
    names = set()
    for actor in ("auth0|5f", "auth0/5f", "auth0+5f"):
        world.fund({"actor": actor, "amount": 1})
        answer = world.get(f"/v1/accounts/{in_path(actor)}/entries", accept="text/csv")
        names.add(answer.headers["Content-Disposition"])
    assert len(names) == 3
    assert all(name.startswith('attachment; filename="statement-auth0-5f-') for name in names)


def test_the_lines_say_what_the_entries_say(busy: World) -> None:
    entries = busy.get(PATH).body["items"]
    same = ("at", "kind", "key", "outcome", "hash")
    assert [[line[name] for name in same] for line in lines(statement(busy))] == [
        [entry[name] for name in same] for entry in entries
    ]


def test_a_statement_is_paged_by_a_link_that_keeps_the_question(busy: World) -> None:
    first = statement(busy, limit="3", **{"from": "2020-01-01T00:00:00+00:00"})
    target, relation = first.headers["Link"].split("; ")
    following = urlsplit(target.strip("<>"))
    query = dict(parse_qsl(following.query))
    assert (relation, following.path) == ('rel="next"', "/v1/accounts/user%3Aalice/entries")
    assert (query["limit"], query["from"]) == ("3", "2020-01-01T00:00:00+00:00")
    second = statement(busy, **query)
    assert [seqs(first), seqs(second)] == [[4, 3, 2], [1]]
    assert "Link" not in second.headers


def test_a_page_of_a_statement_may_have_a_thousand_lines_and_not_more(busy: World) -> None:
    assert len(lines(statement(busy, limit="1000"))) == 4
    answer = busy.get(PATH, query={"limit": "1001"}, accept="text/csv")
    assert (answer.status, answer.errors) == (422, {"query.limit": "must be a whole number from 1 to 1000"})
    assert busy.get(PATH, query={"limit": "101"}).status == 422


@pytest.mark.parametrize("accept", ["text/csv", "TEXT/CSV; charset=utf-8", "text/html, text/csv;q=0.9"])
def test_a_statement_is_for_those_who_name_csv(busy: World, accept: str) -> None:
    assert statement(busy, accept).headers["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/*", "text/csvx", "nonsense"])
def test_whoever_does_not_is_answered_in_json(busy: World, accept: str) -> None:
    assert statement(busy, accept).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("note", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_of_a_caller_is_a_formula_to_a_spreadsheet(world: World, note: str) -> None:
    world.fund({"actor": ALICE, "amount": 1, "reason": note}, key="-key")
    (line,) = lines(statement(world))
    assert (line["reason"], line["key"]) == (f"'{note}", "'-key")


def test_text_with_commas_quotes_and_line_ends_stays_one_cell(world: World) -> None:
    note = 'a "quoted", long\r\nnote'
    world.fund({"actor": ALICE, "amount": 1, "reason": note})
    (line,) = lines(statement(world))
    assert line["reason"] == note


def test_an_error_is_a_problem_whatever_was_accepted(world: World) -> None:
    answer = world.get("/v1/accounts/user:nobody/entries", accept="text/csv")
    assert (answer.status, answer.code) == (404, "account_not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"meter": "llm"}, [4, 2]),
        ({"meter": "search"}, [3]),
        ({"app": "chat"}, [4, 2]),
        ({"app": "chat", "meter": "search"}, []),
        ({"app": "chat", "kind": "charge"}, [2]),
        ({"meter": "none"}, []),
    ],
)
def test_entries_can_be_of_one_app_and_meter_refunds_with_their_charge(
    busy: World, query: dict[str, str], expected: list[int]
) -> None:
    assert seqs(statement(busy, **query)) == expected
    assert [entry["seq"] for entry in busy.get(PATH, query=query).body["items"]] == expected


def test_entries_of_one_meter_are_paged(busy: World) -> None:
    first = busy.get(PATH, query={"meter": "llm", "limit": "1"}).body
    second = busy.get(PATH, query={"meter": "llm", "limit": "1", "after": first["next"]}).body
    assert [[entry["seq"] for entry in page["items"]] for page in (first, second)] == [[4], [2]]


def test_a_statement_says_the_model_and_can_be_of_one(busy: World) -> None:
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 1000}
    busy.cost({"actor": ALICE, "usage": usage}, key="priced")
    busy.refund({"actor": ALICE, "charge": "priced"}, key="returned")
    assert COLUMNS[-1] == "model"
    found = lines(statement(busy, model="gpt-4o"))
    assert [(line["key"], line["model"]) for line in found] == [("returned", "gpt-4o"), ("priced", "gpt-4o")]
    assert seqs(statement(busy, model="o3")) == []
    assert {line["model"] for line in lines(statement(busy))} == {"", "gpt-4o"}
