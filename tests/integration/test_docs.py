"""The API as it answers is the API as it is described."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local.samples import STORY, Sample
from openapi.document import FILE
from openapi.events import ASYNCAPI_FILE
from tests.integration.test_samples import content, invoke, prepared
from tests.integration.world import World

AS_CSV = {"history-statement"}
OF_NO_CALL = {"DocsFunction", "ConsoleFunction"}
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text())
CALLS = [
    sample
    for sample in STORY
    if "routeKey" in content(sample.file) and sample.function not in OF_NO_CALL and sample.name not in AS_CSV
]


def route_of(event: dict[str, Any]) -> tuple[str, str]:
    """Method and path as described, by the path that was called."""
    method, path = event["requestContext"]["http"]["method"].lower(), event["rawPath"]
    for described, methods in DOCUMENT["paths"].items():
        parts, wanted = path.split("/"), described.split("/")
        fits = len(parts) == len(wanted) and all(w in (p, f"{{{w[1:-1]}}}") for p, w in zip(parts, wanted, strict=True))
        if fits and method in methods:
            return method, described
    raise AssertionError(f"{method} {path} is not described")


def undocumented(body: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """Members of the answer that no schema speaks of."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for form in schema.get("anyOf", ()):
        if form != {"type": "null"} and body is not None:
            return undocumented(body, form, where)
    if isinstance(body, list) and "items" in schema:
        return [found for each in body for found in undocumented(each, schema["items"], f"{where}[]")]
    if not isinstance(body, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    unknown = [f"{where}.{name}" for name in body if name not in known]
    return unknown + [
        found for name in known.keys() & body for found in undocumented(body[name], known[name], f"{where}.{name}")
    ]


@pytest.mark.parametrize("sample", CALLS, ids=lambda sample: sample.name)
def test_a_sample_is_answered_as_it_is_described(world: World, sample: Sample) -> None:
    prepared(world, sample)
    method, described = route_of(content(sample.file))
    answer = invoke(world, sample)
    assert sample.is_answered_by(answer)
    responses = DOCUMENT["paths"][described][method]["responses"]
    schema = responses[str(answer["statusCode"])]["content"]["application/json"]["schema"]
    body = json.loads(answer["body"])
    errors = Draft202012Validator(schema | {"components": DOCUMENT["components"]}).iter_errors(body)
    assert [(error.json_path, error.message) for error in errors] == []
    assert undocumented(body, schema) == []


@pytest.mark.parametrize("claims", [None, {"sub": "anybody"}])
def test_the_documents_are_open_to_everybody(world: World, claims: dict[str, str] | None) -> None:
    shown, page = world.get("/openapi.json", claims=claims), world.get("/docs", claims=claims)
    events = world.get("/asyncapi.json", claims=claims)
    assert (events.status, events.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(events.text) == json.loads(ASYNCAPI_FILE.read_text())
    assert (shown.status, shown.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(shown.text) == DOCUMENT
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<!doctype html>")
    for answer in (shown, events, page):
        assert answer.headers["X-Request-Id"].startswith("request-")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_request_that_is_refused_is_answered_as_it_is_described(world: World) -> None:
    refused = world.cost({"actor": "user:nobody", "cost": 1})
    response = DOCUMENT["paths"]["/v1/cost"]["post"]["responses"][str(refused.status)]["$ref"].rpartition("/")[2]
    schema = DOCUMENT["components"]["responses"][response]["content"]["application/problem+json"]["schema"]
    body = json.loads(refused.text)
    assert list(Draft202012Validator(schema | {"components": DOCUMENT["components"]}).iter_errors(body)) == []
    assert refused.code == "insufficient_credits"
