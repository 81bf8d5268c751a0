from decimal import Decimal

import pytest

from tests.integration.world import World

ALICE = "user:alice"
FUTURE = "2099-01-01T00:00:00Z"


def test_a_funding_update_moves_what_is_available_by_the_difference(world: World) -> None:
    first = world.fund({"actor": ALICE, "old_amount": 0, "new_amount": "1000.5", "reason": "invoice 17"})
    second = world.fund({"actor": ALICE, "old_amount": 1000.5, "new_amount": 900})
    assert (first.status, second.status) == (201, 201)
    assert set(first.body) == {"entry", "balance"}
    assert (first.body["entry"]["kind"], first.body["entry"]["reason"]) == ("funding_update", "invoice 17")
    assert second.body["entry"]["amount"] == Decimal("-100.5")
    assert second.body["balance"] == {"available": 900, "held": 0, "funded": 900, "spent": 0}


def test_an_update_from_another_total_is_a_conflict_that_tells_the_total(world: World) -> None:
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 1000})
    answer = world.fund({"actor": ALICE, "old_amount": 999, "new_amount": 2000})
    assert (answer.status, answer.code, answer.body["funded"]) == (409, "funding_conflict", 1000)
    assert world.get(f"/v1/accounts/{ALICE}").body["funded"] == 1000


def test_the_first_funding_of_an_account_starts_at_zero(world: World) -> None:
    answer = world.fund({"actor": ALICE, "old_amount": 10, "new_amount": 20})
    assert (answer.status, answer.code, answer.body["funded"]) == (409, "funding_conflict", 0)


def test_a_reduction_below_what_was_spent_needs_force(world: World) -> None:
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 1000})
    world.cost({"actor": ALICE, "cost": 800})
    reduction = {"actor": ALICE, "old_amount": 1000, "new_amount": 500}
    refused = world.fund(reduction)
    assert (refused.status, refused.code) == (409, "would_overdraw")
    assert world.fund({**reduction, "force": True}).body["balance"]["available"] == -300


@pytest.mark.parametrize("offset", ["Z", "+00:00"])
def test_a_grant_answers_the_lot_that_it_made(world: World, offset: str) -> None:
    answer = world.fund(
        {
            "actor": ALICE,
            "amount": 50.5,
            "category": "promotional",
            "priority": 1,
            "expires_at": f"2099-01-01T00:00:00{offset}",
        }
    )
    assert answer.status == 201
    assert answer.body["entry"]["kind"] == "grant"
    assert answer.body["grant"] == {
        "id": "g1",
        "amount": Decimal("50.5"),
        "remaining": Decimal("50.5"),
        "priority": 1,
        "category": "promotional",
        "expires_at": "2099-01-01T00:00:00.000Z",
    }
    assert world.get(f"/v1/accounts/{ALICE}").body["grants"] == [answer.body["grant"]]


def test_a_grant_has_the_defaults_of_the_api(world: World) -> None:
    grant = world.fund({"actor": ALICE, "amount": 5}).body["grant"]
    assert (grant["category"], grant["priority"], grant["expires_at"]) == ("purchased", 10, None)


def test_a_grant_first_pays_what_the_account_owes(world: World) -> None:
    world.cost({"actor": ALICE, "cost": 30, "if_insufficient": "overdraw"})
    answer = world.fund({"actor": ALICE, "amount": 50})
    assert (answer.body["grant"]["amount"], answer.body["grant"]["remaining"]) == (50, 20)
    assert answer.body["balance"]["available"] == 20


def test_a_replayed_grant_says_the_same_after_it_was_spent(world: World) -> None:
    grant = {"actor": ALICE, "amount": 50, "expires_at": FUTURE}
    first = world.fund(grant, key="k")
    world.cost({"actor": ALICE, "cost": 50})
    again = world.fund(grant, key="k")
    assert (first.status, again.status, again.text == first.text) == (201, 200, True)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_the_seventeenth_open_grant_is_refused(world: World) -> None:
    for priority in range(16):
        assert world.fund({"actor": ALICE, "amount": 1, "priority": priority}).status == 201
    answer = world.fund({"actor": ALICE, "amount": 1, "priority": 16}, key="one-more")
    assert (answer.status, answer.code) == (409, "too_many_grants")
    world.cost({"actor": ALICE, "cost": 1})
    assert world.fund({"actor": ALICE, "amount": 1, "priority": 16}, key="one-more").status == 201


def test_a_seventeenth_grant_that_is_like_others_joins_the_nearest_and_the_answer_says_so(world: World) -> None:
    for day in range(1, 17):
        expiring = {"category": "promotional", "expires_at": f"2030-01-{day + day // 3:02d}T00:00:00Z"}
        assert world.fund({"actor": ALICE, "amount": 1, **expiring}).status == 201
    answer = world.fund({"actor": ALICE, "amount": 1})
    assert answer.status == 201
    merged = {"grant": "g1", "into": "g2", "amount": 1, "expires_at": "2030-01-02T00:00:00.000Z"}
    assert answer.body["entry"]["merged"] == merged


def test_a_replayed_conflict_has_its_first_status_again(world: World) -> None:
    update = {"actor": ALICE, "old_amount": 5, "new_amount": 10}
    first = world.fund(update, key="k")
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 5})
    again = world.fund(update, key="k")
    assert (first.status, again.status, again.text == first.text) == (409, 409, True)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_an_expiry_in_the_past_is_wrong_content_and_writes_nothing(world: World) -> None:
    before = world.contents()
    answer = world.fund({"actor": ALICE, "amount": 5, "expires_at": "2020-01-01T00:00:00Z"})
    assert (answer.status, answer.errors) == (422, {"$.expires_at": "must be in the future"})
    assert world.contents() == before


@pytest.mark.parametrize(
    ("mixed", "named"),
    [
        ({"old_amount": 0, "new_amount": 5, "amount": 5}, {"$.amount"}),
        ({"old_amount": 0, "new_amount": 5, "category": "purchased"}, {"$.category"}),
        ({"amount": 5, "force": True}, {"$.force"}),
        ({"amount": 5, "old_amount": 0}, {"$.amount", "$.new_amount"}),
        ({"reason": "neither"}, {"$.amount"}),
    ],
    ids=["update with amount", "update with category", "grant with force", "grant with old_amount", "neither"],
)
def test_a_mix_of_the_two_forms_names_the_field(world: World, mixed: dict[str, object], named: set[str]) -> None:
    before = world.contents()
    answer = world.fund({"actor": ALICE, **mixed})
    assert (answer.status, answer.code, set(answer.errors)) == (422, "validation_failed", named)
    assert world.contents() == before
