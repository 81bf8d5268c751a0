"""What a caller sees of a ledger in trouble."""

import dataclasses
import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from shared.edge.problems import BUSY_RETRY_AFTER_S
from shared.ledger.errors import AccountBusy, LedgerThrottled, LedgerUnavailable
from shared.ledger.events import Event
from shared.ports.ledger import Published
from tests.integration.world import World, client

ALICE = "user:alice"
EVENTS: Final = Path(__file__).resolve().parents[2] / "events"
CALLS: dict[str, tuple[str, str, dict[str, Any] | None, dict[str, str] | None]] = {
    "check": ("POST", "/v1/check", {"actor": ALICE}, None),
    "cost": ("POST", "/v1/cost", {"actor": ALICE, "cost": 1}, None),
    "funding": ("POST", "/v1/funding", {"actor": ALICE, "amount": 1}, None),
    "hold": ("POST", "/v1/holds", {"actor": ALICE, "amount": 1}, None),
    "release": ("POST", "/v1/holds/h2/release", {"actor": ALICE}, None),
    "refund": ("POST", "/v1/refunds", {"actor": ALICE, "charge": "k"}, None),
    "batch": ("POST", "/v1/cost/batch", {"charges": [{"key": "k", "actor": ALICE, "cost": 1}]}, None),
    "account": ("GET", f"/v1/accounts/{ALICE}", None, None),
    "entries": ("GET", f"/v1/accounts/{ALICE}/entries", None, None),
    "operation": ("GET", "/v1/operations/k", None, {"actor": ALICE}),
}


