"""The two ways to look at a request, msgspec's and field by field, agree."""

import base64
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.check.schema import CheckRequest
from functions.funding.schema import FundingUpdateRequest, GrantRequest
from functions.history.schema import EntriesQuery, before_seq, cursor_of
from shared.edge import validation
from shared.edge.charges import CostRequest
from shared.edge.errors import FieldError, IdempotencyKeyRequired, ValidationFailed
from shared.edge.validation import convert, idempotency_key

REQUESTS: list[type[msgspec.Struct]] = [CheckRequest, CostRequest, FundingUpdateRequest, GrantRequest, EntriesQuery]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False),
    st.text(max_size=10),
    st.sampled_from(["user:alice", "refuse", "charge", "purchased", "42.5", "2099-01-01T00:00:00Z", "20"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers() | st.decimals(allow_nan=False), max_size=2),
)


def fields(request_type: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(request_type)]


@st.composite
def documents(draw: st.DrawFn) -> tuple[type[msgspec.Struct], dict[str, Any]]:
    request_type = draw(st.sampled_from(REQUESTS))
    names = st.sampled_from([*fields(request_type), "surprise"])
    return request_type, draw(st.dictionaries(names, VALUES, max_size=6))


def errors_of(document: dict[str, Any], request_type: type[msgspec.Struct]) -> tuple[FieldError, ...]:
    try:
        convert(document, request_type)
    except ValidationFailed as refused:
        return refused.errors
    return ()


def is_taken(document: dict[str, Any], request_type: type[msgspec.Struct]) -> bool:
    """What msgspec alone says."""
    try:
        msgspec.convert(document, request_type, dec_hook=validation._read)
    except msgspec.ValidationError:
        return False
    return True


@given(documents())
def test_a_request_is_refused_if_and_only_if_a_field_is_named(
    drawn: tuple[type[msgspec.Struct], dict[str, Any]],
) -> None:
    request_type, document = drawn
    errors = errors_of(document, request_type)
    assert bool(errors) != is_taken(document, request_type)
    assert {error.path for error in errors} <= {f"$.{name}" for name in [*fields(request_type), *document]}
    assert all(error.detail.startswith(("must be ", "unknown field", "is required")) for error in errors)


@given(st.integers(0, 10**15))
def test_an_amount_is_read_to_the_microcent(microcents: int) -> None:
    millicents = Decimal(microcents) / 1000
    request = convert({"actor": "a", "cost": millicents}, CostRequest)
    assert request.cost == microcents


@given(st.integers(1, 10**12 - 1))
def test_a_cursor_is_read_back(seq: int) -> None:
    assert before_seq(cursor_of(seq)) == seq


@given(st.text(max_size=20))
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    assume(not re.fullmatch("[A-Za-z0-9_-]{2,16}", cursor))
    with pytest.raises(ValidationFailed):
        before_seq(cursor)


@pytest.mark.parametrize("text", ["05", "-5", "5.", " 5", "5\n", "٣", "1" * 13, "five"])
def test_a_cursor_around_anything_but_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        before_seq(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))


@pytest.mark.parametrize("header", ["k-1", '"k-1"', ' "k-1" ', "\tk-1"])
def test_a_key_is_bare_or_a_quoted_string(header: str) -> None:
    assert idempotency_key(header) == "k-1"


@pytest.mark.parametrize("header", [None, "", '""', " "])
def test_an_empty_key_is_no_key(header: str | None) -> None:
    with pytest.raises(IdempotencyKeyRequired):
        idempotency_key(header)


def test_an_amount_is_a_plain_integer_once_it_is_an_operation() -> None:
    assert type(convert({"actor": "a", "amount": 5}, GrantRequest).terms.amount) is int  # type: ignore[union-attr]
