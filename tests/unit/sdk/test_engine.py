"""Replaying usage: every row is charged once, however the run ends."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from millicent import Amount, Clock, Millicent, OutcomeUnknown, Receipt, RetryPolicy, Unauthenticated, Unreachable
from millicent.replay import Progress, RowOutcome, Summary, Terms, UnknownModel, Usage, replay
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

ROWS = [Usage(f"run-{n}", f"user:{n % 3}", "gpt-4o", 100 + n, 10) for n in range(1, 31)]
ROW_COST_MICROCENTS = [(100 + n) * 250 + 10 * 1000 for n in range(1, 31)]


def fund_all(service: FakeService, amount: int = 10_000) -> None:
    for actor in sorted({row.actor for row in ROWS}):
        service.fund(actor, amount)


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
    assert (summary.input_tokens, summary.output_tokens) == (sum(row.input_tokens for row in ROWS), 300)
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


def test_an_unknown_model_stops_the_run_before_anything_is_sent(client: Millicent, service: FakeService) -> None:
    with pytest.raises(UnknownModel, match="no-such-model"):
        replay(client, [*ROWS, replace(ROWS[0], key="run-31", model="no-such-model")])
    assert service.seen == []


def test_a_row_whose_outcome_stays_unknown_fails_and_the_others_go_on(
    impatient: Millicent, service: FakeService
) -> None:
    fund_all(service)
    service.faults = deque([lost_answer] * 2)
    summary = replay(impatient, ROWS, concurrency=1)
    assert counts(summary) == (29, 0, 0, 1)
    assert not summary.is_complete
    assert [type(failure.error) for failure in summary.failures] == [OutcomeUnknown]
    assert counts(replay(impatient, ROWS)) == (0, 0, 30, 0)


def test_a_row_that_the_service_does_not_take_fails_and_the_others_go_on(
    client: Millicent, service: FakeService
) -> None:
    fund_all(service)
    service.faults.append(instead(lambda: problem(422, "validation_failed")))
    summary = replay(client, ROWS, concurrency=1)
    assert counts(summary) == (29, 0, 0, 1)
    assert summary.failures[0].priced.usage.key == "run-1"


def test_a_service_that_is_gone_stops_the_run(impatient: Millicent, service: FakeService) -> None:
    fund_all(service)
    service.faults = deque([*[lambda _, serve: serve()] * 10, *always(no_connection)])
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
    assert {outcome.priced.usage.key for outcome in summary.outcomes} == service.charges().keys()
    assert counts(replay(client, ROWS)) == (30 - summary.requests, 0, summary.requests, 0)


def test_as_many_rows_are_under_way_at_once_as_asked_for() -> None:
    """Eight charges wait for each other: with fewer threads than that the barrier would break."""
    barrier = threading.Barrier(8, timeout=30)

    class Slow:
        def charge(self, actor: str, cost: Amount, **_: Any) -> Receipt:
            barrier.wait()
            raise OutcomeUnknown(f"{actor} waits", "key")

    assert replay(cast("Charger", Slow()), ROWS[:8], concurrency=8).failed == 8


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
