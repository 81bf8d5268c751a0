"""Holds over HTTP: placed, captured, released, extended, and over at their instant."""

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.world import Answer, World, new_key

ALICE = "user:alice"
HOUR_MS = 3_600_000


@pytest.fixture
def funded(world: World) -> World:
    """Alice has 1000 millicents."""
    assert world.fund({"actor": ALICE, "amount": 1000}).status == 201
    return world


def placed(world: World, amount: object = 400, **more: Any) -> str:
    answer = world.hold({"actor": ALICE, "amount": amount, **more})
    assert answer.status == 201
    return str(answer.body["hold"]["id"])


def account(world: World) -> dict[str, Any]:
    return world.get(f"/v1/accounts/{ALICE}").body


def ended(world: World, hold: str, how: str, body: dict[str, Any] | None = None, key: str | None = None) -> Answer:
    return world.change_hold(hold, how, {"actor": ALICE, **(body or {})}, key=key)


def an_hour_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in ("check", "cost", "holds", "accounts", "funding"):
        runtime = world.modules[function].runtime
        now_ms = runtime.now_ms
        later = dataclasses.replace(runtime, now_ms=lambda now_ms=now_ms: now_ms() + HOUR_MS)
        monkeypatch.setattr(world.modules[function], "runtime", later)


def test_a_hold_answers_itself_its_entry_and_the_balance_after_it(funded: World) -> None:
    body = {"actor": ALICE, "amount": 400, "app": "chat", "meter": "llm", "metadata": {"model": "m"}}
    answer = funded.hold(body, key="h-1")
    hold, entry = answer.body["hold"], answer.body["entry"]
    assert (answer.status, set(answer.body)) == (201, {"hold", "entry", "balance"})
    assert (hold["id"], hold["actor"], hold["amount"], hold["captured"], hold["status"]) == (
        "h2",
        ALICE,
        400,
        0,
        "open",
    )
    assert (entry["key"], entry["kind"], entry["amount"], entry["hold"]) == ("h-1", "hold", -400, hold)
    assert (entry["app"], entry["meter"], entry["metadata"]) == ("chat", "llm", {"model": "m"})
    assert answer.body["balance"] == {"available": 600, "held": 400, "funded": 1000, "spent": 0}


def test_check_and_account_show_what_is_held(funded: World) -> None:
    hold = placed(funded)
    check = funded.check({"actor": ALICE, "minimum": 601}).body
    assert (check["allowed"], check["available"], check["held"]) == (False, 600, 400)
    shown = account(funded)
    assert (shown["available"], shown["held"], [each["id"] for each in shown["holds"]]) == (600, 400, [hold])


def test_a_capture_charges_its_part_and_returns_the_rest(funded: World) -> None:
    answer = ended(funded, placed(funded), "capture", {"amount": "137.5", "meter": "llm"})
    assert (answer.status, answer.body["entry"]["amount"], answer.body["entry"]["meter"]) == (
        201,
        Decimal("-137.5"),
        "llm",
    )
    assert (answer.body["hold"]["status"], answer.body["hold"]["captured"]) == ("captured", Decimal("137.5"))
    assert answer.body["balance"] == {
        "available": Decimal("862.5"), "held": 0, "funded": 1000, "spent": Decimal("137.5"),
    }  # fmt: skip
    assert account(funded)["holds"] == []


def test_a_capture_of_nothing_costs_nothing_and_returns_all(funded: World) -> None:
    answer = ended(funded, placed(funded), "capture", {"amount": 0})
    assert (answer.status, answer.body["balance"]["available"], answer.body["balance"]["held"]) == (201, 1000, 0)


def test_a_release_returns_all(funded: World) -> None:
    answer = ended(funded, placed(funded), "release")
    assert (answer.status, answer.body["hold"]["status"], answer.body["balance"]["available"]) == (
        201,
        "released",
        1000,
    )


def test_an_extension_moves_the_end_and_never_brings_it_nearer(funded: World) -> None:
    hold = placed(funded, ttl_s=600)
    until = account(funded)["holds"][0]["expires_at"]
    assert ended(funded, hold, "extend", {"ttl_s": 1}).body["hold"]["expires_at"] == until
    later = ended(funded, hold, "extend", {"ttl_s": 86_400}).body["hold"]["expires_at"]
    assert later > until
    assert account(funded)["holds"][0]["expires_at"] == later


def test_a_hold_above_what_is_there_is_refused_with_the_figures(funded: World) -> None:
    placed(funded, 400)
    answer = funded.hold({"actor": ALICE, "amount": "600.5"})
    assert answer.status == 402
    assert answer.body == {
        "type": "urn:millicent:problem:insufficient_credits",
        "title": "Insufficient credits",
        "status": 402,
        "detail": "the hold was refused and no credits were taken",
        "code": "insufficient_credits",
        "reason": "insufficient_credits",
        "required": Decimal("600.5"),
        "available": 600,
        "held": 400,
        "shortfall": Decimal("0.5"),
        "largest_affordable": 600,
    }


