"""Amounts as decimal strings, where a request asks for them."""

from typing import Any

import pytest

from tests.integration.world import World

ALICE = "user:alice"
ACCEPT = "application/json; amounts=string"


@pytest.fixture
def funded(world: World) -> World:
    """9007199254740.993 millicents: more microcents than a double can count."""
    for number in range(9):
        world.fund({"actor": ALICE, "amount": 1_000_000_000_000}, key=f"grant-{number}")
    world.fund({"actor": ALICE, "amount": "7199254740.993"}, key="grant-9")
    return world


def test_an_account_above_what_a_double_holds_is_exact(funded: World) -> None:
    path = f"/v1/accounts/{ALICE}"
    as_number, as_string = funded.get(path), funded.get(path, query={"amounts": "string"})
    assert '"available":9007199254740.993' in as_number.text
    assert '"available":"9007199254740.993"' in as_string.text
    assert as_string.body["grants"][0]["amount"] == "9007199254740.993"
    assert as_string.body["seq"] == 10
    assert funded.get(path, accept=ACCEPT).text == as_string.text
    assert as_number.headers["Vary"] == as_string.headers["Vary"] == "Accept"


@pytest.mark.parametrize("how", [{"accept": ACCEPT}, {"query": {"amounts": "string"}}], ids=["accept", "query"])
def test_every_answer_with_amounts_can_have_them_as_strings(funded: World, how: dict[str, Any]) -> None:
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
    paid = funded.cost({"actor": ALICE, "usage": usage, "metadata": {"amount": 1}}, key="paid", **how).body
    assert (paid["entry"]["amount"], paid["balance"]["spent"]) == ("-137.5", "137.5")
    assert (paid["entry"]["metadata"], paid["entry"]["usage"]) == ({"amount": 1}, usage)
    assert funded.check({"actor": ALICE, "minimum": "1.5"}, **how).body["minimum"] == "1.5"
    refused = funded.cost({"actor": ALICE, "cost": 10**12}, key="much", **how)
    assert refused.status == 201
    poor = funded.cost({"actor": "user:bob", "cost": "0.5"}, key="poor", **how)
    assert (poor.status, poor.headers["Content-Type"]) == (402, "application/problem+json")
    assert (poor.body["required"], poor.body["largest_affordable"], poor.body["shortfall"]) == ("0.5", "0", "0.5")
    held = funded.hold({"actor": ALICE, "amount": 5}, key="held", **how).body
    assert held["hold"]["amount"] == "5"
    batch = funded.batch([{"key": "b1", "actor": ALICE, "cost": 1}], **how).body
    assert batch["results"][0]["entry"]["amount"] == "-1"
    settings = funded.configure(ALICE, {"low_balance_thresholds": [1, "0.5"]}, **how).body["settings"]
    assert settings["low_balance_thresholds"] == ["1", "0.5"]
    shown = funded.get(f"/v1/accounts/{ALICE}/entries", **how).body["items"]
    assert {type(each["available_after"]) for each in shown} == {str}


def test_a_replay_is_spelled_as_it_is_asked_for(funded: World) -> None:
    first = funded.cost({"actor": ALICE, "cost": 1}, key="k")
    again = funded.cost({"actor": ALICE, "cost": 1}, key="k", accept=ACCEPT)
    assert (first.body["entry"]["amount"], again.body["entry"]["amount"]) == (-1, "-1")
    assert again.headers["Idempotency-Replayed"] == "true"


def test_the_event_of_a_check_has_numbers_whatever_was_asked_for(funded: World) -> None:
    funded.check({"actor": ALICE, "minimum": 1}, accept=ACCEPT)
    assert funded.bus_events()[-1]["detail"]["data"]["minimum"] == 1


def test_a_spelling_that_is_not_known_is_named_and_nothing_is_recorded(funded: World) -> None:
    before = funded.contents()
    for how, path in (({"query": {"amounts": "text"}}, "query.amounts"), ({"accept": f"{ACCEPT}s"}, "header.Accept")):
        answer = funded.cost({"actor": ALICE, "cost": 1}, key="k", **how)
        assert (answer.status, answer.code, set(answer.errors)) == (422, "validation_failed", {path})
        assert answer.headers["X-Request-Id"]
    assert funded.contents() == before
