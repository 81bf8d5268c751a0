"""The client against the functions themselves: each understands what the other writes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from millicent import (
    Clock,
    FundingConflict,
    InsufficientCredits,
    KeyReused,
    Millicent,
    NotFound,
    ValidationFailed,
    WouldOverdraw,
)
from millicent.replay import Usage, replay
from tests.integration.world import World


@pytest.fixture
def client(world: World) -> Iterator[Millicent]:
    def handle(request: httpx.Request) -> httpx.Response:
        answer = world.call(
            request.method,
            request.url.raw_path.decode().partition("?")[0],
            text=request.content.decode() or None,
            key=request.headers.get("Idempotency-Key"),
            query=dict(request.url.params) or None,
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), text=answer.text)

    def never_wait(_: float) -> None:
        pytest.fail("the service gave no certain answer")

    transport, clock = httpx.MockTransport(handle), Clock(sleep=never_wait)
    with Millicent("http://127.0.0.1:9", "token", transport=transport, clock=clock) as client:
        yield client


def test_the_client_reads_every_answer_of_the_service(client: Millicent, world: World) -> None:
    assert client.health().status == "ok"
    assert not client.check("user:alice").allowed
    funded = client.update_funding("user:alice", 0, "1000.125", reason="first")
    assert (funded.entry.kind, funded.balance.available) == ("funding_update", Decimal("1000.125"))
    granted = client.grant("user:alice", 5, category="promotional", priority=1, reason="welcome")
    assert granted.grant is not None
    assert (granted.grant.category, granted.grant.remaining) == ("promotional", Decimal(5))
    charged = client.charge("user:alice", "137.5", meter="llm", app="chat", metadata={"model": "gpt-4o"}, key="key-1")
    assert (charged.entry.amount, charged.replayed) == (Decimal("-137.5"), False)
    assert sum(draw.amount for draw in charged.entry.drawn) == Decimal("137.5")
    assert client.charge(
        "user:alice", "137.5", meter="llm", app="chat", metadata={"model": "gpt-4o"}, key="key-1"
    ) == type(charged)(entry=charged.entry, balance=charged.balance, replayed=True)
    account = client.account("user:alice")
    assert (account.available, account.spent, account.seq) == (Decimal("867.625"), Decimal("137.5"), 3)
    assert client.operation("key-1", "user:alice").entry == charged.entry
    world.settle()
    trail = client.audit("user:alice")
    assert trail.verified
    assert trail.items == tuple(client.entries("user:alice"))


def test_the_client_knows_every_refusal_of_the_service(client: Millicent) -> None:
    client.update_funding("user:alice", 0, 50)
    with pytest.raises(InsufficientCredits) as short:
        client.charge("user:alice", 60, key="key-1")
    assert (short.value.required, short.value.shortfall) == (Decimal(60), Decimal(10))
    with pytest.raises(InsufficientCredits) as again:
        client.charge("user:alice", 60, key="key-1")
    assert (short.value.replayed, again.value.replayed) == (False, True)
    refused = client.operation("key-1", "user:alice")
    assert refused.problem is not None
    assert (refused.status, refused.problem.shortfall) == (402, Decimal(10))
    with pytest.raises(FundingConflict) as conflict:
        client.update_funding("user:alice", 1, 2)
    assert conflict.value.funded == Decimal(50)
    client.charge("user:alice", 40)
    with pytest.raises(WouldOverdraw):
        client.update_funding("user:alice", 50, 10)
    with pytest.raises(KeyReused):
        client.charge("user:alice", 61, key="key-1")
    with pytest.raises(ValidationFailed) as invalid:
        client.charge("user:alice", "-1")
    assert [error.path for error in invalid.value.errors] == ["$.cost"]
    with pytest.raises(NotFound):
        client.account("user:nobody")


def test_a_partial_charge_tells_its_shortfall(client: Millicent) -> None:
    client.grant("user:alice", 4)
    receipt = client.charge("user:alice", 10, if_insufficient="partial")
    assert (receipt.entry.amount, receipt.shortfall) == (Decimal(-4), Decimal(6))


def test_entries_of_many_pages_come_in_order_and_filtered(client: Millicent) -> None:
    client.grant("user:alice", 100)
    for _ in range(4):
        client.charge("user:alice", 1)
    assert [entry.seq for entry in client.entries("user:alice", page_size=2)] == [5, 4, 3, 2, 1]
    future = datetime(2999, 1, 1, tzinfo=UTC)
    assert list(client.entries("user:alice", kind="charge", since=future)) == []
    assert len(list(client.entries("user:alice", kind="charge", until=future, page_size=3))) == 4


def test_replayed_usage_is_on_the_record_once(client: Millicent) -> None:
    client.grant("user:alice", 1000)
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    rows = [Usage(f"run-{n}", "user:alice", "gpt-4o", 374, 44, at) for n in range(3)]
    first, second = replay(client, rows, concurrency=1), replay(client, rows, concurrency=1)
    assert (first.charged, first.charged_microcents) == (3, 3 * 137_500)
    assert (second.charged, second.replayed) == (0, 3)
    assert client.account("user:alice").spent == Decimal("412.5")
