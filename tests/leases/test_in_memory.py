"""Budgets on the service itself, as `millicent.testing` has it."""

import importlib.util
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from millicent import AccountFrozen, InsufficientCredits, LimitExceeded, SpendingLimit
from millicent.amounts import microcents
from millicent.cli import main
from millicent.cli.invocation import Invocation
from millicent.errors import NotSettled
from millicent.leases import content
from millicent.leases.calls import Line, charge
from millicent.replay import Terms, Usage, replay
from millicent.replay.leased import spend_leased
from millicent.testing import InMemoryMillicent

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "test_gateway.py"
ALICE = "user:alice"


@pytest.fixture
def millicent(service: None, socket_disabled: None) -> Iterator[InMemoryMillicent]:
    with InMemoryMillicent() as made:
        yield made


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("test_gateway", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [name for name in dir(example()) if name.startswith("test_")])
def test_the_worked_example_runs_as_it_is(millicent: InMemoryMillicent, name: str) -> None:
    getattr(example(), name)(millicent)


def test_the_page_shows_the_worked_example_as_it_is() -> None:
    text = EXAMPLE.read_text()
    gateway = text[text.index("class Gateway") : text.index("\n\n\ndef test_")]
    assert gateway in (ROOT / "docs" / "leases.md").read_text()


