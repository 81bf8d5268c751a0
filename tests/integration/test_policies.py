"""What governs an account, over HTTP: settings, limits, allowance and parent."""

from decimal import Decimal
from typing import Any

import pytest

from shared.ledger.ids import REQUIREMENT
from tests.integration.world import World

ALICE = "user:alice"
TEAM = "team:research"
DAY_LIMIT = {"amount": 300, "window": "day", "app": "chat"}
WINDOWS = (
    "hour, day, week, month, or the length of a rolling window from PT1M to P31D, as an ISO 8601 duration such as PT5H"
)


@pytest.fixture
def funded(world: World) -> World:
    """Alice has 1000 millicents."""
    assert world.fund({"actor": ALICE, "amount": 1000}).status == 201
    return world


def account(world: World, actor: str = ALICE) -> dict[str, Any]:
    return world.get(f"/v1/accounts/{actor}").body


def test_an_account_that_nobody_configured_shows_no_policy(funded: World) -> None:
    assert not account(funded).keys() & {"status", "time_zone", "limits", "allowance", "parent"}


def test_settings_are_answered_with_200_and_shown_by_the_account(funded: World) -> None:
    given = {
        "overdraft_limit": "10.5",
        "low_balance_thresholds": [100, "900"],
        "time_zone": "Europe/Amsterdam",
        "status": "frozen",
        "parent": TEAM,
    }
    answer = funded.configure(ALICE, given)
    assert (answer.status, set(answer.body)) == (200, {"entry", "balance", "settings"})
    expected = given | {"overdraft_limit": Decimal("10.5"), "low_balance_thresholds": [900, 100]}
    assert answer.body["settings"] == answer.body["entry"]["settings"] == expected
    assert (answer.body["entry"]["kind"], answer.body["entry"]["amount"]) == ("configure", 0)
    shown = account(funded)
    assert {name: shown[name] for name in expected} == expected
    assert (shown["limits"], shown["allowance"], shown["available"]) == ([], None, 1000)


def test_what_is_left_out_stays_as_it_is(funded: World) -> None:
    funded.configure(ALICE, {"status": "frozen", "time_zone": "Asia/Tokyo"})
    answer = funded.configure(ALICE, {"status": "open"})
    assert answer.body["settings"] == {"status": "open"}
    assert (account(funded)["status"], account(funded)["time_zone"]) == ("open", "Asia/Tokyo")


def test_an_account_can_be_governed_before_anything_else_happens_to_it(world: World) -> None:
    assert world.configure("user:new", {"overdraft_limit": 10}).status == 200
    assert world.cost({"actor": "user:new", "cost": 10}).status == 201


def test_the_same_request_again_is_answered_word_for_word_after_much_else_has_happened(funded: World) -> None:
    first = funded.limit(ALICE, [DAY_LIMIT], key="k")
    funded.cost({"actor": ALICE, "cost": 100, "app": "chat"})
    funded.limit(ALICE, [])
    again = funded.limit(ALICE, [DAY_LIMIT], key="k")
    assert (again.status, again.text, again.headers["Idempotency-Replayed"]) == (200, first.text, "true")
    assert account(funded)["limits"] == []


def test_a_key_of_other_settings_is_refused(funded: World) -> None:
    funded.configure(ALICE, {"status": "frozen"}, key="k")
    assert funded.configure(ALICE, {"status": "open"}, key="k").code == "idempotency_key_reused"
    assert funded.allow(ALICE, None, key="k").code == "idempotency_key_reused"


def test_a_change_of_settings_needs_a_key(funded: World) -> None:
    assert funded.call("PATCH", f"/v1/accounts/{ALICE}", {"status": "open"}).code == "idempotency_key_required"
    assert funded.call("DELETE", f"/v1/accounts/{ALICE}/allowance").code == "idempotency_key_required"


def test_an_operation_tells_what_was_set_and_how_it_was_answered(funded: World) -> None:
    answer = funded.configure(ALICE, {"status": "frozen"}, key="k")
    operation = funded.get("/v1/operations/k", query={"actor": ALICE}).body
    assert operation == {**answer.body, "status": 200}


