from decimal import Decimal

import pytest

from tests.integration.world import World, new_key

ALICE = "user:alice"


@pytest.fixture
def funded(world: World) -> World:
    """Alice has 1000 millicents."""
    assert world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 1000}).status == 201
    return world


def available(world: World) -> Decimal | int:
    amount: Decimal | int = world.get(f"/v1/accounts/{ALICE}").body["available"]
    return amount


def test_a_charge_answers_its_entry_and_the_balance_after_it(funded: World) -> None:
    charge = {
        "actor": ALICE,
        "cost": 42.125,
        "app": "chat",
        "meter": "llm",
        "metadata": {"model": "m", "tokens": [1, 2.5]},
    }
    answer = funded.cost(charge, key="k-1")
    entry = answer.body["entry"]
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.body) == {"entry", "balance"}
    assert set(entry) == {
        "key", "seq", "kind", "actor", "app", "by", "amount", "available_before", "available_after", "held_before",
        "held_after", "drawn", "meter", "metadata", "at", "outcome", "reason", "hash",
    }  # fmt: skip
    assert (entry["key"], entry["seq"], entry["kind"], entry["by"]) == ("k-1", 2, "charge", "billing")
    assert (entry["amount"], entry["available_before"], entry["available_after"]) == (
        Decimal("-42.125"), 1000, Decimal("957.875"),
    )  # fmt: skip
    assert (entry["app"], entry["meter"], entry["metadata"]) == (
        "chat",
        "llm",
        {"model": "m", "tokens": [1, Decimal("2.5")]},
    )
    assert answer.body["balance"] == {
        "available": Decimal("957.875"), "held": 0, "funded": 1000, "spent": Decimal("42.125"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("42", "42"),
        ("42.5", "42.5"),
        ('"42.500"', "42.5"),
        ("0.001", "0.001"),
        ("4e1", "40"),
        ("0", "0"),
        ("-0", "0"),
        ("1.000", "1"),
    ],
)
def test_an_amount_is_taken_exactly_as_it_was_written(funded: World, written: str, taken: str) -> None:
    answer = funded.cost(None, text=f'{{"actor": "{ALICE}", "cost": {written}}}')
    assert answer.status == 201
    assert answer.body["entry"]["amount"] == -Decimal(taken)


def test_amounts_are_written_as_plain_numbers(funded: World) -> None:
    text = funded.cost({"actor": ALICE, "cost": "0.001"}).text
    assert '"amount":-0.001' in text
    assert '"available":999.999' in text


def test_every_answer_carries_the_id_of_its_request(funded: World) -> None:
    first, second = funded.cost({"actor": ALICE, "cost": 1}), funded.cost({"actor": ALICE})
    assert first.headers["X-Request-Id"].startswith("request-")
    assert second.headers["X-Request-Id"].startswith("request-")
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]


def test_a_charge_above_what_is_there_is_refused_with_the_figures(funded: World) -> None:
    answer = funded.cost({"actor": ALICE, "cost": "1000.001"})
    assert answer.status == 402
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body == {
        "type": "urn:millicent:problem:insufficient_credits",
        "title": "Insufficient credits",
        "status": 402,
        "detail": "the charge was refused and no credits were taken",
        "code": "insufficient_credits",
        "reason": "insufficient_credits",
        "required": Decimal("1000.001"),
        "available": 1000,
        "held": 0,
        "shortfall": Decimal("0.001"),
        "largest_affordable": 1000,
    }
    assert available(funded) == 1000


def test_the_first_thing_ever_sent_may_be_a_refusal_and_is_recorded(world: World) -> None:
    assert world.cost({"actor": ALICE, "cost": 1}, key="first").status == 402
    assert world.get("/v1/operations/first", query={"actor": ALICE}).body["entry"]["outcome"] == "refused"


def test_an_overdraw_is_always_recorded(funded: World) -> None:
    answer = funded.cost({"actor": ALICE, "cost": 1500, "if_insufficient": "overdraw"})
    assert (answer.status, answer.body["balance"]["available"]) == (201, -500)
    assert "shortfall" not in answer.body


def test_a_partial_charge_takes_what_is_there_and_says_what_is_missing(funded: World) -> None:
    answer = funded.cost({"actor": ALICE, "cost": "1500.5", "if_insufficient": "partial"})
    assert answer.status == 201
    assert answer.body["entry"]["outcome"] == "partial"
    assert answer.body["entry"]["amount"] == -1000
    assert answer.body["shortfall"] == Decimal("500.5")


