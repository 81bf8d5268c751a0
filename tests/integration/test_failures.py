"""What a caller sees of a ledger in trouble."""

import dataclasses
from io import StringIO
from typing import Any

import pytest

from shared.ledger.errors import LedgerThrottled, LedgerUnavailable
from tests.integration.world import World, client

ALICE = "user:alice"
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