def test_entries_can_be_filtered_by_the_kinds_that_govern(funded: World) -> None:
    funded.configure(ALICE, {"status": "open"})
    funded.allow(ALICE, {"amount": 50, "interval": "daily"})
    listed = {
        kind: funded.get(f"/v1/accounts/{ALICE}/entries", query={"kind": kind}).body["items"]
        for kind in ("configure", "allowance")
    }
    assert [each["settings"] for each in listed["configure"]] == [
        {
            "allowance": {
                "amount": 50,
                "interval": "daily",
                "priority": 5,
                "rollover_minimum": 0,
                "rollover_maximum": 0,
            }
        },
        {"status": "open"},
    ]
    assert [(each["amount"], each["by"]) for each in listed["allowance"]] == [(50, "millicent")]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (
            {},
            {
                "$": "must give at least one of overdraft_limit, low_balance_thresholds, time_zone, status, parent",
            },
        ),
        ({"overdraft_limit": -1}, {"$.overdraft_limit": "must be 0 or more"}),
        ({"low_balance_thresholds": [1, -1]}, {"$.low_balance_thresholds[1]": "must be 0 or more"}),
        (
            {"low_balance_thresholds": list(range(11))},
            {"$.low_balance_thresholds": "must be a list of at most 10 amounts"},
        ),
        ({"low_balance_thresholds": 5}, {"$.low_balance_thresholds": "must be a list of at most 10 amounts"}),
        ({"status": "closed"}, {"$.status": "must be one of open, frozen"}),
        (
            {"time_zone": 1, "parent": ""},
            {
                "$.time_zone": "must be the name of an IANA time zone, such as Europe/Amsterdam",
                "$.parent": "must be the actor of the parent account, or null to leave the present one",
            },
        ),
        ({"limits": []}, {"$.limits": "unknown field"}),
    ],
)
def test_settings_that_are_wrong_are_named_and_leave_no_trace(
    funded: World, body: dict[str, Any], errors: dict[str, str]
) -> None:
    before = funded.contents()
    answer = funded.configure(ALICE, body)
    assert (answer.status, answer.code, answer.errors) == (422, "validation_failed", errors)
    assert funded.contents() == before


@pytest.mark.parametrize(
    "name", ["Europe/Atlantis", "../etc/passwd", "/etc/localtime", "europe", "Europe/Amsterdam\0", "Ä"]
)
def test_a_time_zone_that_does_not_exist_is_refused(funded: World, name: str) -> None:
    answer = funded.configure(ALICE, {"time_zone": name})
    assert (answer.status, answer.code) == (422, "invalid_operation")
    assert answer.errors == {"$.time_zone": "must be the name of an IANA time zone, such as Europe/Amsterdam"}


def test_an_account_cannot_be_its_own_parent(funded: World) -> None:
    assert funded.configure(ALICE, {"parent": ALICE}).errors == {
        "$.parent": "must be an account other than the member itself",
    }


def test_an_end_user_cannot_spend_what_others_have_by_naming_them_as_its_parent(funded: World) -> None:
    claims = {"sub": ALICE, "client_id": "web-app", "scope": "credits/fund"}
    answer = funded.configure(ALICE, {"parent": TEAM}, claims=claims)
    assert (answer.status, answer.code) == (403, "actor_not_allowed")
    assert funded.configure(ALICE, {"parent": None}, claims=claims).status == 200


