"""The client against the functions themselves: each understands what the other writes."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from millicent import (
    BatchCharge,
    Clock,
    ExceedsCharge,
    ExceedsHold,
    FundingConflict,
    HoldEnded,
    InsufficientCredits,
    KeyReused,
    Millicent,
    NotFound,
    OutcomeUnknown,
    RateVersionConflict,
    ReferenceNotFound,
    RetryPolicy,
    Unpriced,
    ValidationFailed,
    WouldOverdraw,
)
from millicent.cli import main
from millicent.cli.invocation import Invocation
from millicent.replay import HoldTerms, Terms, Usage, replay
from tests.integration.world import SERVICE, World


def transport_to(world: World, claims: Mapping[str, Any] = SERVICE) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        answer = world.call(
            request.method,
            request.url.raw_path.decode().partition("?")[0],
            text=request.content.decode() or None,
            key=request.headers.get("Idempotency-Key"),
            query=dict(request.url.params) or None,
            claims=claims,
            accept=request.headers.get("Accept"),
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), text=answer.text)

    return httpx.MockTransport(handle)


def never_wait(_: float) -> None:
    pytest.fail("the service gave no certain answer")


@pytest.fixture
def client(world: World) -> Iterator[Millicent]:
    clock = Clock(sleep=never_wait)
    with Millicent("http://127.0.0.1:9", "token", transport=transport_to(world), clock=clock) as client:
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
    rows = [Usage(key=f"run-{n}", actor="user:alice", usage=GPT_4O, occurred_at=AT, row=n) for n in range(3)]
    first, second = replay(client, rows, concurrency=1), replay(client, rows, concurrency=1)
    assert (first.charged, first.charged_microcents) == (3, 3 * 137_500)
    assert (second.charged, second.replayed) == (0, 3)
    assert client.account("user:alice").spent == Decimal("412.5")


def test_a_hold_is_placed_extended_and_captured(client: Millicent) -> None:
    client.grant("user:alice", 100)
    placed = client.hold("user:alice", 40, ttl_s=60, meter="llm")
    assert placed.hold is not None
    assert (placed.hold.amount, placed.hold.status, placed.balance.held) == (Decimal(40), "open", Decimal(40))
    assert client.account("user:alice").holds == (placed.hold,)
    extended = client.extend("user:alice", placed.hold.id, 600)
    assert extended.hold is not None
    assert extended.hold.expires_at > placed.hold.expires_at
    captured = client.capture("user:alice", placed.hold.id, "12.5", key="capture")
    assert (captured.entry.amount, captured.balance.available) == (Decimal("-12.5"), Decimal("87.5"))
    with pytest.raises(HoldEnded) as ended:
        client.release("user:alice", placed.hold.id)
    assert ended.value.code == "hold_captured"
    assert client.refund("user:alice", "capture", 2).entry.amount == Decimal(2)
    with pytest.raises(ExceedsCharge):
        client.refund("user:alice", "capture", 11)
    with pytest.raises(ReferenceNotFound):
        client.refund("user:alice", "never")


def test_a_hold_above_its_account_tells_the_most_that_could_be_held(client: Millicent) -> None:
    client.grant("user:alice", 30)
    with pytest.raises(InsufficientCredits) as short:
        client.hold("user:alice", 40)
    assert short.value.largest_affordable == Decimal(30)
    receipt = client.hold("user:alice", 40, minimum_amount=10)
    assert (receipt.entry.amount, receipt.shortfall) == (Decimal(-30), Decimal(10))


def test_a_grant_is_voided(client: Millicent) -> None:
    granted = client.grant("user:alice", 30).grant
    assert granted is not None
    assert client.void_grant("user:alice", granted.id, reason="mistake").balance.funded == 0
    with pytest.raises(ReferenceNotFound):
        client.void_grant("user:alice", granted.id)


def test_what_a_block_captures_is_charged_and_the_rest_returned(client: Millicent) -> None:
    client.grant("user:alice", 100)
    with client.holding("user:alice", 40) as held:
        assert client.account("user:alice").held == Decimal(40)
        held.capture(15)
    account = client.account("user:alice")
    assert (account.available, account.held, account.spent) == (Decimal(85), Decimal(0), Decimal(15))


def test_a_block_that_fails_or_captures_nothing_costs_nothing(client: Millicent) -> None:
    client.grant("user:alice", 100)
    with pytest.raises(ZeroDivisionError), client.holding("user:alice", 40):
        raise ZeroDivisionError
    with client.holding("user:alice", 40):
        pass
    with pytest.raises(ExceedsHold), client.holding("user:alice", 40) as held:
        held.capture(41)
    account = client.account("user:alice")
    assert (account.available, account.held, account.spent) == (Decimal(100), Decimal(0), Decimal(0))


def test_a_hold_that_is_over_before_its_block_does_not_fail_the_block(client: Millicent) -> None:
    client.grant("user:alice", 100)
    with client.holding("user:alice", 40) as held:
        client.release("user:alice", held.hold.id)


def test_the_same_block_again_with_its_key_is_applied_once(client: Millicent) -> None:
    client.grant("user:alice", 100)
    for _ in range(2):
        with client.holding("user:alice", 40, key="work-1") as held:
            held.capture(15)
    assert client.account("user:alice").spent == Decimal(15)


def test_a_block_captures_parts_and_its_end_returns_the_rest_once(client: Millicent) -> None:
    client.grant("user:alice", 100)
    for _ in range(2):
        with client.holding("user:alice", 40, key="work-2") as held:
            assert held.hold.remaining == Decimal(40)
            parts = [held.capture(10, final=False), held.capture(10, final=False)]
            assert [part.hold and part.hold.remaining for part in parts] == [Decimal(30), Decimal(20)]
    account = client.account("user:alice")
    assert (account.available, account.held, account.spent) == (Decimal(80), Decimal(0), Decimal(20))


def test_a_batch_answers_for_each_charge(client: Millicent) -> None:
    client.grant("user:alice", 100)
    charges = [
        BatchCharge(actor="user:alice", cost=10, key="a", meter="llm"),
        BatchCharge(actor="user:alice", cost=1000, key="b"),
        BatchCharge(actor="user:alice", cost="-1", key="c"),
        BatchCharge(actor="user:alice", cost=1000, key="d", if_insufficient="partial"),
    ]
    applied, refused, wrong, partial = client.charge_batch(charges)
    assert applied.entry is not None
    assert (applied.key, applied.entry.amount, applied.replayed) == ("a", Decimal(-10), False)
    assert refused.problem is not None
    assert (refused.status, refused.problem.largest_affordable) == (402, Decimal(90))
    assert wrong.problem is not None
    assert [error.path for error in wrong.problem.errors] == ["$.charges[2].cost"]
    assert partial.shortfall == Decimal(910)
    assert [result.replayed for result in client.charge_batch(charges)] == [True, True, False, True]


def test_more_charges_than_a_call_takes_go_in_several(client: Millicent) -> None:
    client.grant("user:alice", 100)
    charges = [
        BatchCharge(actor="user:alice", cost="0.001", key=f"c{n}", metadata={"x": "y" * 1000}) for n in range(300)
    ]
    assert [result.status for result in client.charge_batch(charges)] == [201] * 300


@pytest.fixture
def flaky(world: World) -> Iterator[Callable[[list[Any]], Millicent]]:
    """Makes a client whose batches are first answered by what is in the list."""
    made: list[Millicent] = []

    def make(instead: list[Any]) -> Millicent:
        inner = transport_to(world)

        def handle(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v1/cost/batch" and instead:
                answer = instead.pop(0)
                return answer(inner.handle_request(request), request)  # type: ignore[no-any-return]
            return inner.handle_request(request)

        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds

        clock = Clock(now_s=lambda: now[0], sleep=sleep, uniform=lambda _, longest: longest)
        transport, policy = httpx.MockTransport(handle), RetryPolicy(deadline_s=5)
        made.append(Millicent("http://127.0.0.1:9", "token", transport=transport, clock=clock, retry=policy))
        return made[-1]

    yield make
    for client in made:
        client.close()


def no_time_for_the_last(answer: httpx.Response, _: httpx.Request) -> httpx.Response:
    results = json.loads(answer.content)["results"]
    late = {"key": results[-1]["key"], "status": 503, "problem": {"status": 503, "code": "ledger_unavailable"}}
    return httpx.Response(200, json={"results": [*results[:-1], late]})


def lost(_: httpx.Response, request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("connection reset", request=request)


def test_what_a_batch_had_no_time_for_is_sent_again(flaky: Callable[[list[Any]], Millicent]) -> None:
    client = flaky([no_time_for_the_last])
    client.grant("user:alice", 100)
    results = client.charge_batch([BatchCharge(actor="user:alice", cost=1, key=key) for key in ("a", "b")])
    assert [(each.key, each.status) for each in results] == [("a", 201), ("b", 200)]
    assert client.account("user:alice").spent == Decimal(2)


def test_a_batch_whose_answer_is_lost_is_sent_again_and_else_unknown(flaky: Callable[[list[Any]], Millicent]) -> None:
    client = flaky([lost])
    client.grant("user:alice", 100)
    charges = [BatchCharge(actor="user:alice", cost=1, key=key) for key in ("a", "b")]
    assert [each.status for each in client.charge_batch(charges)] == [200, 200]
    with pytest.raises(OutcomeUnknown):
        flaky([lost] * 100).charge_batch(charges)
    assert client.account("user:alice").spent == Decimal(2)


AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def usage(rows: int) -> list[Usage]:
    return [Usage(key=f"run-{n}", actor=f"user:{n % 2}", usage=GPT_4O, occurred_at=AT, row=n) for n in range(rows)]


@pytest.mark.parametrize("terms", [Terms(batch=2), Terms(holds=HoldTerms())], ids=["batch", "holds"])
def test_usage_that_is_replayed_otherwise_costs_the_same_and_once(client: Millicent, terms: Terms) -> None:
    client.grant("user:0", 10_000)
    client.grant("user:1", 200)
    first = replay(client, usage(6), concurrency=1, terms=terms)
    second = replay(client, usage(6), concurrency=1, terms=terms)
    assert (first.charged, first.refused, first.charged_microcents) == (4, 2, 4 * 137_500)
    assert (second.charged, second.refused, second.replayed) == (0, 0, 6)
    assert client.account("user:0").spent == Decimal("412.5")
    assert client.account("user:1").held == 0
    assert (first.holds, first.captures) == ((4, 4) if terms.holds else (0, 0))
    assert (second.holds, second.captures) == (0, 0)


def test_a_hold_is_for_the_most_that_a_row_may_cost(client: Millicent) -> None:
    client.grant("user:0", 10_000)
    replay(client, usage(1), concurrency=1, terms=Terms(holds=HoldTerms(max_output_tokens=100)))
    # $2.50 and $10 a million: 93.5 millicents for the input, 1 for each token of output.
    assert [entry.amount for entry in client.entries("user:0", kind="hold")] == [Decimal("-193.5")]


def test_work_beyond_its_hold_is_charged_all_the_same(client: Millicent) -> None:
    client.grant("user:0", 10_000)
    summary = replay(client, usage(1), concurrency=1, terms=Terms(holds=HoldTerms(max_output_tokens=1)))
    assert summary.charged_microcents == 137_500


@pytest.fixture
def run(world: World) -> Callable[..., Any]:
    def invoke(*arguments: str) -> Any:
        invocation = Invocation(transport=transport_to(world), clock=Clock(sleep=never_wait))
        result = CliRunner().invoke(main, ["--url", "http://127.0.0.1:9", "--token", "t", *arguments], obj=invocation)
        return result.exit_code, result.stdout

    return invoke


def test_the_command_line_holds_captures_releases_refunds_and_voids(run: Callable[..., Any]) -> None:
    assert run("fund", "user:alice", "--amount", "100")[0] == 0
    code, shown = run("hold", "user:alice", "40", "--ttl", "60", "--meter", "llm")
    assert (code, "h2" in shown, "open" in shown) == (0, True, True)
    assert "h2" in run("account", "user:alice")[1]
    assert run("extend", "user:alice", "h2", "--ttl", "600")[0] == 0
    assert run("capture", "user:alice", "h2", "--amount", "41")[0] == 1
    code, shown = run("capture", "user:alice", "h2", "--amount", "15", "--key", "capture", "--json")
    assert (code, json.loads(shown.splitlines()[-1])["hold"]["status"]) == (0, "captured")
    assert run("release", "user:alice", "h2")[0] == 1
    assert run("release", "user:alice", "h9")[0] == 5
    assert run("refund", "user:alice", "capture", "--amount", "5")[0] == 0
    assert run("refund", "user:alice", "capture", "--amount", "11")[0] == 1
    code, shown = run("void", "user:alice", "g1", "--json")
    assert (code, json.loads(shown.splitlines()[-1])["balance"]["available"]) == (0, 0)


def test_the_command_line_replays_in_batches_or_with_holds_but_not_both(run: Callable[..., Any], tmp_path: Any) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("actor,model,input_tokens,output_tokens\nuser:0,gpt-4o,374,44\n")
    run("fund", "user:0", "--amount", "10000")
    for options, holds in ((("--batch", "5"), 0), (("--holds", "--hold-factor", "3"), 1)):
        code, shown = run("replay", str(file), "--run-id", options[0], *options)
        summary = json.loads(shown.splitlines()[-1])
        assert (code, summary["charged"], summary["holds"], summary["captures"]) == (0, 1, holds, holds)
    assert run("replay", str(file), "--batch", "5", "--holds")[0] == 2


# --- prices ------------------------------------------------------------------------------------------------------

GPT_4O = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
SPEECH = {"meter": "speech", "model": "narrator-2", "prices": {"seconds": {"price": "0.5", "minimum_units": "10"}}}


@pytest.fixture
def admin(world: World) -> Iterator[Millicent]:
    transport = transport_to(world, {"sub": "ops", "client_id": "ops", "scope": "credits/admin"})
    with Millicent("http://127.0.0.1:9", "token", transport=transport, clock=Clock(sleep=never_wait)) as client:
        yield client


def test_the_client_charges_holds_and_captures_usage(client: Millicent) -> None:
    client.grant("user:alice", 10_000)
    charged = client.charge("user:alice", usage=GPT_4O)
    assert (charged.entry.amount, charged.entry.usage) == (Decimal("-137.5"), GPT_4O)
    assert (charged.entry.rate_card or "").startswith("genai-prices@")
    estimate = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "max_output_tokens": 1000}
    with client.holding("user:alice", usage=estimate) as held:
        assert held.hold.amount == Decimal("1093.5")
        held.capture(usage=GPT_4O)
    (batched,) = client.charge_batch([BatchCharge(actor="user:alice", usage=GPT_4O)])
    assert batched.entry is not None
    assert client.account("user:alice").spent == 3 * Decimal("137.5")


def test_the_client_is_told_what_has_no_price(client: Millicent) -> None:
    with pytest.raises(Unpriced) as unpriced:
        client.charge("user:alice", usage={**GPT_4O, "model": "gpt-9000x"})
    assert (unpriced.value.meter, unpriced.value.model) == ("llm", "gpt-9000x")
    assert [each.path for each in unpriced.value.errors] == ["$.usage.model"]


def test_the_client_makes_lists_and_quotes_rate_cards(client: Millicent, admin: Millicent) -> None:
    first = admin.put_rate(SPEECH)
    assert admin.put_rate(SPEECH) == first
    second = admin.put_rate({**SPEECH, "request_price": "1", "version": 2})
    assert (first.card, second.card) == ("speech/narrator-2@1", "speech/narrator-2@2")
    with pytest.raises(RateVersionConflict) as conflict:
        admin.put_rate({**SPEECH, "version": 2})
    assert conflict.value.newest == 2
    assert list(client.rates(page_size=1)) == [first, second]
    assert client.rate_in_effect("speech", "narrator-2") == structs.replace(second, matched_model="narrator-2")
    assert client.rate_in_effect("speech", "narrator-9") is None
    quoted = client.quote({"meter": "speech", "model": "narrator-2", "seconds": "2.5"})
    assert (quoted.amount, [item.item for item in quoted.items]) == (Decimal(6), ["request", "seconds"])
    assert (quoted.hold, quoted.carry_before) == (Decimal(6), None)
    for_alice = client.quote({"meter": "speech", "model": "narrator-2", "seconds": "2.5"}, actor="user:alice")
    assert (for_alice.amount, for_alice.carry_before, for_alice.carry_after) == (Decimal(6), "0", "0")


def test_the_client_sets_and_lists_adjustments_and_rates_of_currencies(client: Millicent, admin: Millicent) -> None:
    first = admin.put_adjustment({"name": "markup", "model": "gpt-4o", "multiplier": "1.2", "request_price": "3"})
    assert (
        admin.put_adjustment({"name": "markup", "model": "gpt-4o", "multiplier": "1.20", "request_price": 3}) == first
    )
    second = admin.put_adjustment({"name": "markup", "model": "gpt-4o", "multiplier": "2"})
    assert (first.adjustment, second.adjustment) == ("markup@1", "markup@2")
    assert list(client.adjustments(page_size=1)) == [first, second]
    with pytest.raises(RateVersionConflict):
        admin.put_adjustment({"name": "markup", "version": 4})
    quoted = client.quote({"meter": "llm", "model": "gpt-4o", "input_tokens": 1000})
    assert (quoted.amount, quoted.adjustment) == (Decimal(500), "markup@2")
    assert [(item.item, item.amount) for item in quoted.items] == [("input_tokens", "250"), ("adjustment", "250")]
    charged = client.charge(
        "user:alice", usage={"meter": "llm", "model": "gpt-4o", "input_tokens": 10}, if_insufficient="overdraw"
    )
    assert (charged.entry.amount, charged.entry.adjustment) == (Decimal(-5), "markup@2")
    euro = admin.put_currency({"currency": "EUR", "rate": "1.0843"})
    assert list(client.currencies("EUR")) == [euro]


def told(done: Result) -> Any:
    """The document of --json; the functions, which run in this process, log before it."""
    return json.loads(done.stdout.splitlines()[-1])


def run_as_admin(world: World, *arguments: str, text: str | None = None) -> Result:
    claims = {"sub": "ops", "client_id": "ops", "scope": "credits/admin"}
    invocation = Invocation(transport=transport_to(world, claims), clock=Clock(sleep=never_wait))
    options = ["--url", "http://127.0.0.1:9", "--token", "token"]
    return CliRunner().invoke(main, [*options, *arguments], obj=invocation, input=text)


def test_the_command_line_sets_adjustments_and_rates_of_currencies(world: World) -> None:
    def run(*arguments: str) -> Result:
        return run_as_admin(world, *arguments)

    adjusted = run("rates", "adjust", "batch", "--service-tier", "flex", "--model", "gpt-*", "--multiplier", "0.5")
    assert ("batch@1" in adjusted.stdout, "gpt-*" in adjusted.stdout) == (True, True)
    assert told(run("rates", "adjustments", "--json"))["items"][0]["multiplier"] == "0.5"
    flex = run("quote", "llm", "--model", "gpt-4o", "input_tokens=1000", "service_tier=flex")
    assert ("125.000" in flex.stdout, "batch@1" in flex.stdout) == (True, True)
    assert "1.0843" in run("rates", "currency", "EUR", "1.0843").stdout
    assert "EUR@1" in run("rates", "currencies").stdout
    assert run("rates", "currency", "euro", "1").exit_code == 2


def test_the_command_line_puts_lists_and_quotes_prices(world: World, tmp_path: Path) -> None:
    def run(*arguments: str, text: str | None = None) -> Result:
        return run_as_admin(world, *arguments, text=text)

    tiers = {"price": "3", "tiers": [{"above": "1000", "price": "2"}], "part_of": []}
    file = tmp_path / "cards.json"
    file.write_text(json.dumps([SPEECH, {"meter": "calls", "prices": {"requests": tiers}, "minimum_charge": "5"}]))
    assert "speech/narrator-2@1" in run("rates", "put", str(file)).stdout
    again = told(run("rates", "put", "-", "--json", text=json.dumps(SPEECH)))
    assert [card["version"] for card in again["items"]] == [1]
    listed = run("rates", "list")
    assert "calls@1" in listed.stdout
    assert "seconds 0.5/1" in listed.stdout
    shown = run("rates", "list", "--meter", "calls").stdout
    assert "2 above 1000; graduated" in shown
    built_in = run("rates", "list", "--meter", "llm", "--model", "gpt-4o").stdout
    assert "In effect: genai-prices@" in built_in
    assert "part of input_tokens" in built_in
    document = told(run("rates", "list", "--meter", "calls", "--json"))
    assert document["in_effect"]["card"] == "calls@1"
    quoted = run("quote", "llm", "--model", "gpt-4o", "input_tokens=374", "output_tokens=44")
    assert (quoted.exit_code, "137.500" in quoted.stdout) == (0, True)
    assert "carry after" in run("quote", "calls", "requests=1", "--actor", "user:alice").stdout
    quote = told(run("quote", "calls", "requests=1500", "--json"))
    assert (quote["amount"], quote["card"]) == (4000, "calls@1")
    unpriced = run("quote", "llm", "--model", "gpt-9000x")
    assert (unpriced.exit_code, "$.usage.model" in unpriced.stderr) == (2, True)
    assert run("quote", "llm", "input_tokens").exit_code == 2
    assert run("rates", "put", "-", text="5").exit_code == 2


def test_the_command_line_charges_and_holds_usage(world: World) -> None:
    def run(*arguments: str) -> Result:
        invocation = Invocation(transport=transport_to(world), clock=Clock(sleep=never_wait))
        options = ["--url", "http://127.0.0.1:9", "--token", "token"]
        return CliRunner().invoke(main, [*options, *arguments], obj=invocation)

    run("fund", "user:alice", "--amount", "10000")
    usage = json.dumps(GPT_4O)
    charged = run("charge", "user:alice", "--usage", usage)
    assert (charged.exit_code, "genai-prices@" in charged.stdout) == (0, True)
    held = told(run("hold", "user:alice", "--usage", usage, "--json"))
    captured = told(run("capture", "user:alice", held["hold"]["id"], "--usage", usage, "--json"))
    assert (held["hold"]["amount"], captured["entry"]["amount"]) == (137.5, -137.5)
    assert run("charge", "user:alice").exit_code == 2
    assert run("charge", "user:alice", "5", "--usage", usage).exit_code == 2
    assert run("hold", "user:alice").exit_code == 2
