"""What makes two requests the same operation."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from shared.ledger.entries import operation_of, records
from shared.ledger.operations import (
    Charge,
    Configure,
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"n": 1}, {"n": 1.0}),
        ({"n": 100}, {"n": 1e2}),
        ({"n": -0.0}, {"n": 0}),
        ({"a": [{"n": 1}, [2.0]]}, {"a": [{"n": 1.0}, [2]]}),
    ],
)
def test_numbers_that_are_equal_are_the_same_content_however_deep(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert replace(CHARGE, metadata=one).request_hash == replace(CHARGE, metadata=other).request_hash


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"n": 1}, {"n": True}),
        ({"n": 1}, {"n": "1"}),
        ({"n": 1}, {"n": 1.5}),
        ({"n": 2**53 + 1}, {"n": 2.0**53}),
        ({"n": 2**62 + 1}, {"n": 2**62}),
        ({"n": 0.1}, {"n": 0.10000000000000002}),
        ({"n": 0}, {"n": None}),
    ],
)
def test_what_is_not_equal_is_other_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert replace(CHARGE, metadata=one).request_hash != replace(CHARGE, metadata=other).request_hash


LIMITS: list[dict[str, Any]] = [
    {"amount": 5, "window": "day", "app": "chat", "meter": None},
    {"amount": 5, "window": None, "app": None, "meter": None},
    {"amount": 7, "window": "day", "app": "mail", "meter": None},
]


@pytest.mark.parametrize("ordered", list(permutations(LIMITS)))
def test_the_order_of_limits_is_not_content(ordered: tuple[dict[str, Any], ...]) -> None:
    asked = operation("k", Configure(limits=list(ordered)))
    assert asked.request_hash == operation("k", Configure(limits=LIMITS)).request_hash
    assert asked.request_hash != operation("k", Configure(limits=LIMITS[:2])).request_hash


def test_the_order_of_thresholds_is_not_content() -> None:
    asked = operation("k", Configure(low_balance_thresholds=[1, 3, 3, 2]))
    assert asked.request_hash == operation("k", Configure(low_balance_thresholds=[3, 2, 1])).request_hash
    assert asked.request_hash != operation("k", Configure(low_balance_thresholds=[3, 2])).request_hash


def test_the_record_keeps_the_order_that_the_caller_gave() -> None:
    _, [entry] = history(Configure(limits=LIMITS))
    assert entry.parameters == {"limits": LIMITS}


@pytest.mark.parametrize(
    ("asked", "request_hash"),
    [
        (CHARGE, "147e01f13c64c15d92a996fb45f97c09182554c38825ffe2fc881d2320340a98"),
        (replace(CHARGE, metadata=None), "54b29ead2f2a17638ab85c68be038616b3015c6c4daea7da91fd807db5fbd9b9"),
        (
            replace(CHARGE, metadata={"a": {"b": [0.25, 2**60, None, True, "1.0"]}}),
            "9e21dd197d2c193db86110ef255184593311bd6030e970860f1a8bd8bb351439",
        ),
        (
            operation("k", Charge(5, usage={"meter": "llm", "input_tokens": "0.5"}, rate_card="llm@1")),
            "ccb4df7a145f08d864fdb9b71996360b54758c11ba3d6df79761657e8ddfb9e1",
        ),
        (
            operation("k", Configure(overdraft_limit=1, limits=LIMITS[:1])),
            "183eca2e379dc808693f22da8cfd2d9b2a552d8055851e40ea40dad820eee294",
        ),
        (
            operation("k", Configure(low_balance_thresholds=[9, 5])),
            "7474b93d66458d019d992330813edb4318b77c29966268c70d2a26cdd9c01b57",
        ),
        (
            operation("k", GrantCredits(5, expires_at_ms=7)),
            "40bedfe35faaadf30aee760b6ce31585b895e7fd348251005b8abce42ff69a9e",
        ),
    ],
    ids=range(7),
)
def test_request_hashes_are_those_of_the_releases_before(asked: Operation, request_hash: str) -> None:
    assert asked.request_hash == request_hash


def test_an_entry_of_a_release_that_spelled_its_content_otherwise_records_the_same_operation() -> None:
    asked = replace(CHARGE, metadata={"n": 1.0})
    _, [entry] = history(asked.terms)
    before = replace(entry, app=asked.app, meter=asked.meter, metadata=asked.metadata, request_hash="as it was then")
    assert records(before, asked)
    assert not records(before, replace(asked, metadata={"n": 2}))


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
