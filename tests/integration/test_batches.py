"""Many charges in one call, each independent of the others."""

import dataclasses
import json
from collections.abc import Sequence
from threading import Barrier
from time import sleep
from typing import Any

import pytest
from moto.dynamodb.models import DynamoDBBackend

from shared.ledger.errors import LedgerError, LedgerThrottled
from shared.ledger.operations import Operation
from shared.ledger.protocol import MAX_BATCH, Recorded
from tests.integration.world import Answer, Context, World, http_event

ALICE = "user:alice"
BOB = "user:bob"


@pytest.fixture
def funded(world: World) -> World:
    """Alice has 1000 millicents, Bob 10."""
    assert world.fund({"actor": ALICE, "amount": 1000}).status == 201
    assert world.fund({"actor": BOB, "amount": 10}).status == 201
    return world


def charge(key: str, cost: object = 1, actor: str = ALICE, **more: object) -> dict[str, Any]:
    return {"key": key, "actor": actor, "cost": cost, **more}


def results(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200
    listed: list[dict[str, Any]] = answer.body["results"]
    return listed


def statuses(answer: Answer) -> list[int]:
    return [result["status"] for result in results(answer)]


def use_ledger(world: World, monkeypatch: pytest.MonkeyPatch, ledger: object) -> None:
    runtime = dataclasses.replace(world.modules["cost"].runtime, ledger=ledger)
    monkeypatch.setattr(world.modules["cost"], "runtime", runtime)


def test_charges_are_answered_in_order_as_if_each_had_come_alone(funded: World) -> None:
    listed = results(
        funded.batch([
            charge("a", 400, app="chat", meter="llm", metadata={"n": 1}),
            charge("b", 11, BOB),
            charge("c", 700, if_insufficient="partial"),
            charge("d", 5, BOB),
        ])
    )  # fmt: skip
    assert [(each["key"], each["status"], each["replayed"]) for each in listed] == [
        ("a", 201, False), ("b", 402, False), ("c", 201, False), ("d", 201, False),
    ]  # fmt: skip
    assert (listed[0]["entry"]["amount"], listed[0]["entry"]["meter"]) == (-400, "llm")
    assert (listed[1]["problem"]["code"], listed[1]["problem"]["shortfall"]) == ("insufficient_credits", 1)
    assert (listed[2]["entry"]["amount"], listed[2]["shortfall"]) == (-600, 100)
    assert (listed[3]["entry"]["available_before"], listed[3]["entry"]["available_after"]) == (10, 5)


def test_a_charge_of_a_batch_is_the_same_as_one_that_came_alone(funded: World) -> None:
    funded.cost({"actor": ALICE, "cost": 7}, key="alone")
    (again,) = results(funded.batch([charge("alone", 7)]))
    assert (again["status"], again["replayed"], again["entry"]["seq"]) == (200, True, 2)
    funded.batch([charge("together", 9)])
    assert funded.cost({"actor": ALICE, "cost": 9}, key="together").status == 200


def test_more_than_a_transaction_holds_is_recorded_in_order(funded: World) -> None:
    count = 2 * MAX_BATCH + 5
    listed = results(funded.batch([charge(f"c{number}") for number in range(count)]))
    assert [each["entry"]["seq"] for each in listed] == list(range(2, count + 2))
    assert funded.get(f"/v1/accounts/{ALICE}").body["spent"] == count


def test_a_whole_batch_again_is_all_replays(funded: World) -> None:
    batch = [charge("a", 400), charge("b", 11, BOB)]
    first = results(funded.batch(batch))
    before = funded.contents()
    again = results(funded.batch(batch))
    assert [(each["status"], each["replayed"]) for each in again] == [(200, True), (402, True)]
    assert again[0]["entry"] == first[0]["entry"]
    assert again[1]["problem"] == first[1]["problem"]
    assert funded.contents() == before


def test_a_key_that_comes_twice_is_a_replay_or_reused(funded: World) -> None:
    listed = results(funded.batch([charge("a", 5), charge("a", "5.0"), charge("a", 6), charge("a", 5, BOB)]))
    assert [each["status"] for each in listed] == [201, 200, 422, 201]
    assert (listed[1]["replayed"], listed[1]["entry"]) == (True, listed[0]["entry"])
    assert listed[2]["problem"]["code"] == "idempotency_key_reused"
    assert funded.get(f"/v1/accounts/{ALICE}").body["spent"] == 5


def test_a_wrong_charge_is_named_and_the_others_are_recorded(funded: World) -> None:
    listed = results(
        funded.batch([charge("a"), charge("b", -1), {"key": "c", "cost": 1}, 5, charge("x y"), charge("d", n=1)])
    )
    assert [each["status"] for each in listed] == [201, 422, 422, 422, 422, 422]
    assert [each["key"] for each in listed] == ["a", "b", "c", None, None, "d"]
    assert [each["problem"]["errors"][0]["path"] for each in listed[1:]] == [
        "$.charges[1].cost", "$.charges[2].actor", "$.charges[3]", "$.charges[4].key", "$.charges[5].n",
    ]  # fmt: skip


def test_an_actor_that_is_not_the_callers_is_refused_alone(funded: World) -> None:
    claims = {"sub": ALICE, "client_id": "web-app", "scope": "credits/charge"}
    listed = results(funded.batch([charge("a", actor=BOB), charge("b")], claims=claims))
    assert [each["status"] for each in listed] == [403, 201]
    assert listed[0]["problem"]["code"] == "actor_not_allowed"
    assert listed[1]["entry"]["by"] == ALICE


@pytest.mark.parametrize(
    "body",
    [{}, {"charges": []}, {"charges": "a"}, {"charges": {"0": 1}}, {"charges": [5] * 1001}],
    ids=["none", "empty", "text", "object", "too many"],
)
def test_a_body_that_is_no_list_of_charges_is_refused_whole(funded: World, body: dict[str, Any]) -> None:
    answer = funded.call("POST", "/v1/cost/batch", body)
    assert (answer.status, set(answer.errors)) == (422, {"$.charges"})


def test_a_field_beside_the_charges_is_refused(funded: World) -> None:
    answer = funded.call("POST", "/v1/cost/batch", {"charges": [charge("a")], "actor": ALICE})
    assert (answer.status, set(answer.errors)) == (422, {"$.actor"})


def test_a_body_may_have_256_kib_and_not_a_byte_more(funded: World) -> None:
    text = json.dumps({"charges": [charge("a")]})
    assert funded.call("POST", "/v1/cost/batch", text=text.ljust(256 * 1024)).status == 200
    assert funded.call("POST", "/v1/cost/batch", text=text.ljust(256 * 1024 + 1)).code == "body_too_large"


def test_metadata_is_no_larger_than_that_of_a_charge_that_comes_alone(funded: World) -> None:
    listed = results(funded.batch([charge("a", metadata={"x": "y" * 8184}), charge("b", metadata={"x": "y" * 8185})]))
    assert [each["status"] for each in listed] == [201, 422]
    assert listed[1]["problem"]["errors"][0]["path"] == "$.charges[1].metadata"


def test_what_there_is_no_time_for_is_unavailable_and_recorded_the_next_time(funded: World) -> None:
    batch = [charge(f"c{number}") for number in range(MAX_BATCH + 1)]
    text = json.dumps({"charges": batch})
    claims = {"sub": "s", "client_id": "s", "scope": "credits/charge"}
    event = http_event("POST", "/v1/cost/batch", text, key=None, claims=claims, query=None, as_base64=False)
    module = funded.modules["cost"]
    answer = module.lambda_handler(event, Context("cost", remaining_ms=8_000))
    listed = json.loads(answer["body"])["results"]
    assert {each["status"] for each in listed} == {503}
    assert listed[0]["problem"]["code"] == "ledger_unavailable"
    assert set(statuses(funded.batch(batch))) == {201}


class SideBySide:
    """Answers nobody before both accounts have asked."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self._both = Barrier(2, timeout=30)

    def record_batch(self, operations: Sequence[Operation], now_ms: int) -> dict[str, Recorded | LedgerError]:
        self._both.wait()
        answers: dict[str, Recorded | LedgerError] = self._ledger.record_batch(operations, now_ms)
        return answers


def test_accounts_do_not_wait_for_each_other(funded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    use_ledger(funded, monkeypatch, SideBySide(funded.modules["cost"].runtime.ledger))
    assert statuses(funded.batch([charge("a"), charge("b", 1, BOB)])) == [201, 201]


class Throttled:
    def record_batch(self, operations: Sequence[Operation], _: int) -> dict[str, Recorded | LedgerError]:
        return {each.key: LedgerThrottled("the ledger is over its capacity") for each in operations}


def test_a_charge_that_was_not_recorded_in_time_says_so(funded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    use_ledger(funded, monkeypatch, Throttled())
    (result,) = results(funded.batch([charge("a")]))
    assert (result["status"], result["problem"]["code"]) == (429, "throttled")


def test_every_entry_of_a_batch_reaches_the_audit_table(funded: World) -> None:
    funded.batch([charge("a"), charge("b"), charge("c", 5000)])
    funded.settle()
    audit = funded.get(f"/v1/accounts/{ALICE}/audit").body
    assert ([item["seq"] for item in audit["items"]], audit["verified"]) == ([4, 3, 2, 1], True)


def test_moto_takes_one_call_at_a_time(funded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = [0], [0]
    transact = DynamoDBBackend.transact_write_items

    def watched(backend: DynamoDBBackend, items: Any) -> Any:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        sleep(0.05)
        try:
            return transact(backend, items)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", watched)
    assert statuses(funded.batch([charge("a"), charge("b", 1, BOB)])) == [201, 201]
    assert most == [1]


def held(world: World, amount: object = 500, **more: object) -> str:
    answer = world.hold({"actor": ALICE, "amount": amount, **more})
    assert answer.status == 201
    return str(answer.body["hold"]["id"])


def test_a_line_that_names_a_hold_is_a_part_of_it(funded: World) -> None:
    hold = held(funded)
    listed = results(
        funded.batch([
            charge("a", 100, hold=hold, app="chat", meter="llm"),
            charge("b", 50),
            charge("c", 500, hold=hold),
            charge("d", 450, hold=hold, overrun="charge"),
            charge("e", 1, hold="h99"),
        ])
    )  # fmt: skip
    assert [(each["key"], each["status"], each.get("problem", {}).get("code")) for each in listed] == [
        ("a", 201, None), ("b", 201, None), ("c", 409, "exceeds_hold"), ("d", 201, None), ("e", 404, "hold_not_found"),
    ]  # fmt: skip
    entry = listed[0]["entry"]
    assert (entry["kind"], entry["amount"], entry["app"], entry["meter"]) == ("capture", -100, "chat", "llm")
    assert (entry["hold"]["status"], entry["hold"]["captured"], entry["hold"]["remaining"]) == ("open", 100, 400)
    assert (listed[3]["entry"]["hold"]["captured"], listed[3]["entry"]["hold"]["remaining"]) == (550, 0)


def test_a_line_and_a_capture_of_the_same_content_answer_each_others_keys(funded: World) -> None:
    hold = held(funded)
    line = charge("a", 100, hold=hold, if_expired="overdraw")
    assert statuses(funded.batch([line])) == [201]
    body = {"actor": ALICE, "amount": 100, "final": False, "if_expired": "overdraw"}
    assert funded.change_hold(hold, "capture", body, key="a").status == 200
    assert statuses(funded.batch([charge("a", 100)])) == [422]


def test_a_line_of_a_hold_with_usage_has_the_price_of_the_hold(funded: World) -> None:
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
    bound = {"meter": "llm", "model": "gpt-4o", "input_tokens": 1000, "max_output_tokens": 500}
    placed = funded.hold({"actor": ALICE, "usage": bound})
    assert placed.status == 201
    hold = placed.body["hold"]["id"]
    line = {"key": "a", "actor": ALICE, "hold": hold, "usage": usage}
    (listed,) = results(funded.batch([line]))
    assert listed["status"] == 201
    assert listed["entry"]["rate_card"] == placed.body["entry"]["rate_card"]
    assert listed["entry"]["hold"]["status"] == "open"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"hold": "h2", "if_insufficient": "overdraw"}, "$.charges[0].if_insufficient"),
        ({"hold": "h2", "check_id": "c"}, "$.charges[0].check_id"),
        ({"overrun": "charge"}, "$.charges[0].overrun"),
        ({"if_expired": "charge"}, "$.charges[0].if_expired"),
        ({"hold": "h2", "overrun": "never"}, "$.charges[0].overrun"),
        ({"hold": 2}, "$.charges[0].hold"),
    ],
)
def test_what_does_not_go_with_a_hold_or_without_one_is_named(funded: World, more: dict[str, Any], path: str) -> None:
    wrong, right = results(funded.batch([charge("a", 1, **more), charge("b", 1)]))
    assert (wrong["status"], [each["path"] for each in wrong["problem"]["errors"]]) == (422, [path])
    assert right["status"] == 201


def test_a_line_of_a_hold_needs_a_cost_or_usage(funded: World) -> None:
    (listed,) = results(funded.batch([{"key": "a", "actor": ALICE, "hold": held(funded)}]))
    assert (listed["status"], listed["problem"]["errors"][0]["path"]) == (422, "$.charges[0].cost")