def test_a_spend_is_a_capture_of_the_hold_with_its_own_app_meter_and_metadata(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    with millicent.budget(ALICE, 500, meter="llm") as budget:
        budget.spend("1.375", app="chat", metadata={"model": "gpt-4o"}, key="order-1")
    entry = millicent.operation("order-1", ALICE).entry
    assert (entry.kind, entry.amount, entry.app, entry.meter) == ("capture", Decimal("-1.375"), "chat", "llm")
    assert entry.metadata == {"model": "gpt-4o"}
    assert millicent.account(ALICE).held == 0


def test_a_sum_says_how_many_spends_are_in_it(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    with millicent.budget(ALICE, 500, record="sum", meter="llm", flush_every_s=100) as budget:
        for _ in range(7):
            budget.spend("0.5")
    (capture,) = millicent.entries(ALICE, kind="capture")
    assert (capture.amount, capture.metadata) == (Decimal("-3.5"), {"count": 7})


def test_usage_is_priced_by_the_service_and_what_it_cost_less_returns(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 1000}
    with millicent.budget(ALICE, 900) as budget:
        budget.spend(500, usage=usage, occurred_at=millicent.clock.now, key="k")
        assert budget.remaining == 400
    entry = millicent.operation("k", ALICE).entry
    assert entry.amount == -250
    assert entry.model == "gpt-4o"
    assert entry.occurred_at is not None
    assert millicent.account(ALICE).available == 750


def test_a_hold_that_ended_while_the_process_slept_is_settled_late_and_seen(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    with millicent.budget(ALICE, 1000, ttl_s=600, flush_every_s=100) as budget:
        budget.spend(900, metadata={"model": "a"})
        millicent.clock.advance(hours=1)
        millicent.charge(ALICE, 1000, if_insufficient="overdraw")
    assert budget.stats.late == 1
    assert budget.stats.late_amount == 900
    late = next(entry for entry in millicent.entries(ALICE) if entry.key.endswith(".late"))
    assert (late.kind, late.metadata) == ("charge", {"model": "a", "lease": "h2"})
    assert millicent.account(ALICE).available == -900


def test_refusals_have_the_figures_of_the_service(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    with millicent.budget(ALICE, 600) as budget:
        budget.spend(500)
        with pytest.raises(InsufficientCredits) as refused:
            budget.spend("500.001")
        budget.spend(500)
    error = refused.value
    assert [error.required, error.largest_affordable, error.shortfall] == [Decimal("500.001"), 500, Decimal("0.001")]
    assert millicent.account(ALICE).available == 0


def test_a_limit_of_the_account_is_the_limit_of_its_budgets(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    millicent.set_limits(ALICE, [SpendingLimit(amount=300, window="day", meter="llm")])
    with millicent.budget(ALICE, 200, meter="llm") as budget:
        budget.spend(150)
        budget.spend(150)
        with pytest.raises(LimitExceeded) as refused:
            budget.spend(1)
    assert refused.value.limit is not None
    assert refused.value.limit.window == "day"
    assert millicent.account(ALICE).spent == 300


def test_a_frozen_account_gives_no_slice_and_what_was_held_is_still_settled(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    with millicent.budget(ALICE, 100) as budget:
        budget.spend(60)
        millicent.freeze(ALICE)
        budget.spend(30)
        with pytest.raises(AccountFrozen):
            budget.spend(50)
    assert millicent.account(ALICE).spent == 90


def test_a_member_and_its_parent_pay_for_what_was_leased(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    millicent.fund("team:a", 400)
    millicent.join(ALICE, "team:a")
    with millicent.budget(ALICE, 300) as budget:
        budget.spend(350)
        with pytest.raises(InsufficientCredits) as refused:
            budget.spend(51)
        budget.spend(50)
    assert refused.value.largest_affordable == 50
    assert millicent.account("team:a").available == 0
    assert millicent.account(ALICE).spent == 400


def told_of(millicent: InMemoryMillicent, usage: dict[str, Any], **settings: Any) -> list[int]:
    """The statuses of the answers to three spends, of which the second has this usage."""
    told = []
    budget = millicent.budget(ALICE, 900, flush_every_s=100, **settings)
    budget.listen(lambda _, result: told.append(result.status))
    budget.spend(1, key="a")
    budget.spend(500, key="b" * 128, usage=usage)
    budget.spend(1, key="c")
    with suppress(NotSettled):
        budget.close()
    return sorted(told)


def reported(padding: object) -> dict[str, Any]:
    raw = {"prompt_tokens": 1000, "completion_tokens": 1, "total_tokens": 1001, "padding": padding}
    return {"provider": "openai", "model": "gpt-4o", "raw": raw}


def nested(levels: int) -> object:
    return {"n": nested(levels - 1)} if levels else ""


def test_a_line_that_the_service_refuses_with_its_whole_batch_is_the_only_one(
    millicent: InMemoryMillicent, monkeypatch: pytest.MonkeyPatch
) -> None:
    millicent.fund(ALICE, 1000)
    monkeypatch.setattr(content, "_LONGEST_LINE_BYTES", 10**6)
    assert told_of(millicent, reported("x" * 256 * 1024)) in ([200, 201, 413], [201, 201, 413])
    assert millicent.account(ALICE).held == 0


@pytest.mark.parametrize("hours", [0, 1])
def test_the_largest_and_deepest_line_that_can_be_spent_is_recorded_in_time_or_late(
    millicent: InMemoryMillicent, hours: int
) -> None:
    millicent.fund(ALICE, 1000)
    key, padding = "b" * 128, ["", nested(26)]
    usage = reported(padding)
    line = Line(key, 0, content={"usage": usage})
    padding[0] = "x" * (content._LONGEST_LINE_BYTES - len(msgspec.json.encode(charge(ALICE, line, {}).wire)))
    budget = millicent.budget(ALICE, 900, flush_every_s=100, ttl_s=600)
    for too_much in (["x", *padding], ["x", nested(27)]):
        with pytest.raises(ValueError, match=r"a spend has at most|levels of nesting"):
            budget.spend(500, key=key, usage=reported(too_much))
    budget.spend(500, key=key, usage=usage)
    millicent.clock.advance(hours=hours)
    assert budget.close().settled == 1


def row(number: int, actor: str = ALICE) -> Usage:
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 100 + number, "output_tokens": 44}
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return Usage(key=f"row-{actor}-{number}", actor=actor, usage=usage, row=number, occurred_at=at)


def test_a_leased_replay_charges_what_a_plain_one_does_and_each_row_once(millicent: InMemoryMillicent) -> None:
    millicent.clock.set("2026-11-21T00:00:00Z")
    for actor in (ALICE, "user:bob"):
        millicent.fund(actor, 100_000)
    rows = [row(number, actor) for number in range(60) for actor in (ALICE, "user:bob")]
    plain = replay(millicent, rows[:1], terms=Terms())
    leased = replay(millicent, rows, terms=Terms(lease=5000))
    assert (plain.charged, leased.charged, leased.replayed, leased.failed) == (1, 119, 1, 0)
    again = replay(millicent, rows, terms=Terms(lease=7000))
    assert (again.charged, again.replayed) == (0, 120)
    assert again.replayed_microcents == leased.charged_microcents + plain.charged_microcents
    spent = sum(microcents(millicent.account(actor).spent) for actor in (ALICE, "user:bob"))
    assert spent == again.replayed_microcents
    assert millicent.account(ALICE).held == 0


def test_a_leased_replay_refuses_what_does_not_fit(millicent: InMemoryMillicent) -> None:
    millicent.clock.set("2026-11-21T00:00:00Z")
    millicent.fund(ALICE, 200)
    summary = replay(millicent, [row(number) for number in range(5)], terms=Terms(lease=150))
    assert summary.charged + summary.refused == 5
    assert 0 < summary.charged < 5
    assert millicent.account(ALICE).available == 200 - Decimal(summary.charged_microcents) / 1000


def test_a_row_that_cannot_be_spent_stops_no_other(millicent: InMemoryMillicent) -> None:
    millicent.fund(ALICE, 1000)
    rows = [("a", Decimal(1), {}), ("b", Decimal(1), {"usage": reported("x" * 256 * 1024)}), ("c", Decimal(1), {})]
    told = dict(spend_leased(millicent, ALICE, Decimal(900), rows))
    assert "bytes as JSON" in str(told.pop("b"))
    assert [getattr(answer, "status", None) for answer in told.values()] == [201, 201]


def test_the_command_leases(millicent: InMemoryMillicent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def client(_: Invocation, **__: Any) -> InMemoryMillicent:
        return millicent

    millicent.fund(ALICE, 10_000)
    monkeypatch.setattr(Invocation, "client", client)
    file = tmp_path / "usage.csv"
    file.write_text("user,model,input_tokens,output_tokens\nuser:alice,gpt-4o,374,44\nuser:alice,gpt-4o,396,109\n")
    done = CliRunner().invoke(main, ["replay", str(file), "--lease", "5000", "--json"])
    assert done.exit_code == 0, done.output
    assert '"charged":2' in done.stdout
    for others in (["--batch", "5"], ["--holds"], ["--if-insufficient", "partial"]):
        assert CliRunner().invoke(main, ["replay", str(file), "--lease", "5000", *others]).exit_code == 2