def test_a_partial_charge_that_is_covered_has_no_shortfall(funded: World) -> None:
    answer = funded.cost({"actor": ALICE, "cost": 10, "if_insufficient": "partial"})
    assert (answer.body["entry"]["outcome"], "shortfall" in answer.body) == ("applied", False)


@pytest.mark.parametrize(
    "charge",
    [{"cost": 400}, {"cost": 400, "if_insufficient": "overdraw"}, {"cost": 4000, "if_insufficient": "partial"}],
    ids=["applied", "overdraw", "partial"],
)
def test_a_replay_gives_the_first_answer_with_200_and_charges_nothing(funded: World, charge: dict[str, object]) -> None:
    key = new_key()
    first = funded.cost({"actor": ALICE, **charge}, key=key)
    before = funded.contents()
    again = funded.cost({"actor": ALICE, **charge}, key=key)
    assert (first.status, again.status) == (201, 200)
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert again.text == first.text
    assert funded.contents() == before


def test_a_replayed_refusal_is_refused_again_even_after_a_top_up(funded: World) -> None:
    key = new_key()
    first = funded.cost({"actor": ALICE, "cost": 1500}, key=key)
    funded.fund({"actor": ALICE, "old_amount": 1000, "new_amount": 5000})
    again = funded.cost({"actor": ALICE, "cost": 1500}, key=key)
    assert (first.status, again.status) == (402, 402)
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert again.text == first.text
    assert available(funded) == 5000


def test_the_same_amount_in_another_spelling_is_a_replay(funded: World) -> None:
    assert funded.cost(None, key="k", text=f'{{"actor": "{ALICE}", "cost": 42.5}}').status == 201
    assert funded.cost(None, key="k", text=f'{{ "cost" : "42.500", "actor": "{ALICE}" }}').status == 200


def test_a_key_bare_and_quoted_is_the_same_key(funded: World) -> None:
    assert funded.cost({"actor": ALICE, "cost": 1}, key="k").status == 201
    assert funded.cost({"actor": ALICE, "cost": 1}, key='"k"').status == 200


def test_keys_belong_to_the_actor(funded: World) -> None:
    assert funded.cost({"actor": ALICE, "cost": 1}, key="k").status == 201
    assert funded.cost({"actor": "user:bob", "cost": 1}, key="k").status == 402


@pytest.mark.parametrize(
    "other",
    [{"cost": 2}, {"cost": 1, "app": "chat"}, {"cost": 1, "meter": "llm"}, {"cost": 1, "metadata": {"a": 1}},
     {"cost": 1, "if_insufficient": "partial"}, {"cost": 1, "check_id": "c"}],
    ids=["cost", "app", "meter", "metadata", "if_insufficient", "check_id"],
)  # fmt: skip
def test_a_key_with_other_content_is_refused(funded: World, other: dict[str, object]) -> None:
    funded.cost({"actor": ALICE, "cost": 1}, key="k")
    before = funded.contents()
    answer = funded.cost({"actor": ALICE, **other}, key="k")
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")
    assert funded.contents() == before


def test_a_charge_can_name_its_check(funded: World) -> None:
    check_id = funded.check({"actor": ALICE}).body["check_id"]
    assert funded.cost({"actor": ALICE, "cost": 1, "check_id": check_id}).status == 201


def test_a_body_in_base64_is_a_body(funded: World) -> None:
    assert funded.cost({"actor": ALICE, "cost": 1}, as_base64=True).status == 201


def test_a_header_is_found_however_it_is_written(funded: World) -> None:
    event = {
        "version": "2.0",
        "rawPath": "/v1/cost",
        "headers": {"Idempotency-Key": "k", "Content-Type": "application/json"},
        "requestContext": {
            "requestId": "r",
            "stage": "$default",
            "http": {"method": "POST", "path": "/v1/cost"},
            "authorizer": {"jwt": {"claims": {"sub": "s", "client_id": "s", "scope": "credits/charge"}}},
        },
        "body": f'{{"actor": "{ALICE}", "cost": 1}}',
        "isBase64Encoded": False,
    }
    assert funded.invoke("cost", event)["statusCode"] == 201


def test_a_replay_has_the_metadata_in_the_order_of_the_first_answer(funded: World) -> None:
    charge = {"actor": ALICE, "cost": 1, "metadata": {"b": 1, "a": {"d": [{"f": 1, "e": 2}], "c": 0}}}
    first, again = funded.cost(charge, key="k"), funded.cost(charge, key="k")
    assert (first.status, again.status, again.text == first.text) == (201, 200, True)
