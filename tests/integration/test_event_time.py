"""Spending that says when it occurred, from the request to prices, events, usage and statements."""

import csv
import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from io import StringIO
from typing import Any, Final

import pytest

from shared.ledger.times import rfc3339
from tests.integration.world import SERVICE, Answer, World

ALICE: Final = "user:alice"
ADMIN: Final = {**SERVICE, "scope": "credits/admin"}
DAY_MS: Final = 24 * 3600 * 1000
NOW_MS: Final = 1_763_899_200_000
"""Noon of 2025-11-23."""
TODAY, THREE_DAYS_AGO = "2025-11-23T12:00:00.000Z", "2025-11-20T12:00:00.000Z"
TOO_OLD, TOO_NEW = rfc3339(NOW_MS - 35 * DAY_MS - 1), rfc3339(NOW_MS + 300_001)
BOUNDS: Final = (
    "must be a time from 2025-10-19T12:00:00.000Z to 2025-11-23T12:05:00.000Z: at most 35 days back and 5 minutes ahead"
)
O3: Final = {"meter": "llm", "model": "o3", "input_tokens": 1_000_000}
CALLS: Final[Mapping[str, Any]] = {"meter": "calls", "prices": {"requests": {"price": "2"}}}


@pytest.fixture
def funded(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    at(world, monkeypatch, NOW_MS)
    world.fund({"actor": ALICE, "amount": 10_000_000})
    return world


def at(world: World, monkeypatch: pytest.MonkeyPatch, now_ms: int, **more: Any) -> None:
    """It is that time. `more` are settings of the functions that charge."""
    for function in ("cost", "funding", "holds", "history", "rates"):
        more_of_it = more if function in {"cost", "holds", "rates"} else {}
        runtime = dataclasses.replace(world.modules[function].runtime, now_ms=lambda: now_ms, **more_of_it)
        monkeypatch.setattr(world.modules[function], "runtime", runtime)


def charge(world: World, key: str | None = None, **members: Any) -> Answer:
    return world.cost({"actor": ALICE, **members}, key)


def quote(world: World, usage: Mapping[str, Any], **members: Any) -> Answer:
    return world.call("POST", "/v1/rates/quote", {"usage": usage, **members})


def days(world: World) -> dict[str, Decimal]:
    """What usage says of each day, net."""
    world.count_usage()
    answer = world.get(f"/v1/accounts/{ALICE}/usage", query={"group_by": "day"})
    return {item["day"]: item["net"] for item in answer.body["items"]}


def statement(world: World, **query: str) -> list[dict[str, str]]:
    answer = world.get(f"/v1/accounts/{ALICE}/entries", query=query, accept="text/csv")
    return list(csv.DictReader(StringIO(answer.text, newline="")))


def test_late_spending_has_its_time_in_the_answer_the_event_the_statement_and_the_operation(funded: World) -> None:
    answer = charge(funded, "late", cost=5, occurred_at="2025-11-20T13:00:00.0009+01:00")
    entry = answer.body["entry"]
    assert (answer.status, entry["occurred_at"], entry["at"]) == (201, THREE_DAYS_AGO, TODAY)
    assert funded.get("/v1/operations/late", query={"actor": ALICE}).body["entry"] == entry
    line, paid_in = statement(funded)
    assert (line["occurred_at"], line["at"]) == (THREE_DAYS_AGO, TODAY)
    assert paid_in["occurred_at"] == paid_in["at"] == TODAY
    funded.invoke("outbox", funded.stream_event())
    (event,) = [each for each in funded.bus_events() if each["detail-type"] == "credit.record-cost"]
    assert (event["detail"]["data"]["occurred_at"], event["detail"]["occurred_at"]) == (THREE_DAYS_AGO, TODAY)


def test_spending_without_a_time_shows_none(funded: World) -> None:
    assert "occurred_at" not in charge(funded, cost=5).body["entry"]
    assert "occurred_at" not in charge(funded, cost=5, occurred_at=None).body["entry"]


def test_usage_of_may_has_the_price_of_may(funded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at(funded, monkeypatch, NOW_MS, max_usage_age_days=365)
    may = "2025-05-20T09:00:00Z"
    assert charge(funded, usage=O3).body["entry"]["amount"] == -200_000
    assert charge(funded, usage=O3, occurred_at=may).body["entry"]["amount"] == -1_000_000
    assert [quote(funded, O3, **time).body["amount"] for time in ({}, {"occurred_at": may})] == [200_000, 1_000_000]


@pytest.mark.parametrize("occurred_at", [TOO_OLD, TOO_NEW])
@pytest.mark.parametrize("spent", [{"cost": 5}, {"usage": O3}])
def test_a_time_out_of_bounds_is_refused_by_name_and_nothing_is_recorded(
    funded: World, occurred_at: str, spent: Mapping[str, Any]
) -> None:
    hold = funded.hold({"actor": ALICE, "amount": 300_000}).body["hold"]["id"]
    before = funded.contents()
    of_capture = {"amount" if name == "cost" else name: value for name, value in spent.items()}
    answers = [
        charge(funded, **spent, occurred_at=occurred_at),
        funded.change_hold(hold, "capture", {"actor": ALICE, **of_capture, "occurred_at": occurred_at}),
        quote(funded, O3, occurred_at=occurred_at),
    ]
    assert [(each.status, each.errors) for each in answers] == [(422, {"$.occurred_at": BOUNDS})] * 3
    assert funded.contents() == before


def test_times_at_the_bounds_are_accepted(funded: World) -> None:
    times = [rfc3339(NOW_MS - 35 * DAY_MS), rfc3339(NOW_MS + 300_000)]
    assert [charge(funded, cost=5, occurred_at=time).status for time in times] == [201, 201]


@pytest.mark.parametrize("time", ["2025-11-20", "2025-11-20T12:00:00", "yesterday", 1763899200, True, "", []])
def test_what_is_no_time_is_refused_by_name(funded: World, time: object) -> None:
    answer = charge(funded, cost=5, occurred_at=time)
    assert (answer.status, list(answer.errors)) == (422, ["$.occurred_at"])
    assert "RFC 3339" in answer.errors["$.occurred_at"]


def test_a_time_is_no_part_of_what_spends_nothing(funded: World) -> None:
    hold = funded.hold({"actor": ALICE, "amount": 5, "occurred_at": TODAY})
    refund = funded.refund({"actor": ALICE, "charge": "none", "occurred_at": TODAY})
    check = funded.check({"actor": ALICE, "occurred_at": TODAY})
    assert [each.errors for each in (hold, refund, check)] == [{"$.occurred_at": "unknown field"}] * 3


def test_what_was_recorded_in_time_is_a_replay_for_ever(funded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    oldest = rfc3339(NOW_MS - 35 * DAY_MS)
    line = {"key": "late", "actor": ALICE, "cost": 5, "occurred_at": oldest}
    first = charge(funded, "late", cost=5, occurred_at=oldest)
    at(funded, monkeypatch, NOW_MS + 400 * DAY_MS)
    again = charge(funded, "late", cost=5, occurred_at=oldest)
    assert (again.status, again.text) == (200, first.text)
    (of_batch,) = funded.batch([line]).body["results"]
    assert (of_batch["status"], of_batch["replayed"]) == (200, True)
    assert charge(funded, "late", cost=5, occurred_at=TODAY).code == "idempotency_key_reused"
    assert charge(funded, "late", cost=5).code == "idempotency_key_reused"


def test_each_charge_of_a_batch_has_its_own_time(funded: World) -> None:
    times = {"a": THREE_DAYS_AGO, "b": TOO_OLD, "c": TODAY, "d": None, "e": "2025-10-19T12:00:00Z", "f": "soon"}
    charges = [{"key": key, "actor": ALICE, "cost": 5, "occurred_at": time} for key, time in times.items()]
    results = funded.batch(charges).body["results"]
    assert [each["status"] for each in results] == [201, 422, 201, 201, 201, 422]
    assert results[1]["problem"]["errors"] == [{"path": "$.charges[1].occurred_at", "detail": BOUNDS}]
    assert results[5]["problem"]["errors"][0]["path"] == "$.charges[5].occurred_at"
    assert [each["entry"].get("occurred_at") for each in results if each["status"] == 201] == [
        THREE_DAYS_AGO,
        TODAY,
        None,
        "2025-10-19T12:00:00.000Z",
    ]


def test_usage_counts_on_its_own_day_and_a_refund_on_the_day_on_which_it_is_made(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge(funded, "late", cost=50, occurred_at=THREE_DAYS_AGO)
    charge(funded, cost=7)
    hold = funded.hold({"actor": ALICE, "amount": 30}).body["hold"]["id"]
    funded.change_hold(hold, "capture", {"actor": ALICE, "amount": 20, "occurred_at": "2025-11-21T23:59:59.999Z"})
    at(funded, monkeypatch, NOW_MS + DAY_MS)
    funded.refund({"actor": ALICE, "charge": "late", "amount": 10})
    assert days(funded) == {"2025-11-20": 50, "2025-11-21": 20, "2025-11-23": 7, "2025-11-24": -10}


def test_late_spending_changes_usage_of_a_past_day_and_no_statement_that_was_given_out(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge(funded, cost=7)
    period = {"from": "2025-11-23T00:00:00Z", "to": "2025-11-24T00:00:00Z"}
    given_out = statement(funded, **period)
    assert days(funded) == {"2025-11-23": 7}
    at(funded, monkeypatch, NOW_MS + 9 * DAY_MS)
    charge(funded, "late", cost=5, occurred_at=TODAY)
    assert days(funded) == {"2025-11-23": 12}
    assert statement(funded, **period) == given_out
    (line,) = statement(funded, **{"from": "2025-11-24T00:00:00Z"})
    assert (line["key"], line["at"], line["occurred_at"]) == ("late", "2025-12-02T12:00:00.000Z", TODAY)


def test_the_sums_of_late_spending_are_what_the_reconciler_expects(funded: World) -> None:
    charge(funded, "late", cost=50, occurred_at=THREE_DAYS_AGO, app="chat")
    funded.refund({"actor": ALICE, "charge": "late", "amount": 10})
    funded.settle()
    funded.count_usage()
    assert funded.invoke("reconcile", {"grace_s": 0})["findings"] == []


def test_a_card_prices_late_usage_from_its_own_time_on_however_many_versions_came_since(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20, 0, -1):
        from_then = {"effective_from": rfc3339(NOW_MS - number * DAY_MS)}
        prices = {"requests": {"price": str(number)}}
        assert funded.call("PUT", "/v1/rates", {**CALLS, **from_then, "prices": prices}, claims=ADMIN).status == 201
    used = {"meter": "calls", "requests": 1}
    at(funded, monkeypatch, NOW_MS)
    amounts = [
        charge(funded, usage=used, occurred_at=rfc3339(NOW_MS - days_ago * DAY_MS)).body["entry"]["amount"]
        for days_ago in (0, 2, 20, 1, 11)
    ]
    assert amounts == [-1, -2, -20, -1, -11]
    before = {"occurred_at": rfc3339(NOW_MS - 20 * DAY_MS - 1)}
    unpriced = [charge(funded, usage=used, **before), quote(funded, used, **before)]
    assert [each.code for each in unpriced] == ["unpriced"] * 2
    said = (
        "usage without a model on the meter calls at 2025-11-03T11:59:59.999Z: a price holds from its effective_from on"
    )
    assert all(said in each.body["detail"] for each in unpriced)
    (line,) = funded.batch(
        [{"key": "k", "actor": ALICE, "usage": used, "occurred_at": rfc3339(NOW_MS - 7 * DAY_MS)}]
    ).body["results"]
    assert (line["entry"]["amount"], line["entry"]["rate_card"]) == (-7, "calls@14")


def test_a_late_capture_keeps_the_price_of_its_hold(funded: World) -> None:
    for number in (3, 1):
        from_then = {"effective_from": rfc3339(NOW_MS - number * DAY_MS)}
        funded.call(
            "PUT", "/v1/rates", {**CALLS, **from_then, "prices": {"requests": {"price": str(number)}}}, claims=ADMIN
        )
    used = {"meter": "calls", "requests": 4}
    hold = funded.hold({"actor": ALICE, "usage": used}).body["hold"]["id"]
    captured = funded.change_hold(hold, "capture", {"actor": ALICE, "usage": used, "occurred_at": THREE_DAYS_AGO})
    entry = captured.body["entry"]
    assert (entry["amount"], entry["rate_card"], entry["occurred_at"]) == (-4, "calls@2", THREE_DAYS_AGO)
