"""Callers by tokens as the issuers that people use make them, and as an HTTP API hands them on: claims are texts."""

from dataclasses import replace
from typing import Any

import pytest

from shared.edge.errors import ActorNotAllowed, InsufficientScope, TenantMissing, Unauthenticated
from shared.edge.identity import ACT_SCOPE, Caller, IdentityRule, Scope, caller_of, operator_of
from shared.ledger.accounts import Account
from tests.ids import ODD, REAL

SCOPE = {"scope": "credits/charge"}
USERS: dict[str, dict[str, Any]] = {
    "auth0": {
        "iss": "https://acme.eu.auth0.com/",
        "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
        "aud": "[https://millicent https://acme.eu.auth0.com/userinfo]",
        "azp": "my_client_id",
        "scope": "openid profile email credits/charge",
    },
    "auth0, through google": {"sub": "google-oauth2|103547991597142817347", "azp": "my_client_id", **SCOPE},
    "auth0, through saml": {"sub": "samlp|acme|alice+test@example.com", "azp": "my_client_id", **SCOPE},
    "auth0, with a password": {"sub": "auth0|1", "azp": "my_client_id", "gty": "password", **SCOPE},
    "okta": {
        "iss": "https://acme.okta.com/oauth2/default",
        "sub": "alice@example.com",
        "uid": "00uid4BxXw6I6TV4m0g3",
        "cid": "0oabucvyc38HLL1ef0h7",
        "scp": "[openid credits/charge]",
    },
    "entra id": {
        "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFXuVdOv0Xg-f_A",
        "oid": "00000000-0000-0000-66f3-3332eca7ea81",
        "azp": "6cb04018-a3f5-46a7-b995-940c78f5aef3",
        "idtyp": "user",
        "scp": "credits/charge",
    },
    "keycloak": {
        "sub": "f:4b8f6c1e-7d1c-4d6f-9f0c-2c0d7f2f5b11:alice",
        "azp": "web-app",
        "preferred_username": "alice",
        "scope": "openid credits/charge",
    },
    "cognito": {
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "client_id": "xxxxxxxxxxxxexample",
        "token_use": "access",
        "username": "janedoe@example.com",
        "scope": "credits/charge",
    },
    "google": {
        "iss": "https://accounts.google.com",
        "sub": "110169484474386276334",
        "azp": "1234987819200.apps.googleusercontent.com",
        **SCOPE,
    },
}
SERVICES: dict[str, dict[str, Any]] = {
    "auth0": {"sub": "my_client_id@clients", "azp": "my_client_id", "gty": "client-credentials", **SCOPE},
    "okta": {"sub": "0oabucvyc38HLL1ef0h7", "cid": "0oabucvyc38HLL1ef0h7", "scp": "[credits/charge]"},
    "entra id": {
        "sub": "c7e9a5a3-5a3e-4d5e-8d3c-2f5a5a3e4d5e",
        "oid": "c7e9a5a3-5a3e-4d5e-8d3c-2f5a5a3e4d5e",
        "azp": "6cb04018-a3f5-46a7-b995-940c78f5aef3",
        "idtyp": "app",
        **SCOPE,
    },
    "cognito": {"sub": "1example23456789", "client_id": "1example23456789", "token_use": "access", **SCOPE},
    "google": {"sub": "107517467455664443765", "azp": "107517467455664443765", **SCOPE},
}


RULE = IdentityRule("tenant", "main", "cognito:groups", "millicent-operators", "console-of-the-stack")
OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "cognito": ("cognito:groups", {"cognito:groups": "[eu millicent-operators]"}),
    "auth0": ("https://millicent/roles", {"https://millicent/roles": "[millicent-operators]"}),
    "okta": ("groups", {"groups": "[Everyone millicent-operators]"}),
    "entra id": ("roles", {"roles": "[millicent-operators]"}),
    "keycloak": ("groups", {"groups": "[offline_access millicent-operators uma_authorization]"}),
}
"""The claim that `OperatorClaim` names for an issuer, and what it adds to the token of a user."""


def context_of(claims: dict[str, Any]) -> dict[str, Any]:
    return {"authorizer": {"jwt": {"claims": claims, "scopes": None}}}


def caller(claims: dict[str, Any], rule: IdentityRule = RULE, scope: Scope = "credits/charge") -> Caller:
    return caller_of(context_of(claims), scope, rule)


@pytest.mark.parametrize("issuer", USERS)
def test_an_end_user_of_any_issuer_is_its_own_actor_and_nobody_else(issuer: str) -> None:
    claims = USERS[issuer]
    assert caller(claims).account_of(claims["sub"]) == Account("main", claims["sub"])
    with pytest.raises(ActorNotAllowed):
        caller(claims).account_of("user:bob")


@pytest.mark.parametrize("issuer", SERVICES)
def test_a_client_that_has_a_token_of_its_own_acts_for_every_actor(issuer: str) -> None:
    assert caller(SERVICES[issuer]).account_of("auth0|5f7c") == Account("main", "auth0|5f7c")


@pytest.mark.parametrize("claims", [{"gty": "refresh_token"}, {"gty": ""}, {"idtyp": "user"}, {"cid": None}, {}])
def test_a_user_is_not_taken_for_a_client(claims: dict[str, Any]) -> None:
    assert not caller({"sub": "alice", "azp": "web-app", **SCOPE, **claims}).may_act_for_others


