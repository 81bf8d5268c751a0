"""Prices on the deployed stack: the layer that has them, the roles that read them, and a version that takes a while."""

from decimal import Decimal

import httpx
import pytest

from millicent import BatchCharge, Millicent, Unpriced
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e

GPT_4O = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
ESTIMATE = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "max_output_tokens": 1000}
ROUTES = (
    ("GET", "/v1/rates", "charge"),
    ("PUT", "/v1/rates", "read"),
    ("PUT", "/v1/rates", "charge"),
    ("PUT", "/v1/rates", "fund"),
    ("POST", "/v1/rates/quote", "fund"),
)


def test_usage_of_a_model_is_charged_held_captured_and_batched_at_its_list_price(client: Millicent) -> None:
    actor = "user:prices"
    client.grant(actor, 10_000)
    assert client.quote(GPT_4O).amount == Decimal("137.5")
    charged = client.charge(actor, usage=GPT_4O)
    assert (charged.entry.amount, charged.entry.usage) == (Decimal("-137.5"), GPT_4O)
    with client.holding(actor, usage=ESTIMATE) as held:
        assert held.hold.amount == Decimal("1093.5")
        assert held.capture(usage=GPT_4O).entry.amount == Decimal("-137.5")
    (batched,) = client.charge_batch([BatchCharge(actor=actor, usage=GPT_4O)])
    assert batched.status == 201
    with pytest.raises(Unpriced):
        client.charge(actor, usage={**GPT_4O, "model": "gpt-of-nobody"})
    assert client.account(actor).spent == 3 * Decimal("137.5")
    trail = eventually(lambda: found if len((found := client.audit(actor)).items) == 5 else None, "audited")
    assert trail.verified


def test_a_new_price_holds_soon_and_then_for_good(client: Millicent) -> None:
    actor, usage = "user:new-price", {"meter": "e2e-calls", "requests": 5}
    client.grant(actor, 1_000)
    first = client.put_rate({"meter": "e2e-calls", "prices": {"requests": {"price": "2"}}})
    charged = eventually(lambda: _unless_unpriced(client, actor), "priced")
    assert charged == Decimal(-10)
    second = client.put_rate({"meter": "e2e-calls", "prices": {"requests": {"price": "3"}}})
    assert client.quote(usage).amount == 15
    eventually(lambda: client.charge(actor, usage=usage).entry.amount == -15, "priced anew")
    assert [card.card for card in client.rates("e2e-calls")] == [first.card, second.card]


def _unless_unpriced(client: Millicent, actor: str) -> Decimal | None:
    """A function that has asked before remembers for ten seconds that there was no card."""
    try:
        return client.charge(actor, usage={"meter": "e2e-calls", "requests": 5}).entry.amount
    except Unpriced:
        return None


@pytest.mark.parametrize(("method", "path", "role"), ROUTES)
def test_a_token_without_the_scope_is_turned_away_at_the_gateway(
    laptop: Laptop, method: str, path: str, role: str
) -> None:
    answer = httpx.request(
        method, f"{laptop.base_url}{path}", headers={"Authorization": f"Bearer {laptop.token(role)}"}, timeout=60
    )
    assert answer.status_code == 403