def test_limits_replace_each_other_and_show_what_is_used_and_until_when(funded: World) -> None:
    answer = funded.limit(ALICE, [DAY_LIMIT, {"amount": "0.5", "meter": "gpu"}])
    assert answer.status == 200
    assert answer.body["settings"]["limits"] == [
        {"amount": 300, "window": "day", "app": "chat", "meter": None},
        {"amount": Decimal("0.5"), "window": None, "app": None, "meter": "gpu"},
    ]
    funded.cost({"actor": ALICE, "cost": 100, "app": "chat"})
    day, ever = account(funded)["limits"]
    assert (day["used"], day["amount"], day["resets_at"][10:]) == (100, 300, "T00:00:00.000Z")
    assert (ever["used"], ever["window"], ever["resets_at"]) == (0, None, None)
    assert funded.limit(ALICE, []).body["settings"] == {"limits": []}
    assert account(funded)["limits"] == []


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"$.limits": "must be a list of at most 20 limits"}),
        (
            {"limits": {}, "x": 1},
            {
                "$.x": "unknown field",
                "$.limits": "must be a list of at most 20 limits",
            },
        ),
        ({"limits": [{"amount": 1}] * 21}, {"$.limits": "must be a list of at most 20 limits"}),
        (
            {"limits": [{"amount": 1}, 7, {"amount": -1, "window": "year"}, {"app": "a b", "cap": 1}]},
            {
                "$.limits[1]": "must be a JSON object",
                "$.limits[2].amount": "must be 0 or more",
                "$.limits[2].window": f"must be {WINDOWS}",
                "$.limits[3].amount": "is required",
                "$.limits[3].app": f"must be {REQUIREMENT}",
                "$.limits[3].cap": "unknown field",
            },
        ),
        (
            {"limits": [{"amount": 1, "app": "a"}, {"amount": 1}, {"amount": 2, "app": "a", "meter": None}]},
            {"$.limits[2]": "must differ from every other limit in window, app, meter or model"},
        ),
        (
            {"limits": [{"amount": 1, "window": "PT24H"}, {"amount": 2, "window": "P1D"}]},
            {"$.limits[1]": "must differ from every other limit in window, app, meter or model"},
        ),
        *(
            ({"limits": [{"amount": 1, "window": window}]}, {"$.limits[0].window": f"must be {WINDOWS}"})
            for window in ("PT0M", "P", "PT", "PT90S", "PT1.5H", "P32D", "P5W", "P1M", "P1Y", "pt5h", "-PT5H")
        ),
        (
            {"limits": [{"amount": 1, "window": f"PT{hours}H"} for hours in range(1, 8)]},
            {f"$.limits[{place}].window": "must roll in at most 5 limits" for place in (5, 6)},
        ),
        (
            {"limits": [{"amount": 1, "model": "a b"}]},
            {"$.limits[0].model": "must be 1 to 128 characters from A-Z a-z 0-9 _ . : @ / ~ + -"},
        ),
    ],
)  # fmt: skip
def test_limits_that_are_wrong_are_named(funded: World, body: dict[str, Any], errors: dict[str, str]) -> None:
    answer = funded.call("PUT", f"/v1/accounts/{ALICE}/limits", body, key="k")
    assert (answer.status, answer.code, answer.errors) == (422, "validation_failed", errors)


def test_a_limit_that_decides_is_named_in_the_refusal_with_the_time_it_starts_again(funded: World) -> None:
    funded.limit(ALICE, [DAY_LIMIT])
    funded.cost({"actor": ALICE, "cost": 100, "app": "chat"})
    answer = funded.cost({"actor": ALICE, "cost": 250, "app": "chat"})
    problem = answer.body
    assert (answer.status, answer.code, problem["reason"]) == (402, "limit_exceeded", "limit_exceeded")
    assert (problem["required"], problem["available"], problem["held"]) == (250, 900, 0)
    assert (problem["shortfall"], problem["largest_affordable"]) == (50, 200)
    resets_at = account(funded)["limits"][0]["resets_at"]
    assert problem["limit"] == {
        "app": "chat", "meter": None, "window": "day", "amount": 300, "used": 100, "resets_at": resets_at,
    }  # fmt: skip
    assert funded.cost({"actor": ALICE, "cost": 200, "app": "chat"}).status == 201


def test_a_line_of_a_batch_names_the_limit_too(funded: World) -> None:
    funded.limit(ALICE, [DAY_LIMIT])
    charges = [{"key": key, "actor": ALICE, "cost": cost, "app": "chat"} for key, cost in (("a", 200), ("b", 200))]
    taken, refused = funded.batch(charges).body["results"]
    assert (taken["status"], refused["status"]) == (201, 402)
    assert (refused["problem"]["limit"]["used"], refused["problem"]["largest_affordable"]) == (200, 100)


