"""Replaying usage: every row is charged once, however the run ends."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from millicent import (
    Clock,
    Millicent,
    OutcomeUnknown,
    Receipt,
    RetryPolicy,
    Unauthenticated,
    Unpriced,
    Unreachable,
)
from millicent.amounts import microcents
from millicent.replay import (
    DryRun,
    HoldTerms,
    Progress,
    QuotedRow,
    RowOutcome,
    Summary,
    Terms,
    UnknownModel,
    Usage,
    quote_rows,
    reason_of,
    replay,
)
from millicent.replay.engine import Charger
from tests.unit.sdk.fake_service import (
    TOKEN,
    URL,
    FakeService,
    always,
    instead,
    lost_answer,
    no_connection,
    problem,
)

AT = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def row(number: int, *, actor: str = "user:a", model: str = "gpt-4o", **about: Any) -> Usage:
    usage = {"meter": "llm", "model": model, "input_tokens": 100 + number, "output_tokens": 10}
    members: dict[str, Any] = {"key": f"run-{number}", "actor": actor, "usage": usage, "occurred_at": AT, "row": number}
    return Usage(**members | about)


ROWS = [row(n, actor=f"user:{n % 3}") for n in range(1, 31)]
ROW_COST_MICROCENTS = [(100 + n) * 250 + 10 * 1000 for n in range(1, 31)]


def fund_all(service: FakeService, amount: int = 10_000) -> None:
    for actor in sorted({each.actor for each in ROWS}):
        service.fund(actor, amount)


def sent(service: FakeService) -> dict[str, Any]:
    body = json.loads(service.seen[-1].content)
    assert isinstance(body, dict)
    return body


def paths(service: FakeService) -> list[str]:
    return [request.url.path for request in service.seen]


def counts(summary: Summary) -> tuple[int, int, int, int]:
    return summary.charged, summary.refused, summary.replayed, summary.failed


@pytest.fixture
def impatient(service: FakeService, clock: Clock) -> Iterator[Millicent]:
    """Gives up after few attempts, as a test has many rows."""
    with Millicent(
        URL, TOKEN, retry=RetryPolicy(deadline_s=0.25), transport=service.transport, clock=clock, max_connections=4
    ) as client:
        yield client


def test_every_row_is_charged_once_and_the_sums_agree(client: Millicent, service: FakeService) -> None:
    fund_all(service)
    summary = replay(client, ROWS, concurrency=4)
    assert counts(summary) == (30, 0, 0, 0)
    assert summary.charged_microcents == sum(ROW_COST_MICROCENTS)
    assert sum(state.spent for state in service.states.values()) == sum(ROW_COST_MICROCENTS)
    assert (summary.input_tokens, summary.output_tokens) == (sum(100 + n for n in range(1, 31)), 300)
    assert summary.is_complete


def test_the_same_run_again_replays_every_row_and_takes_nothing(client: Millicent, service: FakeService) -> None:
    fund_all(service)
    first = replay(client, ROWS, concurrency=4)
    second = replay(client, ROWS, concurrency=4)
    assert counts(second) == (0, 0, 30, 0)
    assert (second.charged_microcents, second.replayed_microcents) == (0, first.charged_microcents)
    assert set(service.charges().values()) == {1}


def test_a_run_that_ended_early_goes_on_where_it_was(client: Millicent, service: FakeService) -> None:
    fund_all(service)
    replay(client, ROWS[:12])
    assert counts(replay(client, ROWS)) == (18, 0, 12, 0)


def test_rows_that_are_not_covered_are_refused_and_the_others_charged(client: Millicent, service: FakeService) -> None:
    service.fund("user:0", 10_000)
    summary = replay(client, ROWS)
    assert counts(summary) == (10, 20, 0, 0)
    assert summary.is_complete


def test_a_refusal_that_is_repeated_counts_as_replayed(client: Millicent, service: FakeService) -> None:
    replay(client, ROWS)
    fund_all(service)
    summary = replay(client, ROWS)
    assert counts(summary) == (0, 0, 30, 0)
    assert summary.replayed_microcents == 0


def test_a_partial_charge_counts_what_was_taken_and_what_was_not(client: Millicent, service: FakeService) -> None:
    service.fund("user:1", 30)
    summary = replay(client, ROWS[:1], terms=Terms(if_insufficient="partial"))
    assert (summary.charged_microcents, summary.shortfall_microcents) == (30_000, ROW_COST_MICROCENTS[0] - 30_000)


def test_overdrawing_charges_every_row(client: Millicent) -> None:
    assert counts(replay(client, ROWS, terms=Terms(if_insufficient="overdraw"))) == (30, 0, 0, 0)


def test_lost_answers_charge_nothing_twice(client: Millicent, service: FakeService) -> None:
    fund_all(service)
    service.faults = deque([lost_answer] * 10)
    summary = replay(client, ROWS, concurrency=4)
    assert summary.charged + summary.replayed == 30
    assert summary.charged_microcents + summary.replayed_microcents == sum(ROW_COST_MICROCENTS)
    assert set(service.charges().values()) == {1}


def test_a_model_without_a_price_stops_the_run_before_anything_is_charged(
    client: Millicent, service: FakeService
) -> None:
    fund_all(service)
    unknown = [row(31, model="no-such-model"), row(32, model="no-such-model"), row(33, model="another")]
    with pytest.raises(UnknownModel) as refused:
        replay(client, [*ROWS, *unknown])
    assert "row 31 and 1 more: " in str(refused.value)
    assert "row 33: " in str(refused.value)
    assert paths(service) == ["/v1/rates/quote"] * 3
    assert service.charges() == {}


def test_without_the_check_rows_without_a_price_fail_and_the_others_are_charged(
    client: Millicent, service: FakeService
) -> None:
    fund_all(service)
    summary = replay(client, [*ROWS, row(31, model="no-such-model")], check_prices=False)
    assert counts(summary) == (30, 0, 0, 1)
    assert [(failure.row.row, type(failure.error)) for failure in summary.failures] == [(31, Unpriced)]


def test_a_token_that_may_not_read_prices_still_charges(client: Millicent, service: FakeService) -> None:
    fund_all(service)
    service.faults.append(instead(lambda: problem(403, "forbidden")))
    assert counts(replay(client, ROWS)) == (30, 0, 0, 0)


def test_a_time_out_of_bounds_is_found_out_by_charging_since_the_row_may_be_on_the_record(
    client: Millicent, service: FakeService
) -> None:
    fund_all(service)
    errors = [{"path": "$.occurred_at", "detail": "must be at most 35 days ago"}]
    service.faults.append(instead(lambda: problem(422, "validation_failed", errors=errors)))
    assert counts(replay(client, ROWS)) == (30, 0, 0, 0)


def test_the_reason_why_a_row_is_not_taken_says_each_thing_once(client: Millicent, service: FakeService) -> None:
    fund_all(service)
    errors = [
        {"path": "$.occurred_at", "detail": "must be at most 35 days ago"},
        {"path": "$.app", "detail": "must be an id"},
    ]
    said = "occurred_at must be at most 35 days ago"
    fault = instead(lambda: problem(422, "validation_failed", detail=said, errors=errors))
    service.faults.append(fault)
    found = quote_rows(client, ROWS[:1], 1)
    assert [reason_of(row.error) for row in found.unpriced] == [f"{said}: $.app must be an id"]


def test_a_row_is_sent_as_what_was_used_and_when_and_never_as_an_amount(
    client: Millicent, service: FakeService
) -> None:
    service.fund("user:a", 10_000)
    replay(client, [row(1, app="chat", metadata={"trace": "t-1"})], terms=Terms(app="other"))
    assert sent(service) == {
        "actor": "user:a",
        "usage": {"meter": "llm", "model": "gpt-4o", "input_tokens": 101, "output_tokens": 10},
        "occurred_at": "2026-11-30T09:00:00+00:00",
        "if_insufficient": "refuse",
        "app": "chat",
        "metadata": {"trace": "t-1"},
    }


def test_a_row_with_its_cost_in_dollars_is_sent_as_dollars_and_says_what_they_were_for(
    client: Millicent, service: FakeService
) -> None:
    service.fund("user:a", 10_000)
    summary = replay(client, [row(1, cost_usd="0.00042", metadata={"trace": "t-1"})])
    assert summary.charged_microcents == 42_000
    body = sent(service)
    assert (body["cost_usd"], "usage" in body, body["meter"]) == ("0.00042", False, "llm")
    assert body["metadata"] == {"model": "gpt-4o", "input_tokens": 101, "output_tokens": 10, "trace": "t-1"}
    assert paths(service) == ["/v1/cost"]


@pytest.mark.parametrize(
    ("terms", "held"),
    [
        (HoldTerms(), {"max_output_tokens": 20}),
        (HoldTerms(factor=Decimal("1.05")), {"max_output_tokens": 11}),
        (HoldTerms(max_output_tokens=4096), {"max_output_tokens": 4096}),
    ],
)
def test_a_hold_is_of_the_input_and_the_most_output(terms: HoldTerms, held: dict[str, int]) -> None:
    used = {"meter": "llm", "model": "gpt-4o", "input_tokens": 101, "cache_read_tokens": 7}
    parts = {"output_tokens": 10, "output_reasoning_tokens": 3}
    assert terms.of(row(1, usage=used | parts)) == {"usage": used | held}


def test_usage_without_output_and_as_a_provider_reports_it_is_held_as_it_is() -> None:
    for usage in ({"meter": "llm", "model": "e-1", "input_tokens": 5}, {"provider": "anthropic", "raw": {"usage": {}}}):
        assert HoldTerms(max_output_tokens=10).of(row(1, usage=usage)) == {"usage": usage}


def test_dollars_are_held_at_a_multiple_and_at_least_at_a_microcent() -> None:
    assert HoldTerms().of(row(1, cost_usd="0.000000011")) == {"amount": Decimal("0.003")}
    assert HoldTerms().of(row(1, cost_usd="0")) == {"amount": Decimal("0.001")}


def test_a_dry_run_tells_the_price_of_every_row_and_charges_nothing(client: Millicent, service: FakeService) -> None:
    found = quote_rows(client, [*ROWS[:2], row(3, cost_usd="0.5"), row(4, model="no-such-model")], concurrency=2)
    assert [(each.row.row, microcents(each.exact)) for each in found.rows if each.error is None] == [
        (1, ROW_COST_MICROCENTS[0]),
        (2, ROW_COST_MICROCENTS[1]),
        (3, 50_000_000),
    ]
    assert [each.row.row for each in found.unpriced] == [4]
    assert [(each.actor, each.model, each.rows) for each in found.totals] == [
        ("user:1", "gpt-4o", 1),
        ("user:2", "gpt-4o", 1),
        ("user:a", "gpt-4o", 1),
    ]
    assert found.amount_microcents == sum(ROW_COST_MICROCENTS[:2]) + 50_000_000
    assert set(paths(service)) == {"/v1/rates/quote"}


def test_a_dry_run_rounds_a_payers_sum_once() -> None:
    third = [QuotedRow(row(n), Decimal("0.000333333333")) for n in range(1, 4)]
    assert DryRun(tuple(third)).amount_microcents == 1
    assert DryRun(tuple(third[:1])).amount_microcents == 0
    other_payers = [QuotedRow(row(n, actor=f"user:{n}"), Decimal("0.0005")) for n in range(1, 4)]
    assert DryRun(tuple(other_payers)).amount_microcents == 3


def test_a_row_whose_outcome_stays_unknown_fails_and_the_others_go_on(
    impatient: Millicent, service: FakeService
) -> None:
    fund_all(service)
    service.faults = deque([lost_answer] * 2)
    summary = replay(impatient, ROWS, concurrency=1, check_prices=False)
    assert counts(summary) == (29, 0, 0, 1)
    assert not summary.is_complete
    assert [type(failure.error) for failure in summary.failures] == [OutcomeUnknown]
    assert counts(replay(impatient, ROWS)) == (0, 0, 30, 0)


def test_a_row_that_the_service_does_not_take_fails_and_the_others_go_on(
    client: Millicent, service: FakeService
) -> None:
    fund_all(service)
    service.faults.append(instead(lambda: problem(422, "validation_failed")))
    summary = replay(client, ROWS, concurrency=1, check_prices=False)
    assert counts(summary) == (29, 0, 0, 1)
    assert summary.failures[0].row.key == "run-1"


def test_a_service_that_is_gone_stops_the_run(impatient: Millicent, service: FakeService) -> None:
    fund_all(service)
    service.faults = deque([*[lambda _, serve: serve()] * 11, *always(no_connection)])
    summary = replay(impatient, ROWS, concurrency=1)
    assert (summary.rows, summary.requests, summary.charged) == (30, 10, 10)
    assert isinstance(summary.stopped_by, Unreachable)
    assert not summary.is_complete


def test_a_token_that_is_refused_stops_the_run(service: FakeService, clock: Clock) -> None:
    with Millicent(URL, "another-token", transport=service.transport, clock=clock) as client:
        summary = replay(client, ROWS, concurrency=1)
    assert summary.requests == 0
    assert isinstance(summary.stopped_by, Unauthenticated)


def test_progress_counts_up_to_the_number_of_rows_in_the_calling_thread(
    client: Millicent, service: FakeService
) -> None:
    fund_all(service)
    seen: list[tuple[int, int, str]] = []
    replay(client, ROWS, 4, lambda p: seen.append((p.done, p.total, threading.current_thread().name)))
    assert seen == [(n, 30, threading.current_thread().name) for n in range(1, 31)]


def test_an_interrupt_ends_with_what_was_done_until_then_and_the_rest_can_follow(
    client: Millicent, service: FakeService
) -> None:
    fund_all(service)

    def press_ctrl_c(progress: Progress) -> None:
        if progress.done == 5:
            raise KeyboardInterrupt

    summary = replay(client, ROWS, concurrency=2, on_progress=press_ctrl_c)
    assert summary.interrupted
    assert summary.requests == sum(service.charges().values())
    assert {outcome.row.key for outcome in summary.outcomes} == service.charges().keys()
    assert counts(replay(client, ROWS)) == (30 - summary.requests, 0, summary.requests, 0)


def test_as_many_rows_are_under_way_at_once_as_asked_for() -> None:
    """Eight charges wait for each other: with fewer threads than that the barrier would break."""
    barrier = threading.Barrier(8, timeout=30)

    class Slow:
        def charge(self, actor: str, **_: Any) -> Receipt:
            barrier.wait()
            raise OutcomeUnknown(f"{actor} waits", "key")

    assert replay(cast("Charger", Slow()), ROWS[:8], concurrency=8, check_prices=False).failed == 8


def test_no_rows_are_no_work(client: Millicent) -> None:
    summary = replay(client, [])
    assert (summary.rows, summary.requests, summary.is_complete) == (0, 0, True)


def test_an_error_of_our_own_is_not_swallowed(client: Millicent) -> None:
    def fail(_: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        replay(client, ROWS, on_progress=fail)


def test_a_row_outcome_carries_the_refusal(client: Millicent) -> None:
    outcomes: list[RowOutcome] = []
    replay(client, ROWS[:1], on_progress=lambda progress: outcomes.append(progress.last))
    assert "insufficient_credits" in str(outcomes[0].error)
