"""Holds, refunds and batches on the deployed stack, with its permissions and its processes."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest

from millicent import BatchCharge, HoldEnded, InsufficientCredits, Millicent, MillicentError, Receipt
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

ROUTES = (
    ("/v1/holds", "read"),
    ("/v1/holds/h1/capture", "fund"),
    ("/v1/holds/h1/release", "read"),
    ("/v1/holds/h1/extend", "read"),
    ("/v1/refunds", "fund"),
    ("/v1/cost/batch", "read"),
    ("/v1/grants/g1/void", "charge"),
)


def placed(client: Millicent, actor: str, amount: int, ttl_s: int = 600) -> str:
    receipt = client.hold(actor, amount, ttl_s=ttl_s)
    assert receipt.hold is not None
    return receipt.hold.id


def test_a_hold_is_captured_and_refunded_and_its_grant_voided(client: Millicent) -> None:
    actor = "user:holds"
    grant = client.grant(actor, 100).grant
    assert grant is not None
    hold = placed(client, actor, 40)
    assert [each.id for each in client.account(actor).holds] == [hold]
    client.extend(actor, hold, 900)
    client.capture(actor, hold, "12.5", key="holds-capture")
    client.release(actor, placed(client, actor, 10))
    client.refund(actor, "holds-capture", "2.5")
    assert client.void_grant(actor, grant.id).balance.available == 0
    kinds = [entry.kind for entry in client.entries(actor)]
    assert kinds == ["void", "refund", "release", "hold", "capture", "extend", "hold", "grant"]
    trail = eventually(lambda: found if len((found := client.audit(actor)).items) == len(kinds) else None, "audited")
    assert trail.verified


def test_an_expired_hold_is_available_at_once_and_blocks_no_payer(client: Millicent) -> None:
    actor = "user:expiry"
    client.grant(actor, 100)
    hold = placed(client, actor, 80, ttl_s=1)
    eventually(lambda: client.check(actor, 100).allowed, "the hold is over")
    assert client.account(actor).holds == ()
    assert client.charge(actor, 100).balance.available == 0
    with pytest.raises(HoldEnded):
        client.capture(actor, hold)


def test_of_many_holds_at_once_as_many_are_placed_as_there_is_for(laptop: Laptop, client: Millicent) -> None:
    actor = "user:crowd"
    client.grant(actor, 5000)
    results = at_once(laptop, 6, lambda own, _: own.hold(actor, 1000))
    assert results == {"accepted": 5, "insufficient_credits": 1}
    assert (client.account(actor).held, len(client.account(actor).holds)) == (Decimal(5000), 5)


def test_of_many_captures_at_once_one_wins(laptop: Laptop, client: Millicent) -> None:
    actor = "user:captures"
    client.grant(actor, 100)
    hold = placed(client, actor, 40)
    results = at_once(laptop, 6, lambda own, number: own.capture(actor, hold, number))
    assert results == {"accepted": 1, "hold_captured": 5}
    assert client.account(actor).held == 0


def at_once(laptop: Laptop, number: int, send: Callable[[Millicent, int], Receipt]) -> Counter[str]:
    """What became of so many requests, each over a connection of its own."""

    def result(place: int) -> str:
        with laptop.client() as own:
            try:
                send(own, place + 1)
            except MillicentError as error:
                return str(getattr(error, "code", error))
        return "accepted"

    with ThreadPoolExecutor(number) as threads:
        return Counter(threads.map(result, range(number)))


def test_a_batch_of_several_accounts_is_recorded_and_audited(client: Millicent) -> None:
    actors = [f"user:batch-{number}" for number in range(5)]
    for actor in actors[:-1]:
        client.grant(actor, 1000)
    charges = [BatchCharge(actor=actor, cost="0.5", key=f"batch-{number}") for number in range(100) for actor in actors]
    results = client.charge_batch(charges)
    assert Counter(result.status for result in results) == {201: 400, 402: 100}
    assert all(result.replayed for result in client.charge_batch(charges))
    assert client.account(actors[0]).spent == Decimal(50)
    with pytest.raises(InsufficientCredits):
        client.charge(actors[-1], 1)
    eventually(lambda: len(client.audit(actors[0]).items) == 101, "audited")


@pytest.mark.parametrize(("path", "wrong_role"), ROUTES)
def test_a_route_needs_its_scope(laptop: Laptop, path: str, wrong_role: str) -> None:
    url = f"{laptop.base_url}{path}"
    assert httpx.post(url, json={}).status_code == 401
    headers = {"Authorization": f"Bearer {laptop.token(wrong_role)}"}
    assert httpx.post(url, json={}, headers=headers).status_code == 403