def test_a_refused_hold_names_the_limit_too(funded: World) -> None:
    funded.limit(ALICE, [{"amount": 300}])
    answer = funded.hold({"actor": ALICE, "amount": 301})
    assert (answer.code, answer.body["limit"]["resets_at"], answer.body["largest_affordable"]) == (
        "limit_exceeded", None, 300,
    )  # fmt: skip


def test_a_check_counts_the_limits_of_the_app_it_asks_for(funded: World) -> None:
    funded.limit(ALICE, [DAY_LIMIT])
    through_chat = funded.check({"actor": ALICE, "minimum": 301, "app": "chat"}).body
    assert (through_chat["allowed"], through_chat["reason"]) == (False, "limit_exceeded")
    assert (through_chat["limit"]["app"], through_chat["limit"]["amount"]) == ("chat", 300)
    assert funded.check({"actor": ALICE, "minimum": 300, "app": "chat"}).body["allowed"]
    assert funded.check({"actor": ALICE, "minimum": 301, "app": "other"}).body["allowed"]
    assert funded.check({"actor": ALICE, "minimum": 301}).body["allowed"]


def test_a_check_says_that_an_account_or_its_parent_is_frozen(funded: World) -> None:
    funded.configure(ALICE, {"parent": TEAM})
    funded.fund({"actor": TEAM, "amount": 1000})
    funded.configure(TEAM, {"status": "frozen"})
    check = funded.check({"actor": ALICE}).body
    assert (check["allowed"], check["reason"], check["limit"]) == (False, "account_frozen", {"account": TEAM})
    refused = funded.cost({"actor": ALICE, "cost": 1})
    assert (refused.status, refused.code, refused.body["limit"]) == (409, "account_frozen", {"account": TEAM})


def test_an_allowance_is_there_at_once_and_says_when_it_comes_again(world: World) -> None:
    answer = world.allow(ALICE, {"amount": 100, "interval": "monthly", "rollover_maximum": 50})
    assert (answer.status, answer.body["settings"]["allowance"]["amount"]) == (200, 100)
    shown = account(world)
    (grant,) = shown["grants"]
    assert (shown["available"], grant["category"], grant["priority"]) == (100, "allowance", 5)
    assert shown["allowance"] == {
        "amount": 100,
        "interval": "monthly",
        "priority": 5,
        "rollover_minimum": 0,
        "rollover_maximum": 50,
        "next_at": grant["expires_at"],
    }


def test_an_allowance_that_is_ended_lasts_until_its_period_is_over(world: World) -> None:
    world.allow(ALICE, {"amount": 100, "interval": "daily"})
    answer = world.allow(ALICE, None)
    assert (answer.status, answer.body["settings"]) == (200, {"allowance": None})
    shown = account(world)
    assert (shown["allowance"], shown["available"], len(shown["grants"])) == (None, 100, 1)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"$.amount": "is required", "$.interval": "is required"}),
        (
            {"amount": 0, "interval": "yearly", "priority": 100, "rollover_maximum": -1},
            {
                "$.amount": "must be more than 0",
                "$.interval": "must be one of daily, weekly, monthly",
                "$.priority": "must be a whole number from 0 to 99",
                "$.rollover_maximum": "must be 0 or more",
            },
        ),
    ],
)
def test_an_allowance_that_is_wrong_is_named(world: World, body: dict[str, Any], errors: dict[str, str]) -> None:
    assert world.allow(ALICE, body).errors == errors


def test_settings_are_events_and_each_threshold_is_one_of_its_own(funded: World) -> None:
    funded.configure(ALICE, {"low_balance_thresholds": [900, 500]})
    funded.cost({"actor": ALICE, "cost": 600}, key="dear")
    funded.invoke("outbox", funded.stream_event())
    events = [(each["detail-type"], each["detail"]["data"].get("threshold")) for each in funded.bus_events()]
    assert events == [
        ("credit.funding-update", None),
        ("credit.configure", None),
        ("credit.record-cost", None),
        ("credit.low-balance", 900),
        ("credit.low-balance", 500),
    ]


