"""Usage in the place of an amount, and the rate cards that price it."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import pytest

from shared.ledger.accounts import Account
from shared.pricing.cards import RateBook, RateCard
from tests.integration.world import SERVICE, Answer, World

ALICE: Final = "user:alice"
ADMIN: Final = {**SERVICE, "scope": "credits/admin"}
GPT_4O: Final = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
REPORT: Final[dict[str, Any]] = {
    "provider": "openai",
    "model": "gpt-4o",
    "raw": {
        "prompt_tokens": 2006,
        "completion_tokens": 300,
        "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920},
    },
}
CALLS: Final[Mapping[str, Any]] = {"meter": "calls", "prices": {"requests": {"price": "2"}}}


@pytest.fixture
def funded(world: World) -> World:
    world.fund({"actor": ALICE, "amount": 100_000})
    return world


def put(world: World, card: Mapping[str, Any] = CALLS, **members: Any) -> Answer:
    world.modules["cost"].runtime.rates.forget()
    world.modules["holds"].runtime.rates.forget()
    return world.call("PUT", "/v1/rates", {**card, **members}, claims=ADMIN)


def quote(world: World, **usage: Any) -> Answer:
    return world.call("POST", "/v1/rates/quote", {"usage": usage})


def charge(world: World, usage: Mapping[str, Any], key: str | None = None, **members: Any) -> Answer:
    return world.cost({"actor": ALICE, "usage": usage, **members}, key)


def nothing_has_a_price(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: object) -> RateCard | None:
        return None

    monkeypatch.setattr(RateBook, "find", find)


# --- charges -------------------------------------------------------------------------------------------------------


def test_a_charge_of_usage_takes_what_the_built_in_card_says_and_keeps_quantities_and_card(funded: World) -> None:
    answer = charge(funded, GPT_4O)
    assert answer.status == 201
    assert answer.body["entry"]["amount"] == Decimal("-137.5")
    assert answer.body["entry"]["meter"] == "llm"
    entry = funded.modules["accounts"].runtime.ledger.entry(Account("main", ALICE), answer.body["entry"]["key"])
    assert entry.parameters["usage"] == GPT_4O
    assert entry.parameters["rate_card"].startswith("genai-prices@")


def test_a_tenants_own_card_comes_before_the_built_in_one(funded: World) -> None:
    put(
        funded,
        {
            "meter": "llm",
            "model": "gpt-4o",
            "prices": {"input_tokens": {"price": "1"}, "output_tokens": {"price": "2"}},
        },
    )
    answer = charge(funded, GPT_4O)
    assert answer.body["entry"]["amount"] == -(374 + 2 * 44)
    assert charge(funded, {**GPT_4O, "model": "gpt-4o-mini"}).status == 201


@pytest.mark.parametrize(
    "usage", [{**GPT_4O, "model": "gpt-9000x"}, {"meter": "llm", "input_tokens": 1}, {"meter": "nothing", "n": 1}]
)
def test_usage_without_a_price_is_refused_and_never_free(funded: World, usage: dict[str, Any]) -> None:
    before = funded.contents()
    answer = charge(funded, usage)
    assert (answer.status, answer.code) == (422, "unpriced")
    assert answer.body["meter"] == usage["meter"]
    assert answer.body["model"] == usage.get("model")
    assert set(answer.errors) == {"$.usage.model" if "model" in usage else "$.usage.meter"}
    assert funded.contents() == before


def test_a_quantity_that_has_no_price_is_refused_by_name(funded: World) -> None:
    answer = charge(funded, {**GPT_4O, "sighs": 3})
    assert (answer.status, answer.code) == (422, "invalid_operation")
    assert answer.errors["$.usage.sighs"].startswith("must be one of the priced quantities:")


def test_a_charge_is_of_a_cost_or_of_usage(funded: World) -> None:
    assert charge(funded, GPT_4O, cost=5).errors == {"$.usage": "must not be given together with cost"}
    assert funded.cost({"actor": ALICE}).errors == {"$.cost": "is required, or usage instead"}


def test_a_meter_that_is_given_twice_must_be_the_same(funded: World) -> None:
    assert charge(funded, GPT_4O, meter="llm").status == 201
    assert set(charge(funded, GPT_4O, meter="speech").errors) == {"$.meter"}


def test_the_meter_of_the_usage_is_content_whether_it_is_said_again_or_not(funded: World) -> None:
    charge(funded, GPT_4O, "key-1")
    assert charge(funded, GPT_4O, "key-1", meter="llm").status == 200


@pytest.mark.parametrize(
    ("usage", "path"),
    [
        ({"input_tokens": 1}, "$.usage.meter"),
        ({"meter": "l l m"}, "$.usage.meter"),
        ({**GPT_4O, "model": ""}, "$.usage.model"),
        ({**GPT_4O, "model": None}, "$.usage.model"),
        ({**GPT_4O, "model": "a#b"}, "$.usage.model"),
        ({**GPT_4O, "input_tokens": -1}, "$.usage.input_tokens"),
        ({**GPT_4O, "input_tokens": True}, "$.usage.input_tokens"),
        ({**GPT_4O, "input_tokens": None}, "$.usage.input_tokens"),
        ({**GPT_4O, "input_tokens": "1e3"}, "$.usage.input_tokens"),
        ({**GPT_4O, "input_tokens": 10**15 + 1}, "$.usage.input_tokens"),
        ({**GPT_4O, "input_tokens": 0.1234567}, "$.usage.input_tokens"),
        ({**GPT_4O, "Input": 1}, "$.usage"),
        ({"meter": "llm"} | {f"q{number}": 1 for number in range(17)}, "$.usage"),
        ("usage", "$.usage"),
        (None, "$.usage"),
        ({}, "$.usage.meter"),
    ],
)  # fmt: skip
def test_usage_is_checked_member_by_member(funded: World, usage: Any, path: str) -> None:
    answer = charge(funded, usage)
    assert answer.code == "validation_failed"
    assert path in answer.errors


@pytest.mark.parametrize("number", [12.5, "12.5", "12.50"])
def test_a_quantity_is_the_same_however_it_is_spelled(funded: World, number: object) -> None:
    put(funded, {"meter": "speech", "prices": {"seconds": {"price": "2"}}})
    usage = {"meter": "speech", "seconds": "12.500"}
    charge(funded, usage, "key-1")
    again = charge(funded, {**usage, "seconds": number}, "key-1")
    assert (again.status, again.body["entry"]["amount"]) == (200, -25)


# --- replays -------------------------------------------------------------------------------------------------------


def test_a_charge_that_is_sent_again_after_the_price_changed_is_answered_again(funded: World) -> None:
    put(funded)
    first = charge(funded, {"meter": "calls", "requests": 5}, "key-1")
    put(funded, prices={"requests": {"price": "3"}})
    again = charge(funded, {"meter": "calls", "requests": 5}, "key-1")
    assert (again.status, again.text) == (200, first.text)
    assert charge(funded, {"meter": "calls", "requests": 5}).body["entry"]["amount"] == -15


def test_a_charge_that_is_sent_again_when_nothing_has_a_price_any_more_is_answered_again(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = charge(funded, GPT_4O, "key-1")
    nothing_has_a_price(funded, monkeypatch)
    again = charge(funded, GPT_4O, "key-1")
    assert (again.status, again.text) == (200, first.text)
    assert charge(funded, {**GPT_4O, "input_tokens": 1}, "key-1").code == "idempotency_key_reused"
    assert charge(funded, GPT_4O, "key-2").code == "unpriced"


def test_a_refusal_is_answered_again_when_nothing_has_a_price_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = charge(world, GPT_4O, "key-1")
    assert (first.status, first.body["required"]) == (402, Decimal("137.5"))
    nothing_has_a_price(world, monkeypatch)
    again = charge(world, GPT_4O, "key-1")
    assert (again.status, again.text) == (402, first.text)


# --- holds ---------------------------------------------------------------------------------------------------------


def hold(world: World, key: str | None = None, **members: Any) -> Answer:
    return world.hold({"actor": ALICE, **members}, key)


ESTIMATE: Final = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "max_output_tokens": 1000}


def test_a_hold_of_usage_sets_aside_the_most_that_it_can_be_worth(funded: World) -> None:
    answer = hold(funded, usage=ESTIMATE)
    assert answer.body["hold"]["amount"] == Decimal("1093.5")
    assert answer.body["entry"]["meter"] == "llm"


def test_a_capture_of_usage_takes_what_it_was_worth_and_returns_the_rest(funded: World) -> None:
    placed = hold(funded, usage=ESTIMATE).body["hold"]["id"]
    answer = funded.change_hold(placed, "capture", {"actor": ALICE, "usage": GPT_4O})
    assert (answer.status, answer.body["entry"]["amount"]) == (201, Decimal("-137.5"))
    assert answer.body["balance"]["held"] == 0


def test_a_capture_of_more_than_was_estimated_exceeds_the_hold(funded: World) -> None:
    placed = hold(funded, usage=ESTIMATE).body["hold"]["id"]
    used = {**GPT_4O, "output_tokens": 1001}
    assert funded.change_hold(placed, "capture", {"actor": ALICE, "usage": used}).code == "exceeds_hold"
    answer = funded.change_hold(placed, "capture", {"actor": ALICE, "usage": used, "overrun": "charge"})
    assert answer.body["entry"]["amount"] == Decimal("-1094.5")


def test_a_capture_without_amount_and_usage_still_takes_all(funded: World) -> None:
    placed = hold(funded, usage=ESTIMATE).body["hold"]["id"]
    assert funded.change_hold(placed, "capture", {"actor": ALICE}).body["entry"]["amount"] == Decimal("-1093.5")


def test_a_capture_is_of_an_amount_or_of_usage(funded: World) -> None:
    answer = funded.change_hold("h1", "capture", {"actor": ALICE, "usage": GPT_4O, "amount": 0})
    assert answer.errors == {"$.usage": "must not be given together with amount"}


def test_what_was_used_is_no_estimate(funded: World) -> None:
    assert set(charge(funded, ESTIMATE).errors) == {"$.usage.max_output_tokens"}


def test_an_estimate_names_a_quantity_once(funded: World) -> None:
    answer = hold(funded, usage={**ESTIMATE, "output_tokens": 5})
    assert answer.status == 422
    assert len(answer.errors) == 1


def test_usage_of_nothing_is_no_amount(funded: World) -> None:
    before = funded.contents()
    assert set(hold(funded, usage={}).errors) == {"$.usage.meter"}
    assert set(funded.change_hold("h1", "capture", {"actor": ALICE, "usage": {}}).errors) == {"$.usage.meter"}
    assert funded.batch([{"key": "a", "actor": ALICE, "usage": {}}]).body["results"][0]["status"] == 422
    assert set(quote(funded).errors) == {"$.usage.meter"}
    assert funded.contents() == before


def test_a_hold_is_of_an_amount_or_of_usage(funded: World) -> None:
    assert hold(funded, usage=ESTIMATE, amount=5).errors == {"$.usage": "must not be given together with amount"}
    assert hold(funded).errors == {"$.amount": "is required, or usage instead"}


def test_a_hold_of_usage_that_is_worth_nothing_is_refused(funded: World) -> None:
    assert set(hold(funded, usage={**GPT_4O, "input_tokens": 0, "output_tokens": 0}).errors) == {"$.usage"}


def test_the_minimum_of_a_hold_is_at_most_what_the_usage_is_worth(funded: World) -> None:
    assert hold(funded, usage=ESTIMATE, minimum_amount="1093.5").status == 201
    assert set(hold(funded, usage=ESTIMATE, minimum_amount="1093.501").errors) == {"$.minimum_amount"}


def test_a_hold_that_is_sent_again_when_nothing_has_a_price_any_more_is_answered_again(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hold(funded, "key-1", usage=ESTIMATE)
    nothing_has_a_price(funded, monkeypatch)
    again = hold(funded, "key-1", usage=ESTIMATE)
    assert (again.status, again.text) == (200, first.text)


def test_usage_that_does_not_say_how_much_is_refused_and_not_free(funded: World) -> None:
    before = funded.contents()
    answer = charge(funded, {"meter": "llm", "model": "gpt-4o"})
    assert (answer.status, set(answer.errors)) == (422, {"$.usage"})
    assert funded.contents() == before


def test_usage_of_a_card_with_a_price_for_each_request_needs_to_say_no_more(funded: World) -> None:
    put(funded, {"meter": "calls", "prices": {}, "request_price": "5"})
    assert charge(funded, {"meter": "calls"}).body["entry"]["amount"] == -5


# --- reports -------------------------------------------------------------------------------------------------------


def test_a_report_is_recorded_as_quantities_and_a_digest_and_nothing_else_of_it(funded: World) -> None:
    answer = charge(funded, {**REPORT, "raw": {**REPORT["raw"], "user": "a secret"}})
    assert answer.body["entry"]["amount"] == Decimal("-561.5")
    shown = answer.body["entry"]["usage"]
    assert len(shown.pop("raw_digest")) == 64
    assert shown == {
        "meter": "llm",
        "model": "gpt-4o",
        "provider": "openai",
        "input_tokens": 2006,
        "cache_read_tokens": 1920,
        "output_tokens": 300,
    }
    assert "a secret" not in str(funded.contents())


def test_a_report_is_checked_quoted_charged_and_captured_at_one_price(funded: World) -> None:
    price = Decimal("561.5")
    placed = hold(funded, amount=600).body["hold"]["id"]
    captured = funded.change_hold(placed, "capture", {"actor": ALICE, "usage": REPORT}).body
    batched = funded.batch([{"key": "b", "actor": ALICE, "usage": REPORT}]).body["results"][0]
    assert quote(funded, **REPORT).body["amount"] == price
    assert funded.check({"actor": ALICE, "usage": REPORT}).body["minimum"] == price
    assert -captured["entry"]["amount"] == -batched["entry"]["amount"] == price
    assert -charge(funded, REPORT).body["entry"]["amount"] == price


def test_a_hold_takes_no_report(funded: World) -> None:
    assert hold(funded, usage=REPORT).errors == {"$.usage.raw": "must be omitted: a hold is for usage that is to come"}


def test_a_report_that_is_sent_again_is_charged_once_and_another_is_not_taken_for_it(funded: World) -> None:
    first = charge(funded, REPORT, "key")
    again = charge(funded, {**REPORT, "raw": {"usage": REPORT["raw"], "id": "chatcmpl-1"}}, "key")
    other = charge(funded, {**REPORT, "raw": {**REPORT["raw"], "completion_tokens": 301}}, "key")
    assert (first.status, again.status, again.body["entry"]) == (201, 200, first.body["entry"])
    assert (other.status, other.code) == (422, "idempotency_key_reused")


def test_what_is_not_understood_in_a_report_is_named_with_its_place(funded: World) -> None:
    odd = {**REPORT, "raw": {**REPORT["raw"], "dream_tokens": 7}}
    assert set(charge(funded, odd).errors) == {"$.usage.raw.dream_tokens"}
    (result,) = funded.batch([{"key": "b", "actor": ALICE, "usage": odd}]).body["results"]
    assert [each["path"] for each in result["problem"]["errors"]] == ["$.charges[0].usage.raw.dream_tokens"]


def test_a_part_without_a_price_of_its_own_is_unpriced_and_named(funded: World) -> None:
    audio = {"meter": "llm", "model": "gpt-4o-audio-preview", "input_tokens": 9, "input_audio_tokens": 9}
    answer = charge(funded, audio)
    assert (answer.status, answer.code) == (422, "unpriced")
    assert set(answer.errors) == {"$.usage.input_audio_tokens"}
    assert hold(funded, usage=audio).code == quote(funded, **audio).code == "unpriced"


# --- batches -------------------------------------------------------------------------------------------------------


def test_a_batch_prices_its_charges_each_on_its_own_feet(funded: World) -> None:
    charges = [
        {"key": "a", "actor": ALICE, "usage": GPT_4O},
        {"key": "b", "actor": ALICE, "cost": 5},
        {"key": "c", "actor": ALICE, "usage": {**GPT_4O, "model": "gpt-9000x"}},
        {"key": "d", "actor": ALICE, "usage": {**GPT_4O, "sighs": 1}},
        {"key": "e", "actor": ALICE, "usage": GPT_4O, "cost": 1},
        {"key": "f", "actor": ALICE, "usage": {"meter": "llm", "input_tokens": True}},
        {"key": "g", "actor": ALICE, "usage": {**GPT_4O, "output_tokens": 0}},
    ]
    results = funded.batch(charges).body["results"]
    codes = [result["problem"]["code"] if "problem" in result else result["entry"]["amount"] for result in results]
    assert codes == [
        Decimal("-137.5"), -5, "unpriced", "invalid_operation", "validation_failed", "validation_failed",
        Decimal("-93.5"),
    ]  # fmt: skip
    assert results[2]["problem"]["errors"][0]["path"] == "$.charges[2].usage.model"
    assert results[3]["problem"]["errors"][0]["path"] == "$.charges[3].usage.sighs"
    assert results[4]["problem"]["errors"][0]["path"] == "$.charges[4].usage"
    assert results[5]["problem"]["errors"][0]["path"] == "$.charges[5].usage.input_tokens"


def test_a_batch_that_is_sent_again_when_nothing_has_a_price_any_more_is_answered_again(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    charges = [{"key": key, "actor": ALICE, "usage": GPT_4O} for key in ("a", "b")]
    first = funded.batch(charges).body["results"]
    nothing_has_a_price(funded, monkeypatch)
    changed = {"key": "b", "actor": ALICE, "usage": {**GPT_4O, "input_tokens": 1}}
    again = funded.batch([*charges, changed, {**charges[0], "key": "c"}]).body["results"]
    assert [each["entry"] for each in again[:2]] == [each["entry"] for each in first]
    assert [each["replayed"] for each in again[:2]] == [True, True]
    assert [each["problem"]["code"] for each in again[2:]] == ["idempotency_key_reused", "unpriced"]


def test_a_key_that_comes_twice_in_a_batch_is_told_that_it_was_used_also_where_the_second_has_no_price(
    funded: World,
) -> None:
    unpriced = {"key": "a", "actor": ALICE, "usage": {**GPT_4O, "model": "gpt-9000x"}}
    results = funded.batch([{"key": "a", "actor": ALICE, "cost": 5}, unpriced]).body["results"]
    assert [each["status"] for each in results] == [201, 422]
    assert results[1]["problem"]["code"] == "idempotency_key_reused"


# --- rate cards ----------------------------------------------------------------------------------------------------


def test_each_put_makes_the_next_version_and_older_ones_stay_readable(world: World) -> None:
    assert (put(world).status, put(world).status) == (201, 200)
    second = put(world, prices={"requests": {"price": "3"}})
    assert (second.status, second.body["card"], second.body["version"]) == (201, "calls@2", 2)
    listed = world.get("/v1/rates", query={"meter": "calls"}).body
    assert [(item["version"], item["prices"]["requests"]["price"]) for item in listed["items"]] == [(1, "2"), (2, "3")]
    assert listed["in_effect"]["card"] == "calls@2"


def test_a_card_says_what_was_put_and_by_whom(world: World) -> None:
    prices = {
        "input_tokens": {
            "price": "250",
            "per": 1_000_000,
            "tiers": [{"above": "1000000", "price": "200"}],
            "tier_mode": "graduated",
        },
        "cached_input_tokens": {"price": "25", "per": 1_000_000, "part_of": ["input_tokens"]},
        "seconds": {"price": "0.5", "per": 60, "minimum_units": "10"},
    }  # fmt: skip
    answer = put(world, meter="m", model="org/model:1", prices=prices, request_price="1.5", minimum_charge="2")
    assert answer.body == {
        "card": "m/org/model:1@1",
        "version": 1,
        "meter": "m",
        "model": "org/model:1",
        "prices": {name: {"per": 1, **price} for name, price in prices.items()},
        "request_price": "1.5",
        "minimum_charge": "2",
        "effective_from": answer.body["made_at"],
        "made_at": answer.body["made_at"],
        "by": "billing",
    }
    assert (
        put(
            world, {name: answer.body[name] for name in ("meter", "model", "prices", "request_price", "minimum_charge")}
        ).status
        == 200
    )


def test_a_version_that_is_named_is_made_once_however_late_it_comes_again(world: World) -> None:
    assert put(world, version=1).status == 201
    assert put(world, version=2, prices={"requests": {"price": "9"}}).status == 201
    late = put(world, version=1)
    assert (late.status, late.body["card"]) == (200, "calls@1")
    assert world.get("/v1/rates", query={"meter": "calls"}).body["in_effect"]["card"] == "calls@2"


@pytest.mark.parametrize("version", [1, 3])
def test_a_version_that_is_not_the_next_one_conflicts(world: World, version: int) -> None:
    put(world)
    answer = put(world, version=version, prices={"requests": {"price": "9"}})
    assert (answer.status, answer.code, answer.body["newest"]) == (409, "rate_version_conflict", 1)


def test_a_version_holds_from_its_time_on(funded: World) -> None:
    put(funded)
    put(funded, prices={"requests": {"price": "7"}}, effective_from="2999-01-01T00:00:00Z")
    assert charge(funded, {"meter": "calls", "requests": 1}).body["entry"]["amount"] == -2
    assert quote(funded, meter="calls", requests=1).body["card"] == "calls@1"
    back = put(funded, prices={"requests": {"price": "7"}})
    assert (back.status, back.body["version"]) == (201, 3)
    assert charge(funded, {"meter": "calls", "requests": 1}).body["entry"]["amount"] == -7


def test_cards_are_listed_page_by_page(world: World) -> None:
    for meter in ("a", "b", "c"):
        put(world, meter=meter)
        put(world, meter=meter, prices={"requests": {"price": "3"}})
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = world.get("/v1/rates", query={"limit": "4", **after}).body
        seen += [item["card"] for item in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == ["a@1", "a@2", "b@1", "b@2", "c@1", "c@2"]


def test_a_cursor_of_another_listing_is_refused(world: World) -> None:
    put(world)
    put(world, prices={"requests": {"price": "3"}})
    after = world.get("/v1/rates", query={"limit": "1"}).body["next"]
    assert world.get("/v1/rates", query={"meter": "calls", "after": after}).status == 200
    for query in ({"meter": "other", "after": after}, {"after": "nonsense"}, {"after": "!"}, {"after": ""}):
        assert set(world.get("/v1/rates", query=query).errors) == {"query.after"}


def test_the_built_in_price_of_a_model_can_be_read(world: World) -> None:
    shown = world.get("/v1/rates", query={"meter": "llm", "model": "gpt-4o"}).body
    assert shown["items"] == []
    assert shown["in_effect"]["card"].startswith("genai-prices@")
    assert shown["in_effect"]["prices"]["output_tokens"] == {"price": "1000000", "per": 1_000_000}
    assert world.get("/v1/rates", query={"meter": "llm", "model": "gpt-9000x"}).body["in_effect"] is None


def test_a_model_is_asked_for_with_its_meter(world: World) -> None:
    assert set(world.get("/v1/rates", query={"model": "gpt-4o"}).errors) == {"query.meter"}


def test_a_tenant_sees_and_pays_its_own_prices_alone(funded: World) -> None:
    put(funded)
    other = {**ADMIN, "custom:tenant": "other"}
    assert funded.get("/v1/rates", claims=other).body["items"] == []
    answer = funded.cost({"actor": ALICE, "usage": {"meter": "calls", "requests": 1}}, claims=other)
    assert answer.code == "unpriced"


def test_only_an_administrator_changes_prices(world: World) -> None:
    answer = world.call("PUT", "/v1/rates", dict(CALLS))
    assert (answer.status, answer.code) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"prices": {}}, "$.prices"),
        ({"prices": []}, "$.prices"),
        ({"prices": {"a": 5}}, "$.prices.a"),
        ({"prices": {"a": {}}}, "$.prices.a.price"),
        ({"prices": {"a": {"price": "-1"}}}, "$.prices.a.price"),
        ({"prices": {"a": {"price": True}}}, "$.prices.a.price"),
        ({"prices": {"a": {"price": "1e3"}}}, "$.prices.a.price"),
        ({"prices": {"a": {"price": "0.0000000000001"}}}, "$.prices.a.price"),
        ({"prices": {"a": {"price": "1", "per": 0}}}, "$.prices.a.per"),
        ({"prices": {"a": {"price": "1", "unit": "x"}}}, "$.prices.a.unit"),
        ({"prices": {"a": {"price": "1", "tiers": [5]}}}, "$.prices.a.tiers"),
        ({"prices": {"a": {"price": "1", "tiers": [{"above": "5"}]}}}, "$.prices.a.tiers[0].price"),
        ({"prices": {"a": {"price": "1", "tiers": [{"above": "x", "price": "1"}]}}}, "$.prices.a.tiers[0].above"),
        ({"prices": {"a": {"price": "1", "tiers": [{"above": "0", "price": "1"}]}}}, "$.prices.a.tiers"),
        ({"prices": {"a": {"price": "1", "tiers": [{"above": "5", "price": "1"}] * 2}}}, "$.prices.a.tiers"),
        ({"prices": {"a": {"price": "1", "tier_mode": "steps"}}}, "$.prices.a.tier_mode"),
        ({"prices": {"a": {"price": "1", "tier_mode": "volume"}}}, "$.prices.a.tier_mode"),
        ({"prices": {"a": {"price": "1", "tiers_by": "a"}}}, "$.prices.a.tiers_by"),
        ({"prices": {"a": {"price": "1", "part_of": ["b"]}}}, "$.prices.a.part_of"),
        ({"prices": {"a": {"price": "1", "part_of": ["a"]}}}, "$.prices.a.part_of"),
        ({"prices": {"max_a": {"price": "1"}}}, "$.prices.max_a"),
        ({"prices": {"meter": {"price": "1"}}}, "$.prices.meter"),
        ({"request_price": "x"}, "$.request_price"),
        ({"minimum_charge": -1}, "$.minimum_charge"),
        ({"effective_from": "tomorrow"}, "$.effective_from"),
        ({"version": 0}, "$.version"),
        ({"model": "a b"}, "$.model"),
        ({"meter": "a b"}, "$.meter"),
    ],
)
def test_a_card_is_checked_member_by_member(world: World, members: dict[str, Any], path: str) -> None:
    before = world.contents()
    answer = put(world, **members)
    assert answer.code == "validation_failed"
    assert path in answer.errors
    assert world.contents() == before


def test_a_card_may_be_a_price_a_request_alone(funded: World) -> None:
    put(funded, {"meter": "searches", "request_price": "0.5"})
    assert charge(funded, {"meter": "searches"}).body["entry"]["amount"] == Decimal("-0.5")


# --- quotes --------------------------------------------------------------------------------------------------------


def test_a_quote_says_amount_card_and_items_and_records_nothing(world: World) -> None:
    before = world.contents()
    answer = quote(world, **GPT_4O)
    assert answer.body == {
        "amount": Decimal("137.5"),
        "hold": Decimal("137.5"),
        "card": answer.body["card"],
        "items": [
            {"item": "input_tokens", "units": "374", "price": "250000", "per": 1_000_000, "amount": "93.5"},
            {"item": "output_tokens", "units": "44", "price": "1000000", "per": 1_000_000, "amount": "44"},
        ],
    }
    assert world.contents() == before


def test_a_quote_is_what_a_charge_of_it_takes(funded: World) -> None:
    usage = {
        "meter": "llm",
        "model": "claude-sonnet-4-0",
        "input_tokens": 250_001,
        "output_tokens": 7,
        "cache_read_tokens": 3,
    }
    assert quote(funded, **usage).body["amount"] == -charge(funded, usage).body["entry"]["amount"]


def test_an_estimate_can_be_quoted(world: World) -> None:
    assert quote(world, **ESTIMATE).body["amount"] == Decimal("1093.5")


def test_a_quote_is_at_a_version_that_has_just_been_put(world: World) -> None:
    for price in ("2", "3"):
        put(world, prices={"requests": {"price": price}})
        assert quote(world, meter="calls", requests=1).body["amount"] == int(price)


EGRESS: Final[Mapping[str, Any]] = {"meter": "egress", "prices": {"bytes": {"price": "9000", "per": 10**9}}}


def test_fifty_bytes_two_thousand_times_cost_what_all_of_them_cost(funded: World) -> None:
    put(funded, EGRESS)
    used = {"meter": "egress", "bytes": 50}
    for half in ("a", "b"):
        charges = [{"key": f"{half}-{number}", "actor": ALICE, "usage": used} for number in range(1000)]
        assert {each["status"] for each in funded.batch(charges).body["results"]} == {201}
    assert funded.get(f"/v1/accounts/{ALICE}").body["spent"] == Decimal("0.9")


def test_a_quote_for_an_account_is_what_its_next_operation_takes(funded: World) -> None:
    put(funded, EGRESS)
    used = {"meter": "egress", "bytes": 50}
    asked = {"usage": used, "actor": ALICE}
    quoted, taken = [], []
    for _ in range(4):
        quoted.append(funded.call("POST", "/v1/rates/quote", asked).body)
        taken.append(charge(funded, used).body["entry"])
    assert [each["amount"] for each in quoted] == [-each["amount"] for each in taken]
    assert [each["amount"] for each in quoted] == [0, Decimal("0.001"), 0, Decimal("0.001")]
    carried = [(each["carry_before"], each["carry_after"]) for each in quoted]
    assert carried == [(each["carry_before"], each["carry_after"]) for each in taken]
    assert carried[0] == ("0", "0.00045")


def test_a_quote_for_nobody_yet_carries_nothing(world: World) -> None:
    put(world, EGRESS)
    asked = {"usage": {"meter": "egress", "bytes": 50}, "actor": "user:new"}
    answer = world.call("POST", "/v1/rates/quote", asked)
    assert (answer.body["amount"], answer.body["carry_before"]) == (0, "0")


def test_who_is_signed_in_has_no_quote_for_another(world: World) -> None:
    claims = {"sub": "123", "username": "carol", "token_use": "access", "scope": "credits/read"}
    asked = {"usage": GPT_4O, "actor": ALICE}
    assert world.call("POST", "/v1/rates/quote", asked, claims=claims).code == "actor_not_allowed"


def test_a_quote_says_what_a_hold_of_it_sets_aside(funded: World) -> None:
    usage = {"meter": "llm", "model": "claude-3-5-haiku-latest", "input_tokens": 1000}
    quoted = quote(funded, **usage).body
    assert (quoted["amount"], quoted["hold"]) == (80, 160)
    assert hold(funded, usage=usage).body["hold"]["amount"] == 160
    estimate = {"meter": "llm", "model": "claude-3-5-haiku-latest", "max_input_tokens": 1000}
    assert quote(funded, **estimate).body["amount"] == 160


def test_what_was_held_covers_the_same_after_the_price_rose(funded: World) -> None:
    put(funded)
    placed = hold(funded, usage={"meter": "calls", "requests": 10}).body["hold"]
    put(funded, prices={"requests": {"price": "3"}})
    answer = funded.change_hold(placed["id"], "capture", {"actor": ALICE, "usage": {"meter": "calls", "requests": 10}})
    assert (answer.status, answer.body["entry"]["amount"], answer.body["entry"]["rate_card"]) == (201, -20, "calls@1")


def test_what_has_no_price_cannot_be_quoted(world: World) -> None:
    assert quote(world, meter="llm", model="gpt-9000x").code == "unpriced"


def test_a_price_that_a_function_remembers_is_at_most_ten_seconds_old(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0]
    book = funded.modules["cost"].runtime.rates
    for kept in (book._kept, book._kept_names):
        monkeypatch.setattr(kept, "_monotonic_ms", lambda: clock[0])
    put(funded)
    amounts = []
    for at_ms in (0, 9_999, 10_000):
        clock[0] = at_ms
        amounts.append(charge(funded, {"meter": "calls", "requests": 1}).body["entry"]["amount"])
        funded.call("PUT", "/v1/rates", {**CALLS, "prices": {"requests": {"price": "5"}}}, claims=ADMIN)
    assert amounts == [-2, -2, -5]


# --- the model that a name means ---------------------------------------------------------------------------------

TEN_TIMES: Final[Mapping[str, Any]] = {
    "meter": "llm",
    "model": "gpt-4o",
    "prices": {"input_tokens": {"price": "2500000", "per": 10**6}},
}


@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o", "gpt-4o-2024-08-06", "GPT-4o", "azure/gpt-4o"])
def test_the_payer_does_not_choose_the_price_by_spelling(funded: World, model: str) -> None:
    put(funded, TEN_TIMES)
    usage = {"meter": "llm", "model": model, "input_tokens": 10_000}
    quoted = quote(funded, **usage).body
    assert (quoted["amount"], quoted["card"]) == (25_000, "llm/gpt-4o@1")
    shown = funded.get("/v1/rates", query={"meter": "llm", "model": model}).body["in_effect"]
    assert (shown["card"], shown["matched_model"]) == ("llm/gpt-4o@1", "openai/gpt-4o")
    entry = charge(funded, usage).body["entry"]
    assert (entry["amount"], entry["rate_card"], entry["usage"]["model"]) == (-25_000, "llm/gpt-4o@1", model)
    held = hold(funded, usage=usage)
    assert held.body["entry"]["amount"] == -25_000


@pytest.mark.parametrize(
    ("model", "amount", "matched"),
    [
        ("text-embedding-3-small", "2", "openai/text-embedding-3-small"),
        ("chatgpt-4o-latest", "500", "openai/chatgpt-4o-latest"),
        ("sonar-pro", "1700", "perplexity/sonar-pro"),
        ("ft:gpt-4o-2024-08-06:org::id", "375", "openai/ft:gpt-4o"),
        ("anthropic/claude-opus-4.6", "500", "anthropic/claude-opus-4-6"),
        ("anthropic/claude-opus-4.6-fast", "3000", "openrouter/anthropic/claude-opus-4.6-fast"),
        ("google/gemini-2.0-flash-exp:free", "0", "openrouter/google/gemini-2.0-flash-exp:free"),
        (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "330",
            "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("publishers/anthropic/models/claude-sonnet-4-5@20250929", "300", "google/claude-sonnet-4-5"),
    ],
)
def test_a_thousand_tokens_of_a_model_cost_what_its_provider_lists_and_the_record_names_the_model(
    funded: World, model: str, amount: str, matched: str
) -> None:
    entry = charge(funded, {"meter": "llm", "model": model, "input_tokens": 1000, "images": 0}).body["entry"]
    assert entry["amount"] == -Decimal(amount)
    assert re.fullmatch(rf"genai-prices@[0-9.]+/{re.escape(matched)}", entry["rate_card"])


def test_a_name_that_only_begins_like_a_models_has_no_price(funded: World) -> None:
    answer = charge(funded, {"meter": "llm", "model": "gemini-2.5-pro-of-nobody", "input_tokens": 1000})
    assert (answer.status, answer.body["code"]) == (422, "unpriced")


def test_a_hold_of_a_free_model_holds_0_and_is_captured(funded: World) -> None:
    free = {"meter": "llm", "model": "google/gemini-2.0-flash-exp:free"}
    held = hold(funded, usage={**free, "input_tokens": 1000, "max_output_tokens": 1000})
    assert (held.status, held.body["entry"]["amount"], held.body["entry"]["outcome"]) == (201, 0, "applied")
    path = f"/v1/holds/{held.body['entry']['hold']['id']}/capture"
    body = {"actor": ALICE, "usage": {**free, "input_tokens": 900, "output_tokens": 10}}
    captured = funded.call("POST", path, body, key="capture-free")
    assert (captured.status, captured.body["entry"]["amount"]) == (201, 0)
    assert captured.body["entry"]["hold"]["status"] == "captured"


def test_an_alias_and_a_pattern_are_names_of_a_card(funded: World) -> None:
    made = put(funded, model="house", aliases=["home", "house", "home", "gpt-house"], request_price="1")
    assert (made.status, made.body["aliases"]) == (201, ["home", "gpt-house"])
    assert put(funded, model="house", aliases=["home", "gpt-house"], request_price="1").status == 200
    assert put(funded, model="gpt-*").status == 201
    quoted = [quote(funded, meter="calls", model=model, requests=1).body for model in ("HOME", "gpt-house", "gpt-7")]
    assert [each["card"] for each in quoted] == ["calls/house@1", "calls/house@1", "calls/gpt-*@1"]
    shown = funded.get("/v1/rates", query={"meter": "calls", "model": "home"}).body
    assert shown["in_effect"]["card"] == "calls/house@1"
    assert shown["in_effect"]["matched_model"] == "house"
    assert put(funded, model="house", aliases=["home"], request_price="1").body["version"] == 2
    assert quote(funded, meter="calls", model="gpt-house", requests=1).body["card"] == "calls/gpt-*@1"


def test_requests_that_are_summed_pay_no_price_of_a_long_one(funded: World) -> None:
    long = {"meter": "llm", "model": "gemini-2.5-pro", "input_tokens": 1_000_000}
    assert quote(funded, **long).body["amount"] == 250_000
    assert quote(funded, **long, requests=1).body["amount"] == 250_000
    assert quote(funded, **long, requests=20).body["amount"] == 125_000
    asked = {"meter": "llm", "model": "sonar", "input_tokens": 1_000_000}
    assert [quote(funded, **asked, requests=n).body["amount"] for n in (1, 10)] == [101_200, 112_000]
    wrong = quote(funded, **long, requests="1.5")
    assert (wrong.status, wrong.body["errors"][0]["path"]) == (422, "$.usage.requests")
