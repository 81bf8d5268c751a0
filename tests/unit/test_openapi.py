"""The OpenAPI document is the API's: every route of the template, every problem, and as it is kept in its function."""

import json
import re
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from functions.docs.page import page
from openapi.calls import CALLS
from openapi.document import FILE, PROBLEMS, sample_body, text
from shared.edge import path_ids
from shared.ledger import ids
from shared.ledger.amounts import parse_millicents
from shared.ledger.errors import InvalidAmount
from tests.template.loading import of_type

DOCUMENT: Final[dict[str, Any]] = json.loads(FILE.read_text())
PAGE: Final = page(DOCUMENT)
ROUTES: Final = {
    route["RouteKey"]: route
    for route in of_type("AWS::ApiGatewayV2::Route").values()
    if route["RouteKey"].split("/")[1] != "console"
}
"""Without those of the console's files, which are no calls."""
OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
NEVER_ANSWERED: Final = {"route_not_found", "digest_exists", "invalid_amount"}
"""By the gateway before a function is called, by a function that nobody calls over HTTP, or as `validation_failed`."""


def test_what_is_kept_is_what_the_code_says_today() -> None:
    assert FILE.read_text() == text(), "run `make openapi`"


def test_it_is_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_route_is_described_and_nothing_else() -> None:
    assert set(OPERATIONS) == set(ROUTES)
    assert len(CALLS) == len(ROUTES)


@pytest.mark.parametrize("route", OPERATIONS)
def test_a_call_needs_the_scopes_that_its_route_has(route: str) -> None:
    ways = [scope for way in OPERATIONS[route]["security"] for scope in way["token"]]
    assert ways == ROUTES[route].get("AuthorizationScopes", [])


def test_every_problem_that_a_caller_can_meet_is_described() -> None:
    described = {code for name in DOCUMENT["components"]["responses"] if name != "NoRoute" for code in name.split(".")}
    assert described == PROBLEMS.keys() - NEVER_ANSWERED


@pytest.mark.parametrize("call", [call for call in CALLS if call.sample], ids=lambda call: call.route)
def test_the_sample_is_a_request_as_it_is_described(call: Any) -> None:
    content = OPERATIONS[call.route]["requestBody"]["content"]["application/json"]
    errors = validator(content["schema"]).iter_errors(sample_body(call.sample))
    assert [error.message for error in errors] == []


def test_a_request_with_an_unknown_field_or_a_wrong_amount_is_not_as_it_is_described() -> None:
    cost = validator({"$ref": "#/components/schemas/CostRequest"})
    right = {"actor": "user:alice", "cost": "42.125"}
    assert cost.is_valid(right)
    for wrong in ({"price": 1}, {"cost": -1}, {"cost": "much"}, {"actor": "two words"}, {"if_insufficient": "maybe"}):
        assert not cost.is_valid(right | wrong)


@given(st.from_regex(r"-?[0-9]{0,14}(\.[0-9]{0,5})?", fullmatch=True))
@example("1000000000000.000")
@example("1000000000000.001")
@example("-0")
def test_an_amount_as_text_is_described_as_it_is_read(text: str) -> None:
    amount, positive = DOCUMENT["components"]["schemas"]["Amount"], DOCUMENT["components"]["schemas"]["PositiveAmount"]
    try:
        read = parse_millicents(text)
    except InvalidAmount:
        read = -1
    # The document knows no 0 below 0.
    assert validator(amount).is_valid(text) == (read >= 0 and not text.startswith("-"))
    assert validator(positive).is_valid(text) == (read > 0)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("CheckRequest", [{}, {"minimum": 1}, {"usage": {"meter": "m"}}], [{"minimum": 1, "usage": {"meter": "m"}}]),
        ("CheckRequest", [{"usage": {"meter": "m", "model": "a/b", "x": "1.5"}}], [{"usage": {}}, {"usage": {"x": 1}}]),
        ("CaptureRequest", [{}, {"amount": None, "usage": {"meter": "m"}}], [{"amount": 1, "usage": {"meter": "m"}}]),
        (
            "CaptureRequest",
            [{"final": True}, {"final": False, "amount": 1}, {"final": False, "usage": {"meter": "m"}}],
            [{"final": False}, {"final": False, "amount": None}],
        ),
    ],
)
def test_what_holds_between_fields_is_described(name: str, right: list[Any], wrong: list[Any]) -> None:
    request = validator({"$ref": f"#/components/schemas/{name}"})
    actor = {"actor": "user:alice"}
    assert [each for each in right if not request.is_valid(actor | each)] == []
    assert [each for each in wrong if request.is_valid(actor | each)] == []


def test_settings_that_change_nothing_are_not_as_they_are_described() -> None:
    settings = validator({"$ref": "#/components/schemas/SettingsRequest"})
    assert all(settings.is_valid(each) for each in ({"status": "open"}, {"parent": None}))
    assert not any(settings.is_valid(each) for each in ({}, {"status": None}, {"overdraft_limit": None}))


