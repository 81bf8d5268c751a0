"""The calls of the client and what they answer."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from millicent import (
    BatchCharge,
    FundingConflict,
    InsufficientCredits,
    KeyReused,
    Millicent,
    NotFound,
    UnexpectedAnswer,
    ValidationFailed,
    WouldOverdraw,
    new_key,
)
from tests.unit.sdk.fake_service import MAX_PAGE, FakeService, answer, instead, problem


def sent(service: FakeService) -> dict[str, object]:
    body = json.loads(service.seen[-1].content)
    assert isinstance(body, dict)
    return body


def test_a_check_of_an_unknown_actor_is_not_allowed_and_says_why(client: Millicent) -> None:
    result = client.check("user:alice")
    assert (result.allowed, result.available, result.minimum) == (False, Decimal(0), Decimal(100))
    assert result.reason == "insufficient_credits"


def test_a_check_sends_the_callers_minimum_and_no_key(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 50)
    assert client.check("user:alice", "49.999").allowed
    assert sent(service) == {"actor": "user:alice", "minimum": "49.999"}
    assert service.keys_seen() == [None]


def test_a_check_asks_for_usage_and_a_meter_and_reads_the_figures(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 50)
    refused = client.check("user:alice", "50.5")
    assert (refused.spendable, refused.required, refused.shortfall) == (Decimal(50), Decimal("50.5"), Decimal("0.5"))
    client.check("user:alice", usage={"meter": "llm", "input_tokens": 3}, meter="llm")
    assert sent(service) == {"actor": "user:alice", "usage": {"meter": "llm", "input_tokens": 3}, "meter": "llm"}


def test_a_charge_takes_its_cost_and_tells_the_balance(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    receipt = client.charge("user:alice", "1.375", meter="llm", metadata={"model": "gpt-4o"}, key="key-1")
    assert receipt.entry.amount == Decimal("-1.375")
    assert receipt.balance.available == Decimal("98.625")
    assert receipt.entry.metadata == {"model": "gpt-4o"}
    assert (receipt.entry.key, receipt.replayed) == ("key-1", False)
    assert sent(service)["cost"] == "1.375"


OCCURRED_AT = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def test_a_charge_sends_its_usage_or_its_dollars_and_the_time_of_the_work(
    client: Millicent, service: FakeService
) -> None:
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
    client.charge("user:alice", usage=usage, occurred_at=OCCURRED_AT, if_insufficient="overdraw")
    assert sent(service) == {
        "actor": "user:alice",
        "usage": usage,
        "occurred_at": "2026-11-30T09:00:00+00:00",
        "if_insufficient": "overdraw",
    }
    client.charge("user:alice", cost_usd="4.2e-4", if_insufficient="overdraw")
    assert sent(service)["cost_usd"] == "4.2e-4"
    client.charge("user:alice", cost_usd=Decimal("4.2e-4"), if_insufficient="overdraw")
    assert sent(service) == {"actor": "user:alice", "cost_usd": "0.00042", "if_insufficient": "overdraw"}


def test_a_line_of_a_batch_or_of_the_ingest_queue_has_the_same_fields() -> None:
    assert BatchCharge(actor="user:alice", cost_usd="0.00042", occurred_at=OCCURRED_AT, key="k-1").wire == {
        "actor": "user:alice",
        "cost_usd": "0.00042",
        "occurred_at": "2026-11-30T09:00:00+00:00",
        "if_insufficient": "refuse",
        "key": "k-1",
    }


def test_a_capture_and_a_quote_send_the_time_of_the_work(client: Millicent, service: FakeService) -> None:
    service.faults.extend([instead(lambda: problem(404, "hold_not_found"))] * 2)
    with pytest.raises(NotFound):
        client.capture("user:alice", "h1", cost_usd="0.5", occurred_at=OCCURRED_AT)
    assert sent(service)["cost_usd"] == "0.5"
    assert sent(service)["occurred_at"] == "2026-11-30T09:00:00+00:00"
    with pytest.raises(NotFound):
        client.quote({"meter": "llm"}, occurred_at=OCCURRED_AT)
    assert sent(service) == {"usage": {"meter": "llm"}, "occurred_at": "2026-11-30T09:00:00+00:00"}


@pytest.mark.parametrize("dollars", [0.00042, "a lot", "NaN"])
def test_dollars_that_are_not_exact_are_refused_before_anything_is_sent(
    client: Millicent, service: FakeService, dollars: Any
) -> None:
    with pytest.raises((TypeError, ValueError)):
        client.charge("user:alice", cost_usd=dollars)
    assert service.seen == []


def test_a_time_of_the_work_without_an_offset_is_refused_before_anything_is_sent(
    client: Millicent, service: FakeService
) -> None:
    with pytest.raises(ValueError, match="has no offset"):
        client.charge("user:alice", 1, occurred_at=OCCURRED_AT.replace(tzinfo=None))
    assert service.seen == []


@pytest.mark.parametrize("amount", ["999999999999.999", "0.001", "123456789012.345"])
def test_an_amount_keeps_every_digit_there_and_back(client: Millicent, amount: str) -> None:
    receipt = client.update_funding("user:alice", 0, Decimal(amount))
    assert str(receipt.balance.available) == amount


def test_a_number_in_an_answer_never_passes_through_a_float(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 1)
    exact = '{"actor":"user:alice","available":9007199254740993.001,"held":0,"funded":0,"spent":0,'
    body = exact + '"overdraft_limit":0,"seq":1}'
    service.faults.append(instead(lambda: httpx.Response(200, content=body)))
    assert client.account("user:alice").available == Decimal("9007199254740993.001")


@pytest.mark.parametrize("amount", [1.5, True])
def test_an_amount_that_is_not_exact_is_refused_before_anything_is_sent(
    client: Millicent, service: FakeService, amount: float
) -> None:
    with pytest.raises(TypeError, match="an int, a Decimal or a decimal string"):
        client.charge("user:alice", amount)  # type: ignore[arg-type]
    assert service.seen == []


@pytest.mark.parametrize("amount", ["abc", "NaN", "", Decimal("Infinity")])
def test_text_that_is_no_amount_is_refused_before_anything_is_sent(
    client: Millicent, service: FakeService, amount: str | Decimal
) -> None:
    with pytest.raises(ValueError, match="amount"):
        client.charge("user:alice", amount)
    assert service.seen == []


def test_an_amount_is_never_sent_in_scientific_notation(client: Millicent, service: FakeService) -> None:
    client.grant("user:alice", Decimal("1E+3"))
    assert sent(service)["amount"] == "1000"


def test_the_same_key_again_is_a_replay_with_the_first_answer(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    first = client.charge("user:alice", 10, key="key-1")
    second = client.charge("user:alice", 10, key="key-1")
    assert second.replayed
    assert second.entry == first.entry
    assert service.available("user:alice") == 90


def test_two_charges_without_a_key_are_two_charges(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    client.charge("user:alice", 10)
    client.charge("user:alice", 10)
    assert service.available("user:alice") == 80


def test_a_charge_beyond_the_credits_says_what_is_missing(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 40)
    with pytest.raises(InsufficientCredits) as refusal:
        client.charge("user:alice", "100.5", key="key-1")
    error = refusal.value
    assert (error.required, error.available, error.held) == (Decimal("100.5"), Decimal(40), Decimal(0))
    assert error.shortfall == Decimal("60.5")
    assert (error.status, error.idempotency_key, error.request_id) == (402, "key-1", "request-1")


def test_a_refusal_stays_one_for_its_key_and_says_that_it_is_repeated(client: Millicent, service: FakeService) -> None:
    with pytest.raises(InsufficientCredits) as first:
        client.charge("user:alice", 10, key="key-1")
    service.fund("user:alice", 100)
    with pytest.raises(InsufficientCredits) as second:
        client.charge("user:alice", 10, key="key-1")
    assert (first.value.replayed, second.value.replayed) == (False, True)


def test_a_partial_charge_says_what_it_could_not_take(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 4)
    receipt = client.charge("user:alice", 10, if_insufficient="partial")
    assert (receipt.entry.outcome, receipt.entry.amount, receipt.shortfall) == ("partial", Decimal(-4), Decimal(6))


def test_a_funding_update_from_the_wrong_total_tells_the_right_one(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 70)
    with pytest.raises(FundingConflict) as conflict:
        client.update_funding("user:alice", 0, 100)
    assert conflict.value.funded == Decimal(70)


def test_a_funding_update_below_what_was_spent_needs_force(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 70)
    client.charge("user:alice", 60)
    with pytest.raises(WouldOverdraw):
        client.update_funding("user:alice", 70, 10)
    assert "force" not in sent(service)
    assert client.update_funding("user:alice", 70, 10, force=True).balance.available == Decimal(-50)


def test_a_grant_sends_its_expiry_with_the_offset(client: Millicent, service: FakeService) -> None:
    expires_at = datetime(2030, 1, 31, 12, tzinfo=UTC)
    client.grant("user:alice", 5, category="promotional", priority=1, expires_at=expires_at, reason="welcome")
    assert sent(service) == {
        "actor": "user:alice",
        "amount": "5",
        "category": "promotional",
        "priority": 1,
        "expires_at": "2030-01-31T12:00:00+00:00",
        "reason": "welcome",
    }


def test_an_expiry_without_offset_is_refused_before_anything_is_sent(client: Millicent, service: FakeService) -> None:
    with pytest.raises(ValueError, match="offset"):
        client.grant("user:alice", 5, expires_at=datetime(2030, 1, 1))  # noqa: DTZ001 - the fault under test
    assert service.seen == []


def test_a_key_used_for_other_content_is_an_error_of_its_own(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    client.charge("user:alice", 10, key="key-1")
    with pytest.raises(KeyReused):
        client.charge("user:alice", 11, key="key-1")


def test_a_decimal_in_metadata_is_sent_as_the_exact_number(client: Millicent, service: FakeService) -> None:
    service.faults.append(instead(lambda: problem(422, "validation_failed")))
    with pytest.raises(ValidationFailed):
        client.charge("user:alice", 0, metadata={"share": Decimal("0.1")})
    assert b'"share":0.1}' in service.seen[-1].content


def test_a_validation_error_names_every_field(client: Millicent, service: FakeService) -> None:
    errors = [{"path": "$.cost", "detail": "must be 0 or more"}, {"path": "$.app", "detail": "must be an id"}]
    service.faults.append(instead(lambda: problem(422, "validation_failed", errors=errors)))
    with pytest.raises(ValidationFailed) as failure:
        client.charge("user:alice", -1)
    assert [error.path for error in failure.value.errors] == ["$.cost", "$.app"]


def test_an_account_shows_its_grants_and_ignores_fields_of_a_later_version(
    client: Millicent, service: FakeService
) -> None:
    service.fund("user:alice", 100)
    account = client.account("user:alice")
    assert (account.available, account.funded, account.seq) == (Decimal(100), Decimal(100), 1)
    assert [(grant.id, grant.remaining) for grant in account.grants] == [("g1", Decimal(100))]


def test_an_unknown_account_is_not_found(client: Millicent) -> None:
    with pytest.raises(NotFound) as failure:
        client.account("user:nobody")
    assert failure.value.code == "account_not_found"


def test_an_actor_with_signs_in_its_name_stays_one_part_of_the_path(client: Millicent, service: FakeService) -> None:
    service.fund("user:a@b.c", 1)
    assert client.account("user:a@b.c").actor == "user:a@b.c"
    assert service.seen[-1].url.raw_path == b"/v1/accounts/user%3Aa%40b.c"


def test_entries_come_newest_first_over_all_pages(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    for _ in range(6):
        client.charge("user:alice", 1)
    listed = list(client.entries("user:alice", page_size=3))
    assert [entry.seq for entry in listed] == [7, 6, 5, 4, 3, 2, 1]
    pages = [request for request in service.seen if request.url.path.endswith("/entries")]
    assert [page.url.params.get("after") for page in pages] == [None, "3", "6"]


def test_entries_are_fetched_only_as_far_as_they_are_read(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    for _ in range(6):
        client.charge("user:alice", 1)
    before = len(service.seen)
    assert next(iter(client.entries("user:alice", page_size=2))).seq == 7
    assert len(service.seen) == before + 1


def test_the_filters_of_entries_go_with_every_page(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    client.charge("user:alice", 1)
    since = datetime(2020, 1, 1, tzinfo=UTC)
    assert [entry.kind for entry in client.entries("user:alice", kind="charge", since=since)] == ["charge"]
    params = service.seen[-1].url.params
    assert (params["from"], params["kind"], "to" in params) == ("2020-01-01T00:00:00+00:00", "charge", False)


def test_an_audit_is_verified_only_if_every_page_is(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 100)
    assert client.audit("user:alice").verified
    pages = [({"items": [], "verified": False, "next": "x"}), ({"items": [], "verified": True})]
    service.faults.extend(instead(lambda page=page: answer(200, page)) for page in pages)  # type: ignore[misc]
    assert not client.audit("user:alice").verified


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        ([(True, 9), (True, 5)], (True, 9)),
        ([("pending", 7), (True, 5)], ("pending", 7)),
        ([("pending", 7), ("pending", 3)], ("pending", 3)),
        ([("pending", 7), (False, None)], (False, None)),
    ],
)
def test_an_audit_is_pending_up_to_its_oldest_gap_unless_a_page_is_false(
    client: Millicent,
    service: FakeService,
    verdicts: list[tuple[object, int | None]],
    together: tuple[object, int | None],
) -> None:
    for place, (verified, through) in enumerate(verdicts):
        page = {"items": [], "verified": verified, "verified_through": through, "next": "x" if place == 0 else None}
        service.faults.append(instead(lambda page=page: answer(200, page)))  # type: ignore[misc]
    trail = client.audit("user:alice")
    assert (trail.verified, trail.verified_through) == together


def test_an_audit_reads_no_more_rows_than_wanted(client: Millicent, service: FakeService) -> None:
    for amount in range(1, 6):
        service.fund("user:alice", amount)
    assert [row.seq for row in client.audit("user:alice", max_rows=2).items] == [5, 4]
    assert service.seen[-1].url.params["limit"] == "2"


def test_an_audit_of_more_rows_than_a_page_holds_ends_within_a_page(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 1000)
    for _ in range(MAX_PAGE + 30):
        client.charge("user:alice", 1)
    assert len(client.audit("user:alice", max_rows=MAX_PAGE + 10).items) == MAX_PAGE + 10


def test_an_operation_tells_what_was_recorded_under_its_key(client: Millicent, service: FakeService) -> None:
    service.fund("user:alice", 1)
    client.charge("user:alice", 1, key="key-1")
    with pytest.raises(InsufficientCredits):
        client.charge("user:alice", 1, key="key-2")
    assert client.operation("key-1", "user:alice").status == 201
    refused = client.operation("key-2", "user:alice")
    assert (refused.status, refused.entry.outcome) == (402, "refused")
    assert refused.problem is not None
    assert refused.problem.code == "insufficient_credits"


def test_an_answer_that_is_not_of_this_api_keeps_the_key(client: Millicent, service: FakeService) -> None:
    service.faults.append(instead(lambda: httpx.Response(200, text="<html>Welcome to the hotel</html>")))
    with pytest.raises(UnexpectedAnswer) as failure:
        client.charge("user:alice", 1, key="key-1")
    assert failure.value.idempotency_key == "key-1"


def test_a_redirect_is_not_followed_with_the_token(client: Millicent, service: FakeService) -> None:
    service.faults.append(instead(lambda: httpx.Response(302, headers={"Location": "http://127.0.0.1:10/"})))
    with pytest.raises(UnexpectedAnswer, match="302"):
        client.health()
    assert len(service.seen) == 1


def test_a_refusal_that_lacks_what_its_code_promises_is_an_unexpected_answer(
    client: Millicent, service: FakeService
) -> None:
    service.faults.append(instead(lambda: problem(402, "insufficient_credits")))
    with pytest.raises(UnexpectedAnswer, match="required"):
        client.charge("user:alice", 1)


def test_health_needs_no_token(service: FakeService) -> None:
    with Millicent("http://127.0.0.1:9", transport=service.transport) as client:
        assert client.health().status == "ok"


def test_keys_are_uuids_of_version_7_that_sort_by_age() -> None:
    before_ms = time.time_ns() // 1_000_000
    keys = [new_key() for _ in range(100)]
    assert before_ms <= UUID(keys[0]).int >> 80 <= UUID(keys[-1]).int >> 80 <= time.time_ns() // 1_000_000
    assert {UUID(key).version for key in keys} == {7}
    assert {UUID(key).variant for key in keys} == {"specified in RFC 4122"}
    assert len(set(keys)) == 100
