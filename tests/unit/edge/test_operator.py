"""Who may ask about every account of a tenant."""

import pytest

from shared.edge import http
from shared.edge.errors import ActorNotAllowed, InsufficientScope, Unauthenticated
from shared.edge.identity import Caller, TenantRule
from shared.edge.requests import Request

SERVICE = {"sub": "console", "client_id": "console"}
END_USER = {"sub": "user:alice", "client_id": "web-app"}


def operator(claims: dict[str, str]) -> Caller:
    context = {"authorizer": {"jwt": {"claims": claims}}}
    return http.operator(Request({"requestContext": context}), "credits/read", TenantRule("tenant", "main"))


def test_a_service_may_ask_about_its_own_tenant() -> None:
    assert operator(SERVICE | {"scope": "credits/read", "tenant": "acme"}) == Caller("console", "acme", True)


def test_an_end_user_is_told_that_it_sees_its_own_account_alone() -> None:
    with pytest.raises(ActorNotAllowed, match="every account of the tenant: an end user sees only its own account"):
        operator(END_USER | {"scope": "credits/read credits/admin"})


def test_a_service_needs_the_scope_all_the_same() -> None:
    with pytest.raises(InsufficientScope, match="credits/read"):
        operator(SERVICE | {"scope": "credits/charge"})


def test_without_a_token_nobody_is_an_operator() -> None:
    with pytest.raises(Unauthenticated):
        operator({})
