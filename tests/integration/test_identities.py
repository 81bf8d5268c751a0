from typing import Any

import pytest

from tests.integration.world import World

ALICE = "user:alice"
EVERYTHING = "credits/read credits/charge credits/fund"
CALLS: dict[str, tuple[str, str, dict[str, Any] | None, dict[str, str] | None, str]] = {
    "check": ("POST", "/v1/check", {"actor": ALICE}, None, "credits/read"),
    "cost": ("POST", "/v1/cost", {"actor": ALICE, "cost": 1}, None, "credits/charge"),
    "update": ("POST", "/v1/funding", {"actor": ALICE, "old_amount": 100, "new_amount": 200}, None, "credits/fund"),
    "grant": ("POST", "/v1/funding", {"actor": ALICE, "amount": 5}, None, "credits/fund"),
    "hold": ("POST", "/v1/holds", {"actor": ALICE, "amount": 1}, None, "credits/charge"),
    "capture": ("POST", "/v1/holds/h2/capture", {"actor": ALICE}, None, "credits/charge"),
    "release": ("POST", "/v1/holds/h2/release", {"actor": ALICE}, None, "credits/charge"),
    "extend": ("POST", "/v1/holds/h2/extend", {"actor": ALICE, "ttl_s": 60}, None, "credits/charge"),
    "refund": ("POST", "/v1/refunds", {"actor": ALICE, "charge": "spent"}, None, "credits/charge"),
    "void": ("POST", "/v1/grants/g1/void", {"actor": ALICE}, None, "credits/fund"),
    "settings": ("PATCH", f"/v1/accounts/{ALICE}", {"status": "frozen"}, None, "credits/fund"),
    "limits": ("PUT", f"/v1/accounts/{ALICE}/limits", {"limits": []}, None, "credits/fund"),
    "allowance": ("PUT", f"/v1/accounts/{ALICE}/allowance", {"amount": 1, "interval": "daily"}, None, "credits/fund"),
    "no allowance": ("DELETE", f"/v1/accounts/{ALICE}/allowance", None, None, "credits/fund"),
    "account": ("GET", f"/v1/accounts/{ALICE}", None, None, "credits/read"),
    "entries": ("GET", f"/v1/accounts/{ALICE}/entries", None, None, "credits/read"),
    "audit": ("GET", f"/v1/accounts/{ALICE}/audit", None, None, "credits/read"),
    "operation": ("GET", "/v1/operations/paid-in", None, {"actor": ALICE}, "credits/read"),
}
OTHER_SCOPE = {"credits/read": "credits/charge", "credits/charge": "credits/fund", "credits/fund": "credits/read"}


@pytest.fixture
def funded(world: World) -> World:
    """Alice has 100 millicents, of which 10 are held as h2 and 5 were spent."""
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 100}, key="paid-in")
    world.hold({"actor": ALICE, "amount": 10})
    world.cost({"actor": ALICE, "cost": 5}, key="spent")
    return world


def send(world: World, name: str, claims: dict[str, Any] | None) -> Any:
    method, path, body, query, _ = CALLS[name]
    return world.call(method, path, body, key="k", query=query, claims=claims)


def refused(world: World, name: str, claims: dict[str, Any] | None) -> tuple[int, str]:
    before = world.contents()
    answer = send(world, name, claims)
    assert world.contents() == before
    return answer.status, answer.code


def service(scope: object, **claims: Any) -> dict[str, Any]:
    return {"sub": "billing", "client_id": "billing", "scope": scope, **claims}


def end_user(subject: str = ALICE, **claims: Any) -> dict[str, Any]:
    return {"sub": subject, "client_id": "web-app", "scope": EVERYTHING, **claims}


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


@pytest.mark.parametrize("name", CALLS)
def test_the_scope_of_the_call_suffices_and_so_does_admin(funded: World, name: str) -> None:
    scope = CALLS[name][4]
    first = send(funded, name, service(scope))
    assert first.status in {200, 201}
    for claims in (
        service("credits/admin"),
        service(["other", scope]),
        service(None, scp=f"[x {scope}]"),
        service(f"x {scope}"),
    ):
        assert send(funded, name, claims).status == 200


@pytest.mark.parametrize("claims", [None, service("credits/read"), service("credits/fund")])
def test_a_batch_needs_the_scope_of_a_charge(funded: World, claims: dict[str, Any] | None) -> None:
    answer = funded.batch([{"key": "k", "actor": ALICE, "cost": 1}], claims=claims)
    assert answer.status == (401 if claims is None else 403)


@pytest.mark.parametrize("name", CALLS)
def test_an_end_user_is_its_own_actor(funded: World, name: str) -> None:
    assert send(funded, name, end_user()).status in {200, 201}
    assert refused(funded, name, end_user("user:bob")) == (403, "actor_not_allowed")


def test_an_end_user_without_a_client_is_no_service(funded: World) -> None:
    assert refused(funded, "cost", {"sub": "user:bob", "scope": EVERYTHING}) == (403, "actor_not_allowed")


def test_a_service_can_be_told_by_azp(funded: World) -> None:
    claims = {"sub": "billing", "azp": "billing", "scope": EVERYTHING}
    assert send(funded, "cost", claims).body["entry"]["by"] == "billing"


def test_the_identity_of_the_caller_is_on_the_record(funded: World) -> None:
    assert send(funded, "cost", end_user()).body["entry"]["by"] == ALICE


def test_tenants_do_not_see_each_other(funded: World) -> None:
    other = service(EVERYTHING, **{"custom:tenant": "acme"})
    assert funded.get(f"/v1/accounts/{ALICE}", claims=other).status == 404
    funded.fund({"actor": ALICE, "old_amount": 0, "new_amount": 7}, claims=other)
    assert funded.get(f"/v1/accounts/{ALICE}", claims=other).body["available"] == 7
    assert funded.get(f"/v1/accounts/{ALICE}").body["available"] == 85


@pytest.mark.parametrize("tenant", ["", "a#ACTOR#b", "a b", "a\n", None, 5])
def test_a_tenant_that_cannot_be_one_is_refused(funded: World, tenant: object) -> None:
    assert refused(funded, "cost", service(EVERYTHING, **{"custom:tenant": tenant})) == (403, "tenant_missing")