def test_a_hold_with_a_minimum_takes_what_is_there_and_says_what_is_missing(funded: World) -> None:
    answer = funded.hold({"actor": ALICE, "amount": 1500, "minimum_amount": 900})
    assert (answer.status, answer.body["hold"]["amount"], answer.body["shortfall"]) == (201, 1000, 500)
    assert answer.body["entry"]["outcome"] == "partial"


@pytest.mark.parametrize(
    ("first", "code"), [("capture", "hold_captured"), ("release", "hold_released")], ids=["captured", "released"]
)
def test_a_hold_that_has_ended_says_how(funded: World, first: str, code: str) -> None:
    hold = placed(funded)
    assert ended(funded, hold, first).status == 201
    for again, body in (("capture", {}), ("release", {}), ("extend", {"ttl_s": 60})):
        answer = ended(funded, hold, again, body)
        assert (answer.status, answer.code, answer.body["reason"]) == (409, code, code)


def test_a_capture_above_the_hold_is_refused_and_leaves_it_as_it_was(funded: World) -> None:
    hold = placed(funded)
    answer = ended(funded, hold, "capture", {"amount": 401})
    assert (answer.status, answer.code, answer.body["required"]) == (409, "exceeds_hold", 401)
    assert ended(funded, hold, "capture", {"amount": 401, "overrun": "charge"}).body["balance"]["spent"] == 401


def test_an_overrun_that_is_not_there_is_refused_with_the_figures(funded: World) -> None:
    answer = ended(funded, placed(funded), "capture", {"amount": 1100, "overrun": "charge"})
    assert (answer.status, answer.code) == (402, "insufficient_credits")
    figures = ("required", "available", "held", "shortfall", "largest_affordable")
    assert [answer.body[name] for name in figures] == [1100, 600, 400, 100, 1000]


@pytest.mark.parametrize("how", ["capture", "release", "extend"])
def test_a_hold_that_was_never_placed_is_not_found(funded: World, how: str) -> None:
    answer = ended(funded, "h9", how, {"ttl_s": 60} if how == "extend" else {})
    assert (answer.status, answer.code) == (404, "hold_not_found")


def test_a_hold_of_another_actor_is_not_found(funded: World) -> None:
    hold = placed(funded)
    answer = funded.change_hold(hold, "capture", {"actor": "user:bob"})
    assert (answer.status, answer.code) == (404, "hold_not_found")


@pytest.mark.parametrize("how", ["capture", "release", "extend"])
def test_a_hold_change_sent_again_is_answered_again(funded: World, how: str) -> None:
    hold, key, body = placed(funded), new_key(), {"ttl_s": 900} if how == "extend" else {}
    first = ended(funded, hold, how, body, key=key)
    before = funded.contents()
    again = ended(funded, hold, how, body, key=key)
    assert (first.status, again.status, again.text) == (201, 200, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert funded.contents() == before


def test_a_key_that_placed_a_hold_cannot_charge(funded: World) -> None:
    funded.hold({"actor": ALICE, "amount": 1}, key="k")
    answer = funded.cost({"actor": ALICE, "cost": 1}, key="k")
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")


def test_what_became_of_a_hold_call_can_be_looked_up(funded: World) -> None:
    first = funded.hold({"actor": ALICE, "amount": 1}, key="k").body
    assert funded.get("/v1/operations/k", query={"actor": ALICE}).body == first | {"status": 201}


def test_a_hold_that_is_over_counts_as_available_and_is_not_listed(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, lasting = placed(funded, 400, ttl_s=600), placed(funded, 100, ttl_s=7200)
    assert funded.check({"actor": ALICE, "minimum": 900}).body["allowed"] is False
    an_hour_later(funded, monkeypatch)
    before = funded.contents()
    check, shown = funded.check({"actor": ALICE, "minimum": 900}).body, account(funded)
    assert (check["allowed"], check["available"], check["held"]) == (True, 900, 100)
    assert (shown["available"], shown["held"], [each["id"] for each in shown["holds"]]) == (900, 100, [lasting])
    assert [grant["remaining"] for grant in shown["grants"]] == [900]
    assert funded.contents() == before
    answer = ended(funded, over, "capture")
    assert (answer.status, answer.code) == (409, "hold_expired")
    assert funded.cost({"actor": ALICE, "cost": 900}).status == 201


def test_of_an_expired_hold_only_what_still_lives_comes_back_to_a_reader(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = world.modules["holds"].runtime.now_ms() // 1000 + 1800
    world.fund({"actor": ALICE, "amount": 30, "expires_at": datetime.fromtimestamp(soon, UTC).isoformat()})
    world.fund({"actor": ALICE, "amount": 70})
    placed(world, 50, ttl_s=600)
    an_hour_later(world, monkeypatch)
    shown = account(world)
    assert (shown["available"], shown["held"]) == (70, 0)


def test_more_holds_than_a_page_are_all_listed_and_all_returned(funded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(103):
        placed(funded, 1)
    assert len(account(funded)["holds"]) == 103
    an_hour_later(funded, monkeypatch)
    assert funded.check({"actor": ALICE, "minimum": 1000}).body["allowed"] is True


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"amount": 0}, {"$.amount"}),
        ({"amount": -1}, {"$.amount"}),
        ({}, {"$.amount"}),
        ({"amount": 5, "minimum_amount": 0}, {"$.minimum_amount"}),
        ({"amount": 5, "minimum_amount": "5.001"}, {"$.minimum_amount"}),
        ({"amount": 5, "ttl_s": 0}, {"$.ttl_s"}),
        ({"amount": 5, "ttl_s": 86_401}, {"$.ttl_s"}),
        ({"amount": 5, "ttl_s": "60"}, {"$.ttl_s"}),
        ({"amount": 5, "ttl_s": True, "meter": "a b", "ttl": 1}, {"$.ttl_s", "$.meter", "$.ttl"}),
    ],
)
def test_what_is_wrong_with_a_hold_is_named(funded: World, body: dict[str, Any], named: set[str]) -> None:
    before = funded.contents()
    answer = funded.hold({"actor": ALICE, **body})
    assert (answer.status, answer.code, set(answer.errors)) == (422, "validation_failed", named)
    assert funded.contents() == before


