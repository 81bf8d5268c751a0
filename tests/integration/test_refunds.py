"""Refunds of charges, and grants that are voided."""

from typing import Any

import pytest

from tests.integration.world import World, new_key

ALICE = "user:alice"


@pytest.fixture
def charged(world: World) -> World:
    """Alice had 100 millicents and was charged 30 of them, under the key `charge`."""
    assert world.fund({"actor": ALICE, "amount": 100}).status == 201
    assert world.cost({"actor": ALICE, "cost": 30}, key="charge").status == 201
    return world


def refund(world: World, **body: Any) -> Any:
    return world.refund({"actor": ALICE, "charge": "charge", **body})


def test_a_refund_answers_its_entry_and_the_balance_after_it(charged: World) -> None:
    answer = refund(charged, amount=10)
    assert (answer.status, set(answer.body)) == (201, {"entry", "balance"})
    assert (answer.body["entry"]["kind"], answer.body["entry"]["amount"]) == ("refund", 10)
    assert answer.body["balance"] == {"available": 80, "held": 0, "funded": 100, "spent": 20}


def test_refunds_never_exceed_what_is_left_of_the_charge(charged: World) -> None:
    refund(charged, amount=10)
    answer = refund(charged, amount=50)
    assert (answer.status, answer.code, answer.body["required"]) == (409, "exceeds_charge", 50)
    assert refund(charged).body["entry"]["amount"] == 20
    assert refund(charged, amount="0.001").code == "exceeds_charge"


def test_a_capture_can_be_refunded_by_its_key(charged: World) -> None:
    hold = charged.hold({"actor": ALICE, "amount": 20}).body["hold"]["id"]
    charged.change_hold(hold, "capture", {"actor": ALICE, "amount": 5}, key="capture")
    answer = charged.refund({"actor": ALICE, "charge": "capture"})
    assert (answer.status, answer.body["entry"]["amount"]) == (201, 5)


@pytest.mark.parametrize("named", ["never", "fund"])
def test_what_is_no_charge_is_not_found(charged: World, named: str) -> None:
    charged.fund({"actor": ALICE, "amount": 1}, key="fund")
    answer = charged.refund({"actor": ALICE, "charge": named})
    assert (answer.status, answer.code) == (404, "charge_not_found")


def test_a_charge_of_another_actor_is_not_found(charged: World) -> None:
    assert charged.refund({"actor": "user:bob", "charge": "charge"}).code == "charge_not_found"


def test_a_refund_sent_again_gives_nothing_more(charged: World) -> None:
    key = new_key()
    first = charged.refund({"actor": ALICE, "charge": "charge", "amount": 10}, key=key)
    again = charged.refund({"actor": ALICE, "charge": "charge", "amount": 10}, key=key)
    assert (first.status, again.status, again.text) == (201, 200, first.text)


@pytest.mark.parametrize(
    ("body", "named"),
    [({"amount": 0}, {"$.amount"}), ({"amount": -1}, {"$.amount"}), ({"charge": "a b", "x": 1}, {"$.charge", "$.x"})],
)
def test_what_is_wrong_with_a_refund_is_named(charged: World, body: dict[str, Any], named: set[str]) -> None:
    answer = refund(charged, **body)
    assert (answer.status, set(answer.errors)) == (422, named)


def test_a_voided_grant_takes_back_what_is_left_of_it(charged: World) -> None:
    answer = charged.void("g1", {"actor": ALICE, "reason": "charged back"})
    entry = answer.body["entry"]
    assert (answer.status, entry["kind"], entry["amount"], entry["reason"]) == (201, "void", -70, "charged back")
    assert answer.body["balance"] == {"available": 0, "held": 0, "funded": 30, "spent": 30}
    assert charged.get(f"/v1/accounts/{ALICE}").body["grants"] == []


def test_a_grant_that_is_not_there_cannot_be_voided(charged: World) -> None:
    charged.void("g1", {"actor": ALICE})
    for grant in ("g1", "g9"):
        answer = charged.void(grant, {"actor": ALICE})
        assert (answer.status, answer.code) == (404, "grant_not_found")


def test_what_is_wrong_with_a_void_is_named(charged: World) -> None:
    assert set(charged.void("g1", {"actor": ALICE, "amount": 1}).errors) == {"$.amount"}
    assert set(charged.void("g%231", {"actor": ALICE}).errors) == {"path.id"}
