"""What makes two requests the same operation."""

from dataclasses import replace

import pytest

from shared.ledger.entries import operation_of
from shared.ledger.operations import (
    Charge,
    FundingUpdate,
    GrantCredits,
    Operation,
    Terms,
    parameters_of,
    terms_from,
)
from tests.builders import history, operation

CHARGE = replace(operation("k", Charge(5)), app="chat", meter="llm", metadata={"a": [1, "x"], "b": 0.5})


@pytest.mark.parametrize(
    "change",
    [
        {"terms": Charge(6)},
        {"terms": Charge(5, "partial")},
        {"terms": Charge(5, check_id="c")},
        {"terms": GrantCredits(5)},
        {"app": None},
        {"meter": "speech"},
        {"metadata": {"a": [1, "y"], "b": 0.5}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_content_is_another_operation(change: dict[str, object]) -> None:
    assert replace(CHARGE, **change).request_hash != CHARGE.request_hash  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"by": "another caller"}, {"correlation_id": "another request"}])
def test_the_caller_and_the_request_are_not_content(change: dict[str, object]) -> None:
    assert replace(CHARGE, **change).request_hash == CHARGE.request_hash  # type: ignore[arg-type]


def test_the_order_of_metadata_is_not_content() -> None:
    assert replace(CHARGE, metadata={"b": 0.5, "a": [1, "x"]}).request_hash == CHARGE.request_hash


def test_what_a_rate_card_made_of_the_usage_is_not_content() -> None:
    usage = {"meter": "llm", "model": "gpt-4o", "input_tokens": 374}
    priced = replace(CHARGE, terms=Charge(5, usage=usage, rate_card="llm@1"))
    assert replace(CHARGE, terms=Charge(6, usage=usage, rate_card="llm@2")).request_hash == priced.request_hash
    assert replace(CHARGE, terms=Charge(5, usage={**usage, "input_tokens": 375})).request_hash != priced.request_hash


@pytest.mark.parametrize(
    "terms",
    [
        Charge(0),
        Charge(5, "overdraw", "check"),
        FundingUpdate(0, 5, force=True, note="n"),
        GrantCredits(1, "allowance", 3, 99),
    ],
)
def test_terms_are_read_back_from_their_parameters(terms: Terms) -> None:
    assert terms_from(terms.kind, parameters_of(terms)) == terms


def test_an_entry_tells_the_operation_it_records() -> None:
    _, entries = history(Charge(5, check_id="c"))
    recorded: Operation = operation("key-1", Charge(5, check_id="c"))
    assert operation_of(entries[0]) == recorded