def test_only_a_card_with_a_model_is_described_with_aliases() -> None:
    card = validator({"$ref": "#/components/schemas/RateDocument"})
    meter: dict[str, Any] = {"meter": "llm"}
    right: list[dict[str, Any]] = [{}, {"aliases": []}, {"model": "house"}, {"model": "house", "aliases": ["home"]}]
    assert all(card.is_valid(meter | each) for each in right)
    wrong: list[dict[str, Any]] = [{"aliases": ["home"]}, {"aliases": ["home"], "model": None}]
    assert not any(card.is_valid(meter | each) for each in wrong)


def test_a_batch_may_hold_what_is_no_charge() -> None:
    batch = validator({"$ref": "#/components/schemas/BatchRequest"})
    assert batch.is_valid({"charges": [{}, 1, {"key": "k", "actor": "a", "cost": 1}]})
    assert not batch.is_valid({"charges": []})


@pytest.mark.parametrize("route", [route for route in OPERATIONS if OPERATIONS[route]["security"]])
@pytest.mark.parametrize("status", ["401", "403", "429", "500", "503"])
def test_what_the_gateway_answers_by_itself_is_described_beside_what_the_service_does(route: str, status: str) -> None:
    name = OPERATIONS[route]["responses"][status]["$ref"].rpartition("/")[2]
    content = DOCUMENT["components"]["responses"][name]["content"]
    assert list(content) == ["application/problem+json", "application/json"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/GatewayMessage"}


ID_FIELDS: Final = {"actor", "app", "meter", "check_id", "charge", "parent", "key"}


def test_every_id_is_described_as_it_is_read() -> None:
    """By the one definition; in a path either percent-encoded or spelled so that no gateway changes it."""
    forms = {name: form for name, form in DOCUMENT["components"]["schemas"].items() if name.endswith("Request")}
    found = {
        (form, name): schema.get("pattern") or next(each["pattern"] for each in schema["anyOf"] if "pattern" in each)
        for form, described in forms.items()
        for name, schema in described["properties"].items()
        if name in ID_FIELDS
    }
    assert len(found) > 20
    assert set(found.values()) == {f"^{ids.PATTERN}$"}
    in_paths = {
        parameter["schema"]["pattern"]
        for operation in OPERATIONS.values()
        for parameter in operation.get("parameters", [])
        if parameter.get("in") == "path" and parameter["name"] in {"actor", "id"}
    }
    assert in_paths == {f"^({path_ids.PLAIN_PATTERN}|{path_ids.PATTERN})$"}


def test_defaults_are_in_the_unit_of_the_api() -> None:
    assert DOCUMENT["components"]["schemas"]["CheckRequest"]["properties"]["minimum"]["default"] == 100


def test_the_page_shows_every_call_and_every_schema() -> None:
    for path, methods in DOCUMENT["paths"].items():
        assert f">{path}</code>" in PAGE
        assert all(f'id="{operation["operationId"]}"' in PAGE for operation in methods.values())
    for name in DOCUMENT["components"]["schemas"]:
        assert f'id="{name}"' in PAGE


def test_every_link_of_the_page_leads_somewhere_in_it() -> None:
    links = set(re.findall(r'href="([^"]*)"', PAGE))
    assert {link for link in links if f'id="{link.removeprefix("#")}"' not in PAGE} == {"openapi.json", "asyncapi.json"}


def test_code_is_marked_up_on_the_page_and_nothing_is_told_in_the_words_of_a_language() -> None:
    without_code = re.sub("<pre>.*?</pre>", "", PAGE, flags=re.DOTALL)
    assert "`" not in without_code
    assert re.findall(r"\bNone\b|\bUNSET\b", without_code) == []


def test_what_holds_between_fields_is_told_on_the_page() -> None:
    costs = "<code>cost</code>, <code>usage</code>, <code>cost_usd</code> and <code>cost_money</code>"
    assert f"Exactly one of {costs}." in PAGE
    assert f"At most one of {costs.replace('cost<', 'amount<', 1)}." in PAGE
    assert "At most one of <code>minimum</code> and <code>usage</code>." in PAGE
    assert "At least one of <code>overdraft_limit</code>" in PAGE


def test_every_call_has_an_anchor() -> None:
    for operation in OPERATIONS.values():
        assert f'href="#{operation["operationId"]}"' in PAGE


@pytest.mark.parametrize("route", ["POST /v1/cost", "POST /v1/holds", "POST /v1/holds/{id}/capture"])
def test_usage_without_a_price_is_an_answer_of_every_call_that_takes_usage(route: str) -> None:
    assert "unpriced" in OPERATIONS[route]["responses"]["422"]["$ref"]


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    assert re.findall(r"<(script|link|img|iframe|object|form)\b", PAGE) == []
    assert re.findall(r"\b(src|srcset|action|on\w+)=|url\(|@import|https?://", PAGE) == []


def test_what_the_document_says_is_text_on_the_page_and_never_markup() -> None:
    forged = json.loads(json.dumps(DOCUMENT).replace("Charge a cost", "<b onclick=x>&"))
    assert "&lt;b onclick=x&gt;&amp;" in page(forged)
    assert "<b onclick" not in page(forged)


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})
