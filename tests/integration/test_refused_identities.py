"""Callers who are refused. None of them changes anything, so all tests share one stack."""

from typing import Any

import pytest

from tests.integration.callers import (
    ALICE,
    CALLS,
    EVERYTHING,
    OTHER_SCOPE,
    end_user,
    fund_alice,
    refused,
    service,
)
from tests.integration.world import World


@pytest.fixture
def funded(shared_world: World) -> World:
    return fund_alice(shared_world)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("claims", [None, {}, {"scope": EVERYTHING}, {"sub": "", "scope": EVERYTHING}])
def test_a_caller_without_an_identity_is_unauthenticated(
    funded: World, name: str, claims: dict[str, Any] | None
) -> None:
    assert refused(funded, name, claims) == (401, "unauthenticated")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("scope", ["other", "", None, "credits/admins", "xcredits/read", []], ids=repr)
def test_a_token_of_no_use_is_refused(funded: World, name: str, scope: object) -> None:
    assert refused(funded, name, service(scope)) == (403, "insufficient_scope")


@pytest.mark.parametrize("name", CALLS)
def test_the_scope_of_another_call_is_refused(funded: World, name: str) -> None:
    assert refused(funded, name, service(OTHER_SCOPE[CALLS[name][4]])) == (403, "insufficient_scope")


@pytest.mark.parametrize("claims", [None, service("credits/read"), service("credits/fund")])
def test_a_batch_needs_the_scope_of_a_charge(funded: World, claims: dict[str, Any] | None) -> None:
    answer = funded.batch([{"key": "k", "actor": ALICE, "cost": 1}], claims=claims)
    assert answer.status == (401 if claims is None else 403)


@pytest.mark.parametrize("name", CALLS)
def test_an_end_user_is_no_other_actor(funded: World, name: str) -> None:
    assert refused(funded, name, end_user("user:bob")) == (403, "actor_not_allowed")


def test_an_end_user_without_a_client_is_no_service(funded: World) -> None:
    assert refused(funded, "cost", {"sub": "user:bob", "scope": EVERYTHING}) == (403, "actor_not_allowed")


@pytest.mark.parametrize("tenant", ["", "a#ACTOR#b", "a b", "a\n", None, 5])
def test_a_tenant_that_cannot_be_one_is_refused(funded: World, tenant: object) -> None:
    assert refused(funded, "cost", service(EVERYTHING, **{"custom:tenant": tenant})) == (403, "tenant_missing")
