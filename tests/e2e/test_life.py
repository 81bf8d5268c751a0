"""The life of an actor on the deployed stack, and who may do what."""

from decimal import Decimal

import httpx
import pytest

from millicent import Millicent
from millicent.errors import FundingConflict, InsufficientCredits
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

ROUTES = (
    ("POST", "/v1/check", "charge"),
    ("POST", "/v1/cost", "read"),
    ("POST", "/v1/funding", "charge"),
    ("GET", "/v1/accounts/user:anyone", "charge"),
    ("GET", "/v1/accounts/user:anyone/entries", "fund"),
    ("GET", "/v1/accounts/user:anyone/audit", "charge"),
    ("GET", "/v1/operations/any?actor=user:anyone", "fund"),
)


def test_an_actor_is_funded_charged_refused_and_audited(client: Millicent) -> None:
    actor = "user:life"
    assert not client.check(actor).allowed
    client.update_funding(actor, 0, 1000)
    assert client.check(actor).allowed

    charged = client.charge(actor, "42.5", meter="llm", key="life-1")
    assert (charged.balance.available, charged.replayed) == (Decimal("957.5"), False)
    again = client.charge(actor, "42.5", meter="llm", key="life-1")
    assert (again.entry, again.replayed) == (charged.entry, True)
    with pytest.raises(InsufficientCredits):
        client.charge(actor, 2000, key="life-2")
    with pytest.raises(FundingConflict):
        client.update_funding(actor, 0, 500)

    account = client.account(actor)
    assert (account.available, account.funded, account.spent) == (Decimal("957.5"), Decimal(1000), Decimal("42.5"))
    entries = list(client.entries(actor, page_size=2))
    assert [(entry.seq, entry.outcome) for entry in entries] == [
        (4, "refused"),
        (3, "refused"),
        (2, "applied"),
        (1, "applied"),
    ]
    assert client.operation("life-2", actor).entry.outcome == "refused"

    trail = eventually(lambda: found if len((found := client.audit(actor)).items) == len(entries) else None, "audited")
    assert trail.verified
    assert list(trail.items) == entries


def test_health_needs_no_token(laptop: Laptop) -> None:
    assert httpx.get(f"{laptop.base_url}/v1/health", timeout=60).status_code == 200


@pytest.mark.parametrize(("method", "path", "_"), ROUTES)
def test_a_route_without_a_token_is_unauthorized(laptop: Laptop, method: str, path: str, _: str) -> None:
    assert httpx.request(method, f"{laptop.base_url}{path}", timeout=60).status_code == 401


@pytest.mark.parametrize(("method", "path", "_"), ROUTES)
def test_a_route_with_a_forged_token_is_unauthorized(laptop: Laptop, method: str, path: str, _: str) -> None:
    head, claims, signature = laptop.token("admin").split(".")
    forged = ".".join((head, claims, signature[::-1]))
    assert _call(laptop, method, path, forged).status_code == 401


@pytest.mark.parametrize(("method", "path", "wrong_role"), ROUTES)
def test_a_route_with_the_wrong_scope_is_forbidden(laptop: Laptop, method: str, path: str, wrong_role: str) -> None:
    assert _call(laptop, method, path, laptop.token(wrong_role)).status_code == 403


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "status"),
    [
        ("read", "POST", "/v1/check", {"actor": "user:roles"}, 200),
        ("fund", "POST", "/v1/funding", {"actor": "user:roles", "amount": 10}, 201),
        ("charge", "POST", "/v1/cost", {"actor": "user:roles", "cost": 1, "if_insufficient": "overdraw"}, 201),
    ],
)
def test_a_role_may_do_its_own(
    laptop: Laptop, role: str, method: str, path: str, body: dict[str, object], status: int
) -> None:
    answer = httpx.request(
        method,
        f"{laptop.base_url}{path}",
        json=body,
        headers={"Authorization": f"Bearer {laptop.token(role)}", "Idempotency-Key": f"roles-{role}"},
        timeout=60,
    )
    assert answer.status_code == status, answer.text


def _call(laptop: Laptop, method: str, path: str, token: str) -> httpx.Response:
    return httpx.request(method, f"{laptop.base_url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60)
