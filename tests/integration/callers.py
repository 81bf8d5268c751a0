"""Every call of the API and who may make it, on an account that all of the calls fit."""

from typing import Any

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


def fund_alice(world: World) -> World:
    """Alice has 100 millicents, of which 10 are held as h2 and 5 were spent. A second call changes nothing."""
    world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 100}, key="paid-in")
    world.hold({"actor": ALICE, "amount": 10}, key="held")
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
