"""The handler that sam local runs, and that no deployed package holds."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local import test_identity
from local.closure import closure
from local.paths import ROOT

CLAIMS = {"sub": "sam-local", "scope": "credits/admin"}
REQUEST = {"routeKey": "POST /v1/cost", "headers": {"Idempotency-Key": "k"}, "requestContext": {"requestId": "r"}}


def verified(event: dict[str, Any]) -> Any:
    return event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims")


def test_a_request_gets_the_claims_and_its_headers_in_lower_case() -> None:
    event = test_identity.with_identity(REQUEST, CLAIMS)
    assert verified(event) == CLAIMS
    assert event["headers"] == {"idempotency-key": "k"}
    assert event["requestContext"]["requestId"] == "r"


def test_a_request_that_was_verified_keeps_the_claims_that_it_has() -> None:
    own = {**REQUEST, "requestContext": {"authorizer": {"jwt": {"claims": {"sub": "somebody"}}}}}
    assert test_identity.with_identity(own, CLAIMS) is own


@pytest.mark.parametrize("event", [{"Records": []}, {}, {"scheduled": True}, None, []])
def test_what_is_no_request_stays_as_it_is(event: Any) -> None:
    assert test_identity.with_identity(event, CLAIMS) is event


def test_without_claims_a_request_has_no_identity() -> None:
    assert verified(test_identity.with_identity(REQUEST, {})) is None


def test_the_real_handler_is_called_with_the_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("a_real_handler")
    real.lambda_handler = lambda event, context: (verified(event), context)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_real_handler", real)
    monkeypatch.setenv(test_identity.HANDLER_VARIABLE, "a_real_handler.lambda_handler")
    monkeypatch.setenv(test_identity.CLAIMS_VARIABLE, json.dumps(CLAIMS))
    assert test_identity.lambda_handler(REQUEST, "context") == (CLAIMS, "context")


@pytest.mark.parametrize(
    "handler", sorted((ROOT / "functions").glob("*/handler.py")), ids=lambda path: path.parent.name
)
def test_no_package_of_a_function_holds_anything_of_the_laptop_cloud(handler: Path) -> None:
    packed = closure(f"functions.{handler.parent.name}.handler")
    assert [path for path in packed if path.parts[0] not in {"functions", "shared"}] == []


def test_what_is_deployed_knows_no_test_identity() -> None:
    sources = [ROOT / "template.yaml", *(ROOT / "functions").rglob("*.py"), *(ROOT / "shared").rglob("*.py")]
    assert [path for path in sources if "TEST_IDENTITY" in path.read_text()] == []
