"""The console as its function serves it."""

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.world import World


def shown(world: World, name: str, accept: str | None = None, known: str | None = None) -> dict[str, Any]:
    path = "/console" + (f"/{name}" if name else "")
    event = {
        "version": "2.0",
        "routeKey": "GET /console/{proxy+}" if name else "GET /console",
        "rawPath": path,
        "headers": {
            **({"accept-encoding": accept} if accept else {}),
            **({"if-none-match": known} if known else {}),
        },
        "requestContext": {"requestId": "r1", "stage": "$default", "http": {"method": "GET", "path": path}},
        "isBase64Encoded": False,
    }
    if name:
        event["pathParameters"] = {"proxy": name}
    answer: dict[str, Any] = world.invoke("console", event)
    return answer


def test_the_page_is_asked_for_each_time_and_says_what_a_browser_may_do(world: World) -> None:
    answer = shown(world, "")
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert answer["headers"]["Cache-Control"] == "no-cache"
    policy = answer["headers"]["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self' https://issuer.example https://login.example" in policy
    assert 'src="console/src/main.' in answer["body"]


def test_below_the_slash_addresses_are_relative_to_it(world: World) -> None:
    assert 'src="src/main.' in shown(world, "index.html")["body"]


def test_a_file_comes_deflated_to_who_takes_that_and_as_it_is_to_others(world: World) -> None:
    deflated, plain = shown(world, "src/main.js", "br, gzip"), shown(world, "src/main.js")
    assert deflated["isBase64Encoded"] is True
    assert deflated["headers"]["Content-Encoding"] == "gzip"
    assert gzip.decompress(base64.b64decode(deflated["body"])).decode() == plain["body"] == "export {};"
    assert plain["isBase64Encoded"] is False
    assert "Content-Encoding" not in plain["headers"]
    assert {deflated["headers"]["Vary"], plain["headers"]["Vary"]} == {"Accept-Encoding, Origin"}


def test_a_file_that_a_browser_has_is_not_sent_again(world: World) -> None:
    """Pages of other sites have no import map, so they ask for each file by its own name each time."""
    first = shown(world, "src/main.js", "gzip")
    again = shown(world, "src/main.js", "gzip", known=f'W/"other", {first["headers"]["ETag"]}')
    assert (again["statusCode"], again["body"]) == (304, "")
    assert again["headers"]["Cache-Control"] == "no-cache"
    assert again["headers"]["ETag"] == first["headers"]["ETag"]
    assert shown(world, "src/main.js", "gzip", known='"other"')["statusCode"] == 200


def test_a_file_that_is_not_there_is_a_problem_document(world: World) -> None:
    answer = shown(world, "../handler.py")
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["code"] == "route_not_found"


def test_what_a_browser_has_to_know_has_no_secret(world: World) -> None:
    answer = shown(world, "config.json")
    assert answer["headers"]["Cache-Control"] == "no-cache"
    assert json.loads(answer["body"]) == {
        "issuer": "https://issuer.example/pool",
        "client_id": "console",
        "scopes": ["openid", "credits/read"],
        "audience": None,
        "operator_claim": "cognito:groups",
        "operator_value": "millicent-operators",
        "currency": "USD",
        "millicents_per_unit": 100000,
        "version": "",
    }


def test_a_deployment_without_a_console_serves_nothing_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = world.modules["console"]
    settings = replace(handler.runtime.settings, console_enabled=False)
    monkeypatch.setattr(handler, "runtime", replace(handler.runtime, settings=settings))
    assert {shown(world, name)["statusCode"] for name in ("", "index.html", "config.json", "src/main.js")} == {404}
