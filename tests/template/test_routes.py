import json
from typing import Final

import pytest

from tests.template.loading import of_type, properties, references
from tests.template.resolved import STACK, Deployment

SCOPES: Final = {
    "POST /v1/check": "credits/read",
    "POST /v1/cost": "credits/charge",
    "POST /v1/cost/batch": "credits/charge",
    "POST /v1/refunds": "credits/charge",
    "POST /v1/funding": "credits/fund",
    "POST /v1/grants/{id}/void": "credits/fund",
    "POST /v1/holds": "credits/charge",
    "POST /v1/holds/{id}/capture": "credits/charge",
    "POST /v1/holds/{id}/release": "credits/charge",
    "POST /v1/holds/{id}/extend": "credits/charge",
    "PATCH /v1/accounts/{actor}": "credits/fund",
    "PUT /v1/accounts/{actor}/limits": "credits/fund",
    "PUT /v1/accounts/{actor}/allowance": "credits/fund",
    "DELETE /v1/accounts/{actor}/allowance": "credits/fund",
    "GET /v1/rates": "credits/read",
    "PUT /v1/rates": "credits/admin",
    "GET /v1/rates/adjustments": "credits/read",
    "PUT /v1/rates/adjustments": "credits/admin",
    "GET /v1/rates/currencies": "credits/read",
    "PUT /v1/rates/currencies": "credits/admin",
    "POST /v1/rates/quote": "credits/read",
    "GET /v1/accounts": "credits/read",
    "GET /v1/accounts/{actor}": "credits/read",
    "GET /v1/accounts/{actor}/entries": "credits/read",
    "GET /v1/accounts/{actor}/audit": "credits/read",
    "GET /v1/accounts/{actor}/usage": "credits/read",
    "GET /v1/accounts/{actor}/proof": "credits/read",
    "GET /v1/digests/{number}": "credits/read",
    "GET /v1/operations/{key}": "credits/read",
    "GET /v1/activity": "credits/read",
    "GET /v1/alerts": "credits/read",
    "GET /v1/usage": "credits/read",
}
OPEN: Final = (
    "GET /v1/health", "GET /openapi.json", "GET /asyncapi.json", "GET /docs", "GET /console", "GET /console/{proxy+}",
)  # fmt: skip
FUNCTION: Final = {
    "POST /v1/check": "Check",
    "POST /v1/cost": "Cost",
    "POST /v1/cost/batch": "Cost",
    "POST /v1/refunds": "Cost",
    "POST /v1/funding": "Funding",
    "POST /v1/grants/{id}/void": "Funding",
    "POST /v1/holds": "Holds",
    "POST /v1/holds/{id}/capture": "Holds",
    "POST /v1/holds/{id}/release": "Holds",
    "POST /v1/holds/{id}/extend": "Holds",
    "PATCH /v1/accounts/{actor}": "Policies",
    "PUT /v1/accounts/{actor}/limits": "Policies",
    "PUT /v1/accounts/{actor}/allowance": "Policies",
    "DELETE /v1/accounts/{actor}/allowance": "Policies",
    "GET /v1/rates": "Rates",
    "PUT /v1/rates": "Rates",
    "GET /v1/rates/adjustments": "Rates",
    "PUT /v1/rates/adjustments": "Rates",
    "GET /v1/rates/currencies": "Rates",
    "PUT /v1/rates/currencies": "Rates",
    "POST /v1/rates/quote": "Rates",
    "GET /v1/accounts/{actor}/entries": "History",
    "GET /v1/accounts/{actor}/audit": "History",
    "GET /v1/accounts/{actor}/usage": "History",
    "GET /v1/operations/{key}": "History",
    "GET /v1/activity": "Tenant",
    "GET /v1/alerts": "Tenant",
    "GET /v1/usage": "Tenant",
    "GET /v1/accounts/{actor}/proof": "Proof",
    "GET /v1/digests/{number}": "Proof",
    "GET /openapi.json": "Docs",
    "GET /asyncapi.json": "Docs",
    "GET /docs": "Docs",
    "GET /console": "Console",
    "GET /console/{proxy+}": "Console",
}
THIS_API: Final = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*"

ROUTES: Final = {route["RouteKey"]: route for route in of_type("AWS::ApiGatewayV2::Route").values()}


def test_the_routes_are_those_of_the_api_and_no_others() -> None:
    assert set(ROUTES) == {*SCOPES, *OPEN}
    assert len(ROUTES) == len(of_type("AWS::ApiGatewayV2::Route"))


@pytest.mark.parametrize("key", SCOPES)
def test_a_route_needs_a_token_with_its_own_scope_or_the_one_of_an_administrator(key: str) -> None:
    route = ROUTES[key]
    assert route["AuthorizationType"] == "JWT"
    assert route["AuthorizerId"] == {"Ref": "Authorizer"}
    assert route["AuthorizationScopes"] == list(dict.fromkeys([SCOPES[key], "credits/admin"]))


def test_health_the_documents_and_the_files_of_the_console_alone_are_open() -> None:
    assert [key for key, route in ROUTES.items() if route["AuthorizationType"] != "JWT"] == sorted(
        OPEN, key=list(ROUTES).index
    )


@pytest.mark.parametrize("key", [*SCOPES, *OPEN])
def test_a_route_leads_to_the_function_that_answers_it(key: str) -> None:
    name = FUNCTION.get(key, "Accounts")
    assert ROUTES[key]["Target"] == {"Fn::Sub": f"integrations/${{{name}Integration}}"}
    integration = properties(f"{name}Integration")
    assert f"{name}Function" in references(integration["IntegrationUri"])
    assert integration["IntegrationType"] == "AWS_PROXY"
    assert integration["PayloadFormatVersion"] == "2.0"


def test_a_function_that_answers_routes_may_be_called_by_this_api_and_no_other_function_may() -> None:
    by_gateways = [
        each for each in of_type("AWS::Lambda::Permission").values() if each["Principal"] == "apigateway.amazonaws.com"
    ]
    assert {each["Action"] for each in by_gateways} == {"lambda:InvokeFunction"}
    assert {each["SourceArn"]["Fn::Sub"] for each in by_gateways} == {THIS_API}
    called = [Deployment().value(each["FunctionName"]) for each in by_gateways]
    assert sorted(called) == sorted(f"{STACK}-{name.lower()}" for name in {*FUNCTION.values(), "Accounts"})


def test_the_stage_throttles_and_writes_an_access_log() -> None:
    stage = properties("ApiStage")
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert set(stage["DefaultRouteSettings"]) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    assert "$context.requestId" in stage["AccessLogSettings"]["Format"]


def test_an_access_log_line_is_json() -> None:
    line = json.loads(properties("ApiStage")["AccessLogSettings"]["Format"])
    assert all(value.startswith("$context.") for value in line.values())
