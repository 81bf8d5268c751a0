import pytest

from tests.integration.callers import ALICE, CALLS, EVERYTHING, end_user, fund_alice, refused, send, service
from tests.integration.world import World


@pytest.fixture
def funded(world: World) -> World:
    return fund_alice(world)


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


@pytest.mark.parametrize("name", CALLS)
def test_an_end_user_is_its_own_actor(funded: World, name: str) -> None:
    assert send(funded, name, end_user()).status in {200, 201}
    assert refused(funded, name, end_user("user:bob")) == (403, "actor_not_allowed")


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