@pytest.mark.parametrize("issuer", OPERATORS)
def test_a_person_with_the_value_in_the_claim_acts_for_every_actor(issuer: str) -> None:
    claim, added = OPERATORS[issuer]
    rule = replace(RULE, operator_claim=claim)
    assert caller(USERS[issuer] | added, rule).account_of("user:bob") == Account("main", "user:bob")
    assert not caller(USERS[issuer], rule).may_act_for_others


@pytest.mark.parametrize("issuer", [*OPERATORS, "google"])
def test_a_token_with_the_scope_acts_for_every_actor_whoever_it_was_given_to(issuer: str) -> None:
    name = "scp" if issuer == "okta" else "scope"
    claims = USERS[issuer] | {name: f"[{ACT_SCOPE} credits/charge]"}
    assert caller(claims).account_of("user:bob").actor == "user:bob"


def test_the_scope_to_act_opens_no_route() -> None:
    with pytest.raises(InsufficientScope):
        caller(USERS["cognito"] | {"scope": ACT_SCOPE})


@pytest.mark.parametrize("claim", ["millicent-operators", "[millicent-operators]", ["eu", "millicent-operators"]])
def test_the_claim_of_operators_is_a_text_or_a_list(claim: object) -> None:
    assert caller(USERS["cognito"] | {"cognito:groups": claim}).may_act_for_others


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "[]",
        "[millicent-operators-eu]",
        "[eu,millicent-operators]",
        "[[millicent-operators]]",
        "eu millicent-operators",
        "millicent-operators]",
        {"millicent-operators": True},
        ["MILLICENT-OPERATORS"],
        True,
        None,
    ],
    ids=repr,
)
def test_a_likeness_of_the_value_makes_no_operator(claim: object) -> None:
    assert not caller(USERS["cognito"] | {"cognito:groups": claim}).may_act_for_others


def test_who_may_not_act_for_others_is_told_what_it_takes_to_see_the_whole_tenant() -> None:
    with pytest.raises(
        ActorNotAllowed, match="the scope credits/act, or millicent-operators in its claim cognito:groups"
    ):
        operator_of(context_of(USERS["cognito"]), "credits/charge", RULE)
    assert operator_of(context_of(SERVICES["cognito"]), "credits/charge", RULE).tenant == "main"


CONSOLE = USERS["cognito"] | {
    "client_id": "console-of-the-stack",
    "scope": "openid credits/read credits/charge credits/fund credits/admin",
}


@pytest.mark.parametrize("scope", ["credits/charge", "credits/fund", "credits/admin"])
def test_the_console_of_the_stack_lets_only_operators_do_more_than_read(scope: Scope) -> None:
    assert not caller(CONSOLE, scope="credits/read").may_act_for_others
    with pytest.raises(InsufficientScope):
        caller(CONSOLE, scope=scope)
    assert caller(CONSOLE | {"cognito:groups": "[millicent-operators]"}, scope=scope).may_act_for_others


@pytest.mark.parametrize("subject", [*REAL, *ODD])
def test_every_id_can_be_the_subject_of_an_end_user(subject: str) -> None:
    assert caller({"sub": subject, "azp": "web-app", **SCOPE}).account_of(subject).actor == subject


@pytest.mark.parametrize(
    "subject", ["Alice Smith", "alice\n", "élodie", "a#b", "a~b", 'a"b', "CN=a\\,b", "x" * 129, " "]
)
def test_an_end_user_whose_subject_is_no_id_is_told_why_it_has_no_account(subject: str) -> None:
    with pytest.raises(ActorNotAllowed, match="the sub of the token cannot be an actor: it must be 1 to 128 printable"):
        caller({"sub": subject, "azp": "web-app", **SCOPE})


def test_a_service_may_have_any_subject_since_it_has_no_account() -> None:
    assert caller({"sub": "Billing Service", "client_id": "Billing Service", **SCOPE}).account_of("a").actor == "a"


@pytest.mark.parametrize("subject", [None, "", 7, ["a"]])
def test_a_token_without_a_subject_is_none(subject: object) -> None:
    with pytest.raises(Unauthenticated):
        caller({"sub": subject, "azp": "web-app", **SCOPE})


@pytest.mark.parametrize("tenant", [*REAL, "org_9ybsU1dN2dKfDkBi", "72f988bf-86f1-41af-91ab-2d7cd011db47", "a[b]"])
def test_every_id_can_be_a_tenant(tenant: str) -> None:
    assert caller(USERS["auth0"] | {"tenant": tenant}).tenant == tenant


@pytest.mark.parametrize("tenant", ["", "two words", "[acme other]", "a#b", "x" * 129, None, ["acme"], True])
def test_a_claim_that_is_no_tenant_is_refused(tenant: object) -> None:
    with pytest.raises(TenantMissing, match="no valid tenant"):
        caller(USERS["auth0"] | {"tenant": tenant})


def test_a_list_of_one_tenant_is_not_taken_for_a_tenant_in_brackets() -> None:
    with pytest.raises(TenantMissing, match="the claim tenant must be one tenant, not a list"):
        caller(USERS["auth0"] | {"tenant": "[acme]"})
