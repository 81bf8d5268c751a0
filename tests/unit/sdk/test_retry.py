"""What the client does when an answer is lost, late or not final."""

from collections import deque

import httpx
import pytest

from millicent import (
    Clock,
    InsufficientCredits,
    Millicent,
    OutcomeUnknown,
    RetryPolicy,
    ServerError,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from tests.unit.sdk.fake_service import (
    TOKEN,
    URL,
    FakeClock,
    FakeService,
    Fault,
    always,
    instead,
    lost_answer,
    lost_request,
    no_connection,
    problem,
)


def unavailable(**headers: str) -> Fault:
    def respond() -> httpx.Response:
        response = problem(503, "ledger_unavailable")
        response.headers.update(headers)
        return response

    return instead(respond)


def throttled(**headers: str) -> Fault:
    return instead(lambda: httpx.Response(429, json={"message": "Too Many Requests"}, headers=headers))


def test_a_charge_whose_answer_was_lost_is_applied_once_and_answered(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    service.faults.append(lost_answer)
    receipt = client.charge("user:alice", 10)
    assert receipt.replayed
    assert service.available("user:alice") == 90


@pytest.mark.parametrize(
    "fault",
    [
        lost_answer,
        lost_request,
        no_connection,
        unavailable(),
        throttled(),
        instead(lambda: httpx.Response(502, json={"errorMessage": "out of memory"})),
        instead(lambda: httpx.Response(408)),
    ],
)
def test_every_attempt_of_a_call_carries_the_same_key_and_the_same_body(
    client: Millicent, service: FakeService, fault: Fault
) -> None:
    service.fund("user:alice", 100)
    service.faults.extend([fault] * 3)
    client.charge("user:alice", 10, metadata={"n": 1})
    assert len(service.seen) == 4
    assert len(set(service.keys_seen())) == 1
    assert len({request.content for request in service.seen}) == 1
    assert service.available("user:alice") == 90


@pytest.mark.parametrize(("status", "code"), [(400, "x"), (403, "x"), (404, "x"), (409, "x"), (413, "x"), (422, "x")])
def test_a_definite_refusal_is_never_tried_again(
    client: Millicent, service: FakeService, status: int, code: str
) -> None:
    service.faults.append(instead(lambda: problem(status, code)))
    with pytest.raises(Exception, match="because of"):
        client.charge("user:alice", 10)
    assert len(service.seen) == 1


def test_a_charge_that_is_not_covered_is_never_tried_again(client: Millicent, service: FakeService) -> None:
    with pytest.raises(InsufficientCredits):
        client.charge("user:alice", 10)
    assert len(service.seen) == 1


def test_an_outcome_that_stays_unknown_ends_at_the_deadline_and_keeps_the_key(
    client: Millicent, service: FakeService, fake_clock: FakeClock
) -> None:
    service.fund("user:alice", 100)
    service.faults = always(lost_answer)
    with pytest.raises(OutcomeUnknown) as failure:
        client.charge("user:alice", 10)
    assert failure.value.idempotency_key == service.keys_seen()[0]
    assert 25 < fake_clock.now - 1000 < 30
    assert service.available("user:alice") == 90


def test_pauses_double_up_to_the_cap(client: Millicent, service: FakeService, fake_clock: FakeClock) -> None:
    service.faults = deque([no_connection] * 8)
    client.health()
    assert fake_clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_pauses_are_drawn_between_nothing_and_the_longest(service: FakeService, fake_clock: FakeClock) -> None:
    service.faults = deque([no_connection] * 2)
    clock = Clock(now_s=fake_clock.now_s, sleep=fake_clock.sleep, uniform=lambda low, high: (low + high) / 2)
    with Millicent(URL, TOKEN, transport=service.transport, clock=clock) as client:
        client.health()
    assert fake_clock.slept == [0.05, 0.1]


def test_the_service_may_ask_for_a_longer_pause(client: Millicent, service: FakeService, fake_clock: FakeClock) -> None:
    date = {"Date": "Fri, 30 Jan 2026 12:00:00 GMT", "Retry-After": "Fri, 30 Jan 2026 12:00:07 GMT"}
    service.faults = deque(
        [unavailable(**{"Retry-After": "3"}), throttled(**date), throttled(**{"Retry-After": "soon"})]
    )
    client.health()
    assert fake_clock.slept == [3.0, 7.0, 0.4]


def test_a_pause_that_would_outlast_the_deadline_is_not_waited_for(
    client: Millicent, service: FakeService, fake_clock: FakeClock
) -> None:
    service.faults = always(throttled(**{"Retry-After": "31"}))
    with pytest.raises(Throttled) as failure:
        client.charge("user:alice", 10)
    assert failure.value.retry_after_s == 31
    assert (len(service.seen), fake_clock.slept) == (1, [])


def test_a_service_that_was_never_reached_leaves_nothing_unknown(client: Millicent, service: FakeService) -> None:
    service.faults = always(no_connection)
    with pytest.raises(Unreachable) as failure:
        client.charge("user:alice", 10)
    assert failure.value.idempotency_key == service.keys_seen()[0]


def test_one_lost_answer_among_failed_connections_leaves_the_outcome_unknown(
    client: Millicent, service: FakeService
) -> None:
    service.faults = deque([no_connection, lost_answer, *always(no_connection)])
    with pytest.raises(OutcomeUnknown):
        client.charge("user:alice", 10)


def test_throttling_after_a_lost_answer_leaves_the_outcome_unknown(client: Millicent, service: FakeService) -> None:
    service.faults = deque([lost_answer, *always(throttled())])
    with pytest.raises(OutcomeUnknown):
        client.charge("user:alice", 10)


def test_a_refused_token_after_a_lost_answer_leaves_the_outcome_unknown(
    client: Millicent, service: FakeService
) -> None:
    service.faults = deque([lost_answer, *always(instead(lambda: httpx.Response(401)))])
    with pytest.raises(OutcomeUnknown) as failure:
        client.charge("user:alice", 10)
    assert isinstance(failure.value.__cause__, Unauthenticated)


def test_a_refusal_of_the_ledger_after_a_lost_request_is_certain(client: Millicent, service: FakeService) -> None:
    service.faults.append(lost_request)
    with pytest.raises(InsufficientCredits):
        client.charge("user:alice", 10)


def test_a_read_that_gets_no_answer_is_unavailable_and_says_why(client: Millicent, service: FakeService) -> None:
    service.faults = always(unavailable())
    with pytest.raises(Unavailable, match="503 because of ledger_unavailable") as failure:
        client.account("user:alice")
    assert not isinstance(failure.value, OutcomeUnknown)
    assert isinstance(failure.value.__cause__, ServerError)


def test_an_attempt_never_waits_beyond_the_deadline(service: FakeService, fake_clock: FakeClock, clock: Clock) -> None:
    service.faults = deque([unavailable(**{"Retry-After": "4"})])
    policy = RetryPolicy(deadline_s=6, attempt_timeout_s=5)
    with Millicent(URL, TOKEN, retry=policy, transport=service.transport, clock=clock) as client:
        client.health()
    assert [request.extensions["timeout"]["read"] for request in service.seen] == [5, 2]
