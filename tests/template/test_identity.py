import re
from typing import Final

import pytest

from shared.edge.identity import ACT_SCOPE
from shared.ledger import ids
from tests.template.loading import of_type, properties, resource, template

CLIENTS: Final = {
    "ReadClient": ["credits/read"],
    "ChargeClient": ["credits/charge"],
    "FundClient": ["credits/fund"],
    "AdminClient": ["credits/read", "credits/charge", "credits/fund", "credits/admin"],
}
"""Those of machines."""
OWN: Final = ("UserPool", "UserPoolDomain", "ResourceServer", "Operators", "ConsoleClient", *CLIENTS)


def test_the_clients_are_four_machines_and_the_console() -> None:
    assert set(of_type("AWS::Cognito::UserPoolClient")) == {*CLIENTS, "ConsoleClient"}


def test_the_client_of_the_console_has_no_secret_and_comes_back_to_the_console_alone() -> None:
    given = properties("ConsoleClient")
    assert given["GenerateSecret"] is False
    assert given["AllowedOAuthFlows"] == ["code"]
    (back,) = given["CallbackURLs"]
    condition, own, of_the_stack = back["Fn::If"]
    assert (condition, own) == ("WithConsoleUrl", {"Ref": "ConsoleUrl"})
    assert of_the_stack["Fn::Sub"].startswith("https://${Api}.execute-api.")
    assert of_the_stack["Fn::Sub"].endswith("/console")
    assert given["LogoutURLs"] == [back]


def test_the_functions_know_the_client_of_the_console_since_its_scopes_are_everybodys() -> None:
    """See shared/edge/identity.py: the scopes of a client of Cognito are those of whoever signs in."""
    allowed = properties("ConsoleClient")["AllowedOAuthScopes"]
    assert set(allowed) > {"credits/fund", "credits/admin"}
    assert template()["Parameters"]["ConsoleScopes"]["Default"].split() == allowed
    for name, function in of_type("AWS::Serverless::Function").items():
        variables = function["Environment"]["Variables"]
        if "TENANT_CLAIM" in variables:
            assert variables["CONSOLE_CLIENT"] == {"Fn::If": ["WithUserPool", {"Ref": "ConsoleClient"}, ""]}, name


def test_the_group_of_operators_is_what_the_functions_look_for() -> None:
    assert properties("Operators")["GroupName"] == {"Ref": "OperatorValue"}
    assert template()["Parameters"]["OperatorClaim"]["Default"] == "cognito:groups"


@pytest.mark.parametrize("value", ["two words", "[a", "a]", "", " "])
def test_the_value_of_operators_is_one_that_the_functions_can_find_in_a_list(value: str) -> None:
    pattern = template()["Parameters"]["OperatorValue"]["AllowedPattern"]
    assert re.fullmatch(pattern, value) is None
    assert re.fullmatch(pattern, "millicent-operators")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_a_machine_with_a_secret_and_the_scopes_of_its_name(client: str) -> None:
    given = properties(client)
    assert given["GenerateSecret"] is True
    assert given["AllowedOAuthFlows"] == ["client_credentials"]
    assert given["AllowedOAuthScopes"] == CLIENTS[client]
    assert given["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]


def test_the_resource_server_knows_every_scope_that_a_route_or_client_names() -> None:
    server = properties("ResourceServer")
    known = {f"{server['Identifier']}/{scope['ScopeName']}" for scope in server["Scopes"]}
    on_routes = {
        scope
        for route in of_type("AWS::ApiGatewayV2::Route").values()
        for scope in route.get("AuthorizationScopes", [])
    }
    of_the_console = set(properties("ConsoleClient")["AllowedOAuthScopes"]) - {"openid"}
    assert on_routes == set(CLIENTS["AdminClient"]) == of_the_console
    assert known == on_routes | {ACT_SCOPE}


@pytest.mark.parametrize("name", OWN)
def test_the_user_pool_and_all_of_it_are_left_out_when_the_deployer_has_an_issuer(name: str) -> None:
    assert resource(name)["Condition"] == "WithUserPool"
    assert template()["Conditions"]["WithUserPool"] == {"Fn::Equals": [{"Ref": "JwtIssuer"}, ""]}


def test_the_authorizer_takes_tokens_of_our_clients_or_of_the_deployers_issuer_and_audience() -> None:
    configured = properties("Authorizer")["JwtConfiguration"]
    assert configured["Issuer"] == {
        "Fn::If": ["WithUserPool", {"Fn::Sub": "https://${UserPool.ProviderName}"}, {"Ref": "JwtIssuer"}],
    }
    condition, ours, theirs = configured["Audience"]["Fn::If"]
    assert condition == "WithUserPool"
    assert ours == [{"Ref": client} for client in [*CLIENTS, "ConsoleClient"]]
    assert theirs == {"Fn::Split": [",", {"Ref": "JwtAudience"}]}


def test_an_issuer_without_an_audience_is_refused() -> None:
    rule = template()["Rules"]["OwnIssuerNamesItsAudience"]
    (assertion,) = rule["Assertions"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "JwtIssuer"}, ""]}]}
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "JwtAudience"}, ""]}]}


def test_the_subjects_that_name_accounts_outlive_the_stack_and_nobody_signs_up_alone() -> None:
    assert resource("UserPool")["DeletionPolicy"] == "Retain"
    assert properties("UserPool")["DeletionProtection"] == "ACTIVE"
    assert properties("UserPool")["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def test_the_default_tenant_may_be_every_id_or_empty() -> None:
    pattern = template()["Parameters"]["DefaultTenant"]["AllowedPattern"]
    assert pattern == f"{ids.CHARACTER}{{0,{ids.LONGEST}}}"
