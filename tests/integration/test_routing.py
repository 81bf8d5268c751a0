"""The functions' tables of routes, beside those of the template."""

from types import ModuleType
from typing import Any

import pytest

from tests.integration.world import SERVICE, World
from tests.template.loading import of_type


def test_every_function_answers_the_routes_that_the_template_gives_it(modules: dict[str, ModuleType]) -> None:
    tables = {name.capitalize(): module.app.keys for name, module in modules.items() if hasattr(module, "app")}
    declared: dict[str, set[str]] = {}
    for route in of_type("AWS::ApiGatewayV2::Route").values():
        function = route["Target"]["Fn::Sub"].removeprefix("integrations/${").removesuffix("Integration}")
        declared.setdefault(function, set()).add(route["RouteKey"])
    assert tables == declared


def event(**routed: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "headers": {},
        "rawQueryString": "",
        "requestContext": {
            "requestId": "r",
            "stage": routed.pop("stage", "$default"),
            "http": {"method": "GET", "path": routed["rawPath"]},
            "authorizer": {"jwt": {"claims": dict(SERVICE)}},
        },
        "isBase64Encoded": False,
        **routed,
    }


ACCOUNT = {"routeKey": "GET /v1/accounts/{actor}", "pathParameters": {"actor": "user:alice"}}


@pytest.mark.parametrize(
    "routed",
    [
        {**ACCOUNT, "rawPath": "/what/a/gateway/made/of/it"},
        {"routeKey": ACCOUNT["routeKey"], "rawPath": "/v1/accounts/user:alice"},
        {"routeKey": "$default", "rawPath": "/v1/accounts/user:alice"},
        {"rawPath": "/prod/v1/accounts/user:alice", "stage": "prod"},
    ],
    ids=["by its key", "without parameters", "of a route for everything", "of another stage"],
)
def test_a_request_is_answered_by_its_route(world: World, routed: dict[str, Any]) -> None:
    world.fund({"actor": "user:alice", "old_amount": 0, "new_amount": 5})
    answer = world.invoke("accounts", event(**routed))
    assert (answer["statusCode"], '"actor":"user:alice"' in answer["body"]) == (200, True)


@pytest.mark.parametrize("path", ["/v1/account", "/v1/accounts/a/b", "/v1xaccounts/a", "/v1/accounts/"])
def test_a_path_of_no_route_is_not_found(world: World, path: str) -> None:
    answer = world.invoke("accounts", event(routeKey="$default", rawPath=path))
    assert (answer["statusCode"], '"code":"route_not_found"' in answer["body"]) == (404, True)
