"""Amounts as decimal strings: which members are amounts, and who asks for them."""

import json
from collections.abc import Iterator
from decimal import Decimal
from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from millicent import models
from shared.edge.amount_texts import AMOUNTS, amounts_asked, with_texts
from shared.edge.errors import ValidationFailed
from shared.edge.http import encoded
from shared.ledger.amounts import to_millicents


def decimals_of(model: type[msgspec.Struct]) -> Iterator[str]:
    for name, hint in get_type_hints(model).items():
        if hint is Decimal or (not isinstance(hint, type) and Decimal in _within(hint)):
            yield name


def _within(hint: Any) -> set[Any]:
    parts = get_args(hint)
    return {hint}.union(*(_within(part) for part in parts)) if isinstance(hint, UnionType) or parts else {hint}


def test_the_members_that_are_amounts_are_those_that_the_client_reads_as_decimals() -> None:
    structs = [each for each in vars(models).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    assert {name for each in structs for name in decimals_of(each)} == AMOUNTS


def test_amounts_are_texts_and_all_else_is_as_it_is() -> None:
    content = {
        "available": to_millicents(9_007_199_254_740_993),
        "held": 0,
        "overdraft_limit": Decimal("-12.500"),
        "largest_affordable": Decimal("1E+3"),
        "low_balance_thresholds": [1, Decimal("0.001")],
        "reason": None,
        "limit": None,
        "seq": 7,
        "verified": True,
        "grants": [{"amount": 1, "priority": 2}],
        "metadata": {"amount": 5},
        "usage": {"amount": 5},
    }
    assert with_texts(content) == content | {
        "available": "9007199254740.993",
        "held": "0",
        "overdraft_limit": "-12.500",
        "largest_affordable": "1000",
        "low_balance_thresholds": ["1", "0.001"],
        "grants": [{"amount": "1", "priority": 2}],
    }


def test_by_default_amounts_are_the_numbers_that_they_are() -> None:
    assert encoded({"available": to_millicents(9_007_199_254_740_993)}) == '{"available":9007199254740.993}'


@pytest.mark.parametrize(
    ("query", "accept", "asked"),
    [
        ({}, None, "number"),
        ({"amounts": "string"}, None, "string"),
        ({"amounts": "number"}, "application/json; amounts=string", "number"),
        ({}, "application/json; amounts=string", "string"),
        ({}, 'text/html, Application/Problem+JSON;q=0.5;Amounts="string"', "string"),
        ({}, "text/csv; amounts=string, */*", "number"),
        ({}, "application/json; charset=utf-8", "number"),
    ],
)
def test_a_request_asks_in_its_query_or_in_what_it_accepts(
    query: dict[str, str], accept: str | None, asked: str
) -> None:
    assert amounts_asked(query, accept) == asked


@pytest.mark.parametrize(
    ("query", "accept", "path", "detail"),
    [
        ({"amounts": "text"}, None, "query.amounts", "must be one of number, string"),
        ({"amounts": ""}, None, "query.amounts", "must be one of number, string"),
        (
            {},
            "application/json; amounts=text",
            "header.Accept",
            "must be without amounts, or with amounts= one of number, string",
        ),
    ],
)
def test_what_is_wrong_is_named(query: dict[str, str], accept: str | None, path: str, detail: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        amounts_asked(query, accept)
    assert [(each.path, each.detail) for each in refused.value.errors] == [(path, detail)]


@pytest.mark.parametrize("text", ["9007199254740.993", '"9007199254740.993"'])
def test_the_client_reads_either_exactly(text: str) -> None:
    balance = json.dumps({"available": 0, "held": 0, "funded": 0, "spent": 0}).replace(
        '"available": 0', f'"available": {text}'
    )
    assert msgspec.json.decode(balance, type=models.Balance).available == Decimal("9007199254740.993")
