"""Replays against the service itself: one engine prices, and the sums are those of its accounts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from local.demo import HOLDS, Demo, budgets, charge, demo, fund
from millicent import Millicent, Unpriced, ValidationFailed
from millicent.amounts import microcents
from millicent.replay import (
    HoldTerms,
    Reading,
    Summary,
    Terms,
    UnknownModel,
    Usage,
    quote_rows,
    read_usage,
    replay,
)
from millicent.testing import InMemoryMillicent

FIRST_DAY: Final = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
DAYS: Final = 30
ROWS_A_DAY: Final = 2
ACTORS: Final = ("user:carla", "user:dora", "user:emil")
MODELS: Final = ("gpt-4o", "gpt-4o-mini", "gpt-4.1-nano")
MICROCENTS_PER_TOKEN: Final = {
    "gpt-4o": (Decimal(250), Decimal(1000)),
    "gpt-4o-mini": (Decimal(15), Decimal(60)),
    "gpt-4.1-nano": (Decimal(10), Decimal(40)),
}
"""List prices, worked out by hand: $2.50 and $10, $0.15 and $0.60, $0.10 and $0.40 for a million tokens."""
HEADER: Final = "timestamp,user,model,input_tokens,output_tokens"
ENOUGH: Final = 10_000_000


def row(number: int, *, actor: str = "user:carla", model: str = "gpt-4o", **about: Any) -> Usage:
    usage = {"meter": "llm", "model": model, "input_tokens": 374, "output_tokens": 44}
    members: dict[str, Any] = {
        "key": f"row-{number}",
        "actor": actor,
        "usage": usage,
        "occurred_at": FIRST_DAY,
        "row": number,
    }
    return Usage(**members | about)


def day_of(day: int) -> list[str]:
    """The lines of one day of usage."""
    lines = []
    for number in range(ROWS_A_DAY):
        at = FIRST_DAY + timedelta(days=day, minutes=7 * number)
        actor, model = ACTORS[(day + number) % 3], MODELS[(2 * day + number) % 3]
        tokens = f"{100 + 13 * day + number},{10 + number}"
        lines.append(f"{at.isoformat()},{actor},{model},{tokens}")
    return lines


def worked_out(lines: Iterable[str]) -> dict[str, int]:
    """The microcents of each actor."""
    costs: Counter[str] = Counter()
    for line in lines:
        _, actor, model, used, made = line.split(",")
        of_input, of_output = MICROCENTS_PER_TOKEN[model]
        costs[actor] += int(int(used) * of_input + int(made) * of_output)
    return dict(costs)


def content(lines: Sequence[str]) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


def spent(client: Millicent) -> dict[str, int]:
    return {actor: microcents(client.account(actor).spent) for actor in ACTORS}


def fund_all(client: InMemoryMillicent) -> None:
    for actor in ACTORS:
        client.fund(actor, ENOUGH)


def counts(summary: Summary) -> tuple[int, int, int, int]:
    return summary.charged, summary.refused, summary.replayed, summary.failed


@pytest.mark.parametrize(
    "terms", [Terms(), Terms(batch=50), Terms(holds=HoldTerms())], ids=["single", "batch", "holds"]
)
def test_a_growing_file_that_is_charged_every_day_for_30_days_costs_what_charging_it_once_costs(terms: Terms) -> None:
    lines: list[str] = []
    with InMemoryMillicent() as daily, InMemoryMillicent() as once:
        daily.clock.set(FIRST_DAY)
        fund_all(daily)
        for day in range(DAYS):
            lines += day_of(day)
            daily.clock.set(FIRST_DAY + timedelta(days=day, hours=12))
            today = replay(daily, read_usage(content(lines)), terms=terms)
            assert counts(today) == (ROWS_A_DAY, 0, ROWS_A_DAY * day, 0)
        once.clock.set(FIRST_DAY + timedelta(days=DAYS - 1, hours=12))
        fund_all(once)
        whole = replay(once, read_usage(content(lines)), terms=terms)
        assert counts(whole) == (ROWS_A_DAY * DAYS, 0, 0, 0)
        assert spent(daily) == spent(once) == worked_out(lines)
        assert whole.charged_microcents == sum(worked_out(lines).values())


def test_a_dry_run_tells_what_charging_then_takes_with_fractions_of_a_microcent(millicent: InMemoryMillicent) -> None:
    millicent.clock.set(FIRST_DAY)
    millicent.put_rate({"meter": "llm", "model": "tiny", "prices": {"input_tokens": {"price": "0.1", "per": 1000}}})
    millicent.clock.advance(hours=1)
    now: dict[str, Any] = {"occurred_at": None}
    rows = [row(n, usage={"meter": "llm", "model": "tiny", "input_tokens": 7 * n}, **now) for n in range(1, 40)]
    millicent.fund("user:carla", ENOUGH)
    told = quote_rows(millicent, rows, 4)
    assert sum(each.exact for each in told.rows) == Decimal("0.546")
    assert told.amount_microcents == 546
    assert [(total.actor, total.model, total.rows) for total in told.totals] == [("user:carla", "tiny", 39)]
    assert millicent.account("user:carla").spent == 0
    assert replay(millicent, rows).charged_microcents == told.amount_microcents


def test_a_card_of_ones_own_prices_a_quote_a_dry_run_and_a_replay_alike(millicent: InMemoryMillicent) -> None:
    millicent.put_rate({"meter": "llm", "model": "gpt-4o", "prices": {"input_tokens": {"price": "2.5"}}})
    millicent.clock.advance(hours=1)
    mine = row(1, usage={"meter": "llm", "model": "gpt-4o", "input_tokens": 1_000_000}, occurred_at=None)
    millicent.fund("user:carla", ENOUGH)
    assert mine.usage is not None
    assert millicent.quote(mine.usage).amount == 2_500_000
    assert quote_rows(millicent, [mine], 1).amount_microcents == 2_500_000_000
    assert replay(millicent, [mine]).charged_microcents == 2_500_000_000


def test_a_card_prices_the_next_charge_even_if_an_earlier_service_was_at_a_later_time() -> None:
    used = row(1, usage={"meter": "llm", "model": "gpt-4o", "input_tokens": 1000}, occurred_at=None)
    for at, dollars in ((FIRST_DAY + timedelta(days=1), "1"), (FIRST_DAY, "2")):
        with InMemoryMillicent() as service:
            service.clock.set(at)
            service.fund("user:carla", ENOUGH)
            service.put_rate({"meter": "llm", "model": "gpt-4o", "prices": {"input_tokens": {"price": dollars}}})
            service.clock.advance(hours=1)
            assert replay(service, [used]).charged_microcents == int(dollars) * 1_000_000


def test_a_card_of_ones_own_for_a_model_that_nobody_knows_is_enough_for_a_replay(millicent: InMemoryMillicent) -> None:
    millicent.put_rate({"meter": "llm", "model": "my-own", "prices": {"input_tokens": {"price": "1"}}})
    millicent.clock.advance(hours=1)
    millicent.fund("user:carla", ENOUGH)
    used = {"meter": "llm", "model": "my-own", "input_tokens": 5}
    assert replay(millicent, [row(1, usage=used, occurred_at=None)]).charged_microcents == 5_000


@pytest.mark.parametrize("terms", [Terms(), Terms(batch=5), Terms(holds=HoldTerms())], ids=["single", "batch", "holds"])
def test_the_price_is_that_of_the_time_of_the_work(millicent: InMemoryMillicent, terms: Terms) -> None:
    """The price of o3 was $10 in May 2025 and is $2 since June."""
    millicent.clock.set(datetime(2025, 6, 20, tzinfo=UTC))
    millicent.fund("user:carla", ENOUGH)
    used = {"meter": "llm", "model": "o3", "input_tokens": 1_000_000, "output_tokens": 0}
    rows = [row(1, usage=used, occurred_at=datetime(2025, 5, 28, tzinfo=UTC)), row(2, usage=used, occurred_at=None)]
    assert [each.exact for each in quote_rows(millicent, rows, 1).rows] == [1_000_000, 200_000]
    assert replay(millicent, rows, terms=terms).charged_microcents == 1_200_000_000
    held = {entry.amount for entry in millicent.entries("user:carla", kind="hold")}
    assert held == ({-200_000, -1_000_000} if terms.holds else set())


def test_rows_that_were_refused_or_charged_with_holds_are_replays_at_any_later_price(
    millicent: InMemoryMillicent,
) -> None:
    """A later release may correct a price, so that the hold would be of another amount."""
    millicent.clock.set(FIRST_DAY + timedelta(hours=1))
    millicent.fund("user:carla", ENOUGH)
    terms = Terms(holds=HoldTerms())
    rows = [row(1), row(2, actor="user:poor")]
    assert counts(replay(millicent, rows, terms=terms)) == (1, 1, 0, 0)
    dearer = Terms(holds=HoldTerms(factor=Decimal(3)))
    assert counts(replay(millicent, rows, terms=dearer)) == (0, 0, 2, 0)


@pytest.mark.parametrize("terms", [Terms(), Terms(batch=5), Terms(holds=HoldTerms())], ids=["single", "batch", "holds"])
def test_a_time_out_of_bounds_fails_its_row_alone_unless_it_is_on_the_record(
    millicent: InMemoryMillicent, terms: Terms
) -> None:
    millicent.clock.set(FIRST_DAY)
    millicent.fund("user:carla", ENOUGH)
    assert counts(replay(millicent, [row(1)], terms=terms)) == (1, 0, 0, 0)
    millicent.clock.advance(days=60)
    today = row(3, occurred_at=FIRST_DAY + timedelta(days=59))
    summary = replay(millicent, [row(1), row(2), today], terms=terms)
    assert counts(summary) == (1, 0, 1, 1)
    assert [(failure.row.row, type(failure.error)) for failure in summary.failures] == [(2, ValidationFailed)]
    assert "occurred_at" in str([fault.path for fault in summary.failures[0].error.errors])  # type: ignore[union-attr]


def test_a_model_without_a_price_stops_the_run_before_the_first_charge(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:carla", ENOUGH)
    rows = [row(1, occurred_at=None), row(2, model="gpt-of-nobody", occurred_at=None)]
    with pytest.raises(UnknownModel, match="row 2: no rate card has a price for gpt-of-nobody on the meter llm"):
        replay(millicent, rows)
    assert millicent.account("user:carla").spent == 0
    summary = replay(millicent, rows, check_prices=False)
    assert counts(summary) == (1, 0, 0, 1)
    assert isinstance(summary.failures[0].error, Unpriced)


def test_the_entry_of_a_row_has_its_usage_its_card_its_time_and_its_app(millicent: InMemoryMillicent) -> None:
    millicent.clock.set(FIRST_DAY + timedelta(days=1))
    millicent.fund("user:carla", ENOUGH)
    replay(millicent, [row(1, app="chat", metadata={"trace": "t-1"})])
    entry = next(millicent.entries("user:carla", kind="charge"))
    assert entry.usage == {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
    assert (entry.rate_card or "").startswith("genai-prices@")
    assert (entry.app, entry.metadata, entry.occurred_at) == ("chat", {"trace": "t-1"}, FIRST_DAY)


def test_dollars_of_the_file_are_charged_as_they_are_and_kept(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:carla", ENOUGH)
    paid = [row(n, cost_usd=dollars, occurred_at=None) for n, dollars in enumerate(("0.00042", "0.0000000351"), 1)]
    told = quote_rows(millicent, paid, 1)
    summary = replay(millicent, paid, terms=Terms(holds=HoldTerms()))
    assert summary.charged_microcents == told.amount_microcents == 42_000 + 4
    captured = list(millicent.entries("user:carla", kind="capture"))
    assert {entry.cost_usd for entry in captured} == {"0.00042", "0.0000000351"}
    used = {"model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
    assert [entry.metadata for entry in captured] == [used, used]


def test_a_token_that_may_only_charge_replays_without_the_check(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:carla", ENOUGH)
    with millicent.client(scopes=["credits/charge"]) as charger:
        assert counts(replay(charger, [row(1, occurred_at=None)])) == (1, 0, 0, 0)


@pytest.mark.parametrize("terms", [Terms(), Terms(batch=5), Terms(holds=HoldTerms())], ids=["single", "batch", "holds"])
def test_an_adjustment_is_in_the_dry_run_and_in_the_charge(millicent: InMemoryMillicent, terms: Terms) -> None:
    millicent.clock.set(FIRST_DAY)
    millicent.put_adjustment({"name": "markup", "provider": "openai", "multiplier": "1.2"})
    millicent.clock.advance(hours=1)
    millicent.fund("user:carla", ENOUGH)
    rows = [row(1, occurred_at=FIRST_DAY + timedelta(minutes=30)), row(2, occurred_at=None)]
    assert quote_rows(millicent, rows, 1).amount_microcents == 2 * 165_000
    assert replay(millicent, rows, terms=terms).charged_microcents == 2 * 165_000


@pytest.mark.parametrize("occurred_at", [None, FIRST_DAY])
def test_work_with_a_free_model_is_held_and_captured_for_nothing(
    millicent: InMemoryMillicent, occurred_at: datetime | None
) -> None:
    millicent.clock.set(FIRST_DAY + timedelta(hours=1))
    millicent.fund("user:carla", ENOUGH)
    free = row(1, model="google/gemini-2.0-flash-exp:free", occurred_at=occurred_at)
    summary = replay(millicent, [free], terms=Terms(holds=HoldTerms()))
    assert (summary.charged, summary.captures, summary.charged_microcents) == (1, 1, 0)


@pytest.fixture
def long_ago(millicent: InMemoryMillicent) -> InMemoryMillicent:
    """A service at the time of the generated usage."""
    millicent.clock.set(datetime(2026, 1, 15, 12, 0, tzinfo=UTC))
    return millicent


def test_the_demo_funds_most_actors_for_their_usage_and_a_few_too_little(long_ago: InMemoryMillicent) -> None:
    plan = demo(None, 150)
    granted = budgets(long_ago, plan, 1)
    costs: Counter[str] = Counter()
    for each in quote_rows(long_ago, plan.rows, 1).rows:
        costs[each.row.actor] += microcents(each.exact)
    short = [actor for actor, budget in granted.items() if budget < costs[actor]]
    assert 0 < len(short) < len(granted) / 5
    assert plan.busiest_actor not in short
    fund(long_ago, plan.run_id, granted, 1)
    summary = charge(long_ago, plan, 1)
    assert summary.is_complete
    assert {outcome.row.actor for outcome in summary.outcomes if outcome.result == "refused"} <= set(short)
    assert summary.refused > 0


def test_a_demo_that_is_run_again_at_other_prices_funds_nothing_again_and_replays(long_ago: InMemoryMillicent) -> None:
    plan = demo(None, 20)
    fund(long_ago, plan.run_id, budgets(long_ago, plan, 1), 1)
    charge(long_ago, plan, 1)
    for model in {each.usage["model"] for each in plan.rows if each.usage}:
        prices = {"input_tokens": {"price": "9"}, "output_tokens": {"price": "9"}}
        long_ago.put_rate({"meter": "llm", "model": model, "prices": prices})
    long_ago.clock.advance(hours=1)
    later = Demo([replace(each, occurred_at=None) for each in plan.rows], plan.run_id)
    fund(long_ago, plan.run_id, budgets(long_ago, later, 1), 1)
    assert charge(long_ago, plan, 1).replayed == 20


def test_what_the_demo_charged_is_a_replay_to_the_command_line(long_ago: InMemoryMillicent, tmp_path: Any) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2026-01-15 09:15:46.6805900,374,44\n")
    plan = demo(file, 2)
    fund(long_ago, plan.run_id, budgets(long_ago, plan, 1), 1)
    assert charge(long_ago, plan, 1).requests == 1
    rows = read_usage(file.read_bytes(), Reading(actors=200, model="gpt-4o"))
    assert counts(replay(long_ago, rows, terms=Terms(holds=HOLDS))) == (0, 0, 1, 0)