def test_settings_are_audited_like_everything_else(funded: World) -> None:
    funded.configure(ALICE, {"low_balance_thresholds": [900], "time_zone": "Asia/Tokyo"})
    funded.cost({"actor": ALICE, "cost": 600})
    funded.settle()
    audit = funded.get(f"/v1/accounts/{ALICE}/audit").body
    assert (audit["verified"], [each["kind"] for each in audit["items"]]) == (True, ["charge", "configure", "grant"])
    assert audit["items"][0]["low_balance"] == [900]


def llm(model: str, tokens: int) -> dict[str, Any]:
    return {"actor": ALICE, "usage": {"meter": "llm", "model": model, "input_tokens": tokens}}


def test_a_limit_of_a_model_counts_the_usage_of_that_model_alone(funded: World) -> None:
    limits = [{"amount": 300, "window": "PT300M", "model": "gpt-4o"}, {"amount": 900, "window": "week"}]
    answer = funded.limit(ALICE, limits)
    assert answer.body["settings"]["limits"] == [
        {"amount": 300, "window": "PT5H", "app": None, "meter": None, "model": "gpt-4o"},
        {"amount": 900, "window": "week", "app": None, "meter": None},
    ]
    charged = funded.cost(llm("gpt-4o", 1000))
    assert (charged.status, charged.body["entry"]["amount"], charged.body["entry"]["model"]) == (201, -250, "gpt-4o")
    assert funded.cost(llm("gpt-4o-mini", 10_000)).status == 201
    refused = funded.cost(llm("gpt-4o", 1000))
    assert (refused.status, refused.code, refused.body["largest_affordable"]) == (402, "limit_exceeded", 50)
    five_hours, week = account(funded)["limits"]
    assert refused.body["limit"] == five_hours
    assert (five_hours["used"], five_hours["model"], week["used"]) == (250, "gpt-4o", 400)
    assert week.keys() == five_hours.keys() - {"model"}


@pytest.mark.parametrize("name", ["openai/gpt-4o", "GPT-4o", "gpt-4o-2024-08-06", "azure/gpt-4o"])
def test_a_limit_names_a_model_by_its_own_name_since_it_would_bind_nothing_under_another(
    funded: World, name: str
) -> None:
    answer = funded.limit(ALICE, [{"amount": 300, "window": "day", "model": name}])
    told = [(fault["path"], fault["detail"]) for fault in answer.body["errors"]]
    assert (answer.status, told) == (422, [("$.limits[0].model", "must be gpt-4o, the model's own name")])


def test_a_limit_of_a_model_at_another_provider_binds_that_model_alone(funded: World) -> None:
    name = "openrouter/openai/gpt-4o"
    assert funded.limit(ALICE, [{"amount": 300, "model": name}]).status == 200
    assert funded.cost(llm("gpt-4o", 1000)).status == 201
    charged = funded.cost(llm(name, 1000))
    assert (charged.status, charged.body["entry"]["model"]) == (201, name)
    assert funded.cost(llm(name, 1000)).code == "limit_exceeded"


def test_a_limit_may_name_a_model_that_no_catalogue_has(funded: World) -> None:
    assert funded.limit(ALICE, [{"amount": 300, "model": "House-7"}]).status == 200


def test_a_check_of_usage_counts_the_limits_of_its_model(funded: World) -> None:
    funded.limit(ALICE, [{"amount": 300, "window": "PT5H", "model": "gpt-4o"}])
    asked = llm("gpt-4o", 2000)
    answer = funded.check({"actor": ALICE, "usage": asked["usage"]})
    assert (answer.body["allowed"], answer.body["reason"], answer.body["limit"]["model"]) == (
        False,
        "limit_exceeded",
        "gpt-4o",
    )
    assert funded.check({"actor": ALICE, "usage": llm("gpt-4o-mini", 2000)["usage"]}).body["allowed"] is True
