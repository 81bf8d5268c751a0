"""Callers by tokens as the issuers that people use make them, and as an HTTP API hands them on: claims are texts."""

from typing import Any

import pytest

from shared.edge.errors import ActorNotAllowed, TenantMissing, Unauthenticated
from shared.edge.identity import Caller, TenantRule, caller_of
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


def caller(claims: dict[str, Any], default_tenant: str = "main") -> Caller:
    context = {"authorizer": {"jwt": {"claims": claims, "scopes": None}}}
    return caller_of(context, "credits/charge", TenantRule("tenant", default_tenant))


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
    assert not caller({"sub": "alice", "azp": "web-app", **SCOPE, **claims}).is_service


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