class BrokenLedger:
    """Raises the same error whatever it is asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object) -> None:
            raise self._error

        return fail


def send(world: World, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> Any:
    for function in ("check", "cost", "funding", "holds", "accounts", "history"):
        runtime = dataclasses.replace(world.modules[function].runtime, ledger=BrokenLedger(error))
        monkeypatch.setattr(world.modules[function], "runtime", runtime)
    method, path, body, query = CALLS[name]
    return world.call(method, path, body, key="k", query=query)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (LedgerThrottled("the ledger is over its capacity"), 429, "throttled"),
        (LedgerUnavailable("the ledger did not answer in time"), 503, "ledger_unavailable"),
    ],
)
def test_a_ledger_that_may_answer_later_says_when_to_ask_again(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, status: int, code: str
) -> None:
    answer = send(world, monkeypatch, name, error)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (status, code, "1")


@pytest.mark.parametrize("name", CALLS)
def test_callers_of_a_busy_account_are_told_different_times_to_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    answers = [send(world, monkeypatch, name, AccountBusy("too many at once")) for _ in range(40)]
    assert {(answer.status, answer.code) for answer in answers} == {(429, "account_busy")}
    waits_s = {int(answer.headers["Retry-After"]) for answer in answers}
    assert len(waits_s) > 1
    assert waits_s <= set(BUSY_RETRY_AFTER_S)


def lines(log: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def an_outage() -> LedgerUnavailable:
    details: Any = {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"RequestId": "R1"}}
    error = LedgerUnavailable("the ledger did not answer in time")
    error.__cause__ = ClientError(details, "GetItem")
    return error


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"batch"}))
def test_an_outage_is_logged_as_an_error_with_its_cause_and_counted_as_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, log: StringIO, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert send(world, monkeypatch, name, an_outage()).status == 503
    (line,) = lines(log)
    assert line["level"] == "ERROR"
    assert {each: line[each] for each in ("error", "code", "cause", "aws_code", "aws_request_id")} == {
        "error": "LedgerUnavailable",
        "code": "ledger_unavailable",
        "cause": "ClientError",
        "aws_code": "InternalServerError",
        "aws_request_id": "R1",
    }
    metrics = capsys.readouterr().out
    assert "RequestsFailed" in metrics
    assert "RequestsRefused" not in metrics


def test_an_outage_in_a_batch_is_one_error_for_all_charges_that_it_kept_from_the_record(
    world: World, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    ledger = BrokenLedger(an_outage())
    outage = an_outage()
    monkeypatch.setattr(ledger, "record_batch", lambda asked, _: {each.key: outage for each in asked}, raising=False)
    cost = world.modules["cost"]
    monkeypatch.setattr(cost, "runtime", dataclasses.replace(cost.runtime, ledger=ledger))
    charges = [{"key": f"k{number}", "actor": ALICE, "cost": 1} for number in range(3)]
    answer = world.call("POST", "/v1/cost/batch", {"charges": charges})
    assert [each["status"] for each in answer.body["results"]] == [503, 503, 503]
    (line,) = [each for each in lines(log) if each["level"] == "ERROR"]
    assert (line["message"], line["number"], line["aws_code"]) == ("charges not recorded", 3, "InternalServerError")


def test_a_throttled_ledger_is_a_warning_and_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch, log: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(world, monkeypatch, "cost", LedgerThrottled("over capacity")).status == 429
    (line,) = lines(log)
    assert (line["level"], line["message"], line["code"]) == ("WARNING", "request throttled", "throttled")
    assert "RequestsFailed" not in capsys.readouterr().out


def test_a_refusal_is_logged_without_alarm(world: World, log: StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.check({"actor": ALICE}, claims=None).status == 401
    (line,) = lines(log)
    assert (line["level"], line["message"], line["code"]) == ("INFO", "request refused", "unauthenticated")
    metrics = capsys.readouterr().out
    assert "RequestsRefused" in metrics
    assert "RequestsFailed" not in metrics


@pytest.mark.parametrize(
    ("function", "part"),
    [
        ("audit", "trail"),
        ("usage", "book"),
        ("due", "accounts"),
        ("reconcile", "books"),
        ("digest", "accounts"),
        ("ingest", "ledger"),
    ],
)
def test_what_escapes_a_function_that_nobody_waits_for_is_logged_with_its_cause(
    world: World, monkeypatch: pytest.MonkeyPatch, log: StringIO, function: str, part: str
) -> None:
    module, error = world.modules[function], RuntimeError("gone")
    error.__cause__ = an_outage().__cause__
    monkeypatch.setattr(module, "runtime", dataclasses.replace(module.runtime, **{part: BrokenLedger(error)}))
    with pytest.raises(RuntimeError):
        world.invoke(function, json.loads((EVENTS / f"{function}.json").read_text()))
    (line,) = [each for each in lines(log) if each["level"] == "ERROR"]
    assert (line["message"], line["error"], line["aws_code"]) == (
        "invocation failed",
        "RuntimeError",
        "InternalServerError",
    )


def test_messages_that_the_ledger_keeps_waiting_are_logged_with_the_cause(
    world: World, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    outage = an_outage()
    ledger = BrokenLedger(outage)
    monkeypatch.setattr(ledger, "record_batch", lambda asked, _: {each.key: outage for each in asked}, raising=False)
    ingest = world.modules["ingest"]
    monkeypatch.setattr(ingest, "runtime", dataclasses.replace(ingest.runtime, ledger=ledger))
    answer = world.invoke("ingest", json.loads((EVENTS / "ingest.json").read_text()))
    assert len(answer["batchItemFailures"]) == 1
    (line,) = [each for each in lines(log) if each["level"] == "ERROR"]
    assert (line["message"], line["number"], line["aws_code"]) == ("charges not recorded", 1, "InternalServerError")


class DeafBus:
    """Takes nothing, and says why."""

    def publish(self, events: Sequence[Event]) -> Published:
        return Published(tuple(range(len(events))), an_outage().__cause__)  # type: ignore[arg-type]


def test_events_that_the_bus_did_not_take_are_logged_with_the_cause(
    world: World, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    outbox = world.modules["outbox"]
    monkeypatch.setattr(
        outbox, "runtime", dataclasses.replace(outbox.runtime, bus=DeafBus(), pause=lambda _duration_ms: None)
    )
    with pytest.raises(outbox.BusUnavailable):
        world.invoke("outbox", json.loads((EVENTS / "stream" / "entries.json").read_text()))
    told = [(each["message"], each["aws_code"]) for each in lines(log) if each["level"] == "ERROR"]
    assert told == [("entries not published", "InternalServerError"), ("invocation failed", "InternalServerError")]


def test_a_lost_event_of_a_check_is_logged_with_the_cause(
    world: World, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    check = world.modules["check"]
    monkeypatch.setattr(check, "runtime", dataclasses.replace(check.runtime, bus=DeafBus()))
    assert world.check({"actor": ALICE}).status == 200
    (line,) = [each for each in lines(log) if each["level"] == "ERROR"]
    assert (line["message"], line["aws_code"]) == ("check event lost", "InternalServerError")


@pytest.mark.parametrize("name", CALLS)
def test_a_failure_of_ours_shows_nothing_of_the_inside(
    world: World, monkeypatch: pytest.MonkeyPatch, log: StringIO, name: str
) -> None:
    answer = send(world, monkeypatch, name, RuntimeError("table secret-name is gone"))
    assert (answer.status, answer.code) == (500, "internal_error")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"]
    assert "secret-name" not in answer.text
    assert "table secret-name is gone" in log.getvalue()
    assert "Traceback" in log.getvalue()


def test_a_missing_table_is_a_failure_and_no_empty_account(world: World) -> None:
    client("dynamodb").delete_table(TableName="ledger")
    assert world.cost({"actor": ALICE, "cost": 1}).status == 500
    assert world.check({"actor": ALICE, "minimum": 0}).status == 500


def test_no_log_line_holds_a_body(world: World, log: StringIO) -> None:
    world.cost({"actor": ALICE, "cost": 1, "metadata": {"prompt": "my secret"}}, key="k")
    world.cost({"actor": "my secret", "cost": "my secret"})
    world.cost(None, text='{"my secret')
    assert "charge refused" in log.getvalue()
    assert "request refused" in log.getvalue()
    assert "my secret" not in log.getvalue()


def test_no_metric_has_an_account_as_a_dimension(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.cost({"actor": ALICE, "cost": 1})
    metrics = [line for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert metrics
    assert all(ALICE not in line for line in metrics)