@pytest.mark.parametrize(
    ("hold", "how", "body", "named"),
    [
        ("h2", "capture", {"amount": -1, "overrun": "never"}, {"$.amount", "$.overrun"}),
        ("h2", "capture", {"if_expired": "partial"}, {"$.if_expired"}),
        ("h2", "capture", {"ttl_s": 60}, {"$.ttl_s"}),
        ("h2", "release", {"amount": 1}, {"$.amount"}),
        ("h2", "extend", {}, {"$.ttl_s"}),
        ("h2", "extend", {"ttl_s": 0}, {"$.ttl_s"}),
        ("h%232", "release", {}, {"path.id"}),
    ],
)
def test_what_is_wrong_with_a_change_of_a_hold_is_named(
    funded: World, hold: str, how: str, body: dict[str, Any], named: set[str]
) -> None:
    placed(funded)
    answer = ended(funded, hold, how, body)
    assert (answer.status, set(answer.errors)) == (422, named)


def test_every_change_of_a_hold_needs_a_key(funded: World) -> None:
    hold = placed(funded)
    for how in ("capture", "release", "extend"):
        answer = funded.call("POST", f"/v1/holds/{hold}/{how}", {"actor": ALICE, "ttl_s": 60})
        assert (answer.status, answer.code) == (400, "idempotency_key_required")


def test_a_part_leaves_the_hold_open_with_what_remains_of_it(funded: World) -> None:
    hold = placed(funded)
    answer = ended(funded, hold, "capture", {"amount": "137.5", "final": False, "meter": "llm"})
    assert (answer.status, answer.body["entry"]["amount"]) == (201, Decimal("-137.5"))
    assert answer.body["hold"] == answer.body["hold"] | {
        "amount": 400,
        "captured": Decimal("137.5"),
        "remaining": Decimal("262.5"),
        "status": "open",
    }
    assert answer.body["entry"]["hold"] == answer.body["hold"]
    assert [each["remaining"] for each in account(funded)["holds"]] == [Decimal("262.5")]
    last = ended(funded, hold, "capture").body
    assert (last["entry"]["amount"], last["hold"]["captured"], last["hold"]["remaining"]) == (Decimal("-262.5"), 400, 0)


def test_the_default_of_final_is_the_same_request_as_without_it(funded: World) -> None:
    hold = placed(funded)
    assert ended(funded, hold, "capture", {"amount": 1}, key="c").status == 201
    assert ended(funded, hold, "capture", {"amount": 1, "final": True}, key="c").status == 200
    assert ended(funded, hold, "capture", {"amount": 1, "final": False}, key="c").body["code"] == (
        "idempotency_key_reused"
    )


def test_a_part_needs_an_amount_or_usage(funded: World) -> None:
    answer = ended(funded, placed(funded), "capture", {"final": False})
    assert (answer.status, answer.body["errors"]) == (
        422,
        [{"path": "$.amount", "detail": "is required with final: false, or usage instead"}],
    )


def test_a_part_above_what_is_left_is_refused_and_leaves_it_as_it_was(funded: World) -> None:
    hold = placed(funded)
    ended(funded, hold, "capture", {"amount": 300, "final": False})
    answer = ended(funded, hold, "capture", {"amount": 101, "final": False})
    assert (answer.status, answer.body["code"], answer.body["required"]) == (409, "exceeds_hold", 101)
    charged = ended(funded, hold, "capture", {"amount": 101, "final": False, "overrun": "charge"}).body["hold"]
    assert (charged["captured"], charged["remaining"], charged["status"]) == (401, 0, "open")
