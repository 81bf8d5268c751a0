import dataclasses
from collections.abc import Iterator
from http import HTTPStatus
from typing import get_args

import pytest

from shared.edge.errors import EdgeError, FieldError, ValidationFailed
from shared.edge.problems import (
    BUSY_RETRY_AFTER_S,
    MEANINGS,
    REFUSALS,
    internal_problem,
    problem_of,
    refusal_of,
    retry_after_s,
)
from shared.ledger.errors import (
    AccountBusy,
    InvalidOperation,
    LedgerError,
    LedgerThrottled,
    LedgerUnavailable,
    RecordDamaged,
)
from shared.ledger.operations import Charge, FundingUpdate, Reason
from shared.pricing.errors import TierUnpriced
from tests.builders import history

STATUSES = {
    "body_too_large": 413,
    "invalid_json": 400,
    "duplicate_json_key": 400,
    "idempotency_key_required": 400,
    "validation_failed": 422,
    "route_not_found": 404,
    "unauthenticated": 401,
    "insufficient_scope": 403,
    "actor_not_allowed": 403,
    "tenant_missing": 403,
    "invalid_amount": 422,
    "invalid_operation": 422,
    "idempotency_key_reused": 422,
    "account_not_found": 404,
    "operation_not_found": 404,
    "digest_not_found": 404,
    "not_in_digest": 404,
    "heads_not_found": 404,
    "digest_exists": 409,
    "unpriced": 422,
    "unknown_currency": 422,
    "rate_version_conflict": 409,
    "throttled": 429,
    "account_busy": 429,
    "ledger_unavailable": 503,
    "insufficient_credits": 402,
    "limit_exceeded": 402,
    "account_frozen": 409,
    "funding_conflict": 409,
    "would_overdraw": 409,
    "too_many_grants": 409,
    "too_many_holds": 409,
    "grant_not_found": 404,
    "hold_not_found": 404,
    "hold_captured": 409,
    "hold_released": 409,
    "hold_expired": 409,
    "exceeds_hold": 409,
    "charge_not_found": 404,
    "exceeds_charge": 409,
}


def test_callers_of_a_busy_account_are_not_all_sent_away_for_the_same_time() -> None:
    waits_s = [retry_after_s(AccountBusy("too many at once")) for _ in range(100)]
    assert set(waits_s) == set(BUSY_RETRY_AFTER_S)


@pytest.mark.parametrize("error", [LedgerThrottled("full"), LedgerUnavailable("lost"), RecordDamaged("main", "a")])
def test_every_other_error_that_passes_is_worth_another_attempt_soon(error: LedgerError) -> None:
    assert retry_after_s(error) == 1


def test_an_error_that_does_not_pass_says_no_time_to_ask_again() -> None:
    assert retry_after_s(InvalidOperation("cost", "a number")) is None


def below(error: type[Exception]) -> Iterator[type[Exception]]:
    for each in error.__subclasses__():
        yield each
        yield from below(each)


@pytest.mark.parametrize("base", [EdgeError, LedgerError])
def test_every_error_has_a_meaning(base: type[Exception]) -> None:
    errors = set(below(base))
    assert errors
    assert errors - MEANINGS.keys() == set()


def test_every_reason_of_a_refusal_has_a_meaning() -> None:
    assert set(get_args(Reason)) == REFUSALS.keys()


def test_every_code_has_the_status_of_the_api() -> None:
    errors = {error.code: int(meaning.status) for error, meaning in MEANINGS.items()}
    refusals = {reason: int(meaning.status) for reason, meaning in REFUSALS.items()}
    assert errors | refusals == STATUSES


def test_no_two_errors_have_the_same_code() -> None:
    # A kind of an error that callers need not tell apart has that error's code.
    apart = [error for error in MEANINGS if "code" in vars(error)]
    assert len({error.code for error in apart}) == len(apart)
    assert set(MEANINGS) - set(apart) == {RecordDamaged, TierUnpriced}


def test_a_validation_error_lists_the_fields() -> None:
    problem = problem_of(ValidationFailed([FieldError("$.cost", "must be 0 or more")]))
    assert problem["errors"] == [{"path": "$.cost", "detail": "must be 0 or more"}]
    assert problem["type"] == "urn:millicent:problem:validation_failed"


def test_an_invalid_operation_names_its_field() -> None:
    problem = problem_of(InvalidOperation("expires_at", "in the future"))
    assert problem["errors"] == [{"path": "$.expires_at", "detail": "must be in the future"}]


def test_a_refusal_for_funds_gives_the_figures_in_millicents() -> None:
    entry = history(FundingUpdate(0, 1_000), Charge(2_500))[1][-1]
    figures = {name: refusal_of(entry)[name] for name in ("required", "available", "held", "shortfall")}
    assert {name: float(amount) for name, amount in figures.items()} == {
        "required": 2.5,
        "available": 1,
        "held": 0,
        "shortfall": 1.5,
    }


def test_every_refusal_has_a_detail() -> None:
    refused = history(Charge(1))[1][0]
    for reason in get_args(Reason):
        assert refusal_of(dataclasses.replace(refused, reason=reason))["detail"]


def test_an_entry_that_was_not_refused_is_no_problem() -> None:
    with pytest.raises(ValueError, match="was not refused"):
        refusal_of(history(FundingUpdate(0, 1))[1][0])


def test_a_failure_of_ours_is_a_500() -> None:
    assert internal_problem()["status"] == HTTPStatus.INTERNAL_SERVER_ERROR
