"""A request with a cost in dollars is one amount among others, and says what is wrong with it."""

from typing import Any

import pytest

from functions.holds.schema import CaptureRequest
from shared.edge.charges import RequestContext, keyed_charge
from shared.edge.errors import ValidationFailed
from shared.edge.exact_json import read_object
from shared.edge.validation import convert
from shared.ledger.accounts import Account
from shared.ledger.operations import Charge, Operation

ASKED = RequestContext("service", "request-1", "$.charges[3]")
USAGE = {"meter": "llm", "model": "gpt-4o", "input_tokens": 1}


def charge(**members: Any) -> Operation:
    document = {"key": "k", "actor": "user:alice", **members}
    return keyed_charge(document, lambda actor: Account("main", actor), ASKED)


def faults(ask: Any) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as failed:
        ask()
    return {each.path: each.detail for each in failed.value.errors}


def capture(**members: Any) -> object:
    return convert({"actor": "user:alice", **members}, CaptureRequest).terms("h2")


def test_a_number_and_its_text_are_the_same_charge() -> None:
    number = read_object(b'{"cost_usd": 1.3750E-5}')["cost_usd"]
    as_number, as_text = charge(cost_usd=number), charge(cost_usd="0.00001375")
    assert as_number.terms == Charge(1_375, cost_usd="0.000013750")
    assert as_number.request_hash == as_text.request_hash


@pytest.mark.parametrize("other", [{"cost": 5}, {"usage": USAGE}])
def test_a_cost_in_dollars_excludes_every_other_amount(other: dict[str, Any]) -> None:
    (name,) = other
    assert faults(lambda: charge(cost_usd="1", **other)) == {
        "$.charges[3].cost_usd": f"must not be given together with {name}"
    }


@pytest.mark.parametrize("other", [{"amount": 5}, {"usage": USAGE}])
def test_a_capture_in_dollars_excludes_every_other_amount(other: dict[str, Any]) -> None:
    (name,) = other
    assert faults(lambda: capture(cost_usd="1", **other)) == {"$.cost_usd": f"must not be given together with {name}"}


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("1,50", 'must be a decimal of 0 or more, of at most 64 characters, such as "0.0000123"'),
        (True, "must be a number or a decimal string"),
        (-1, "must be 0 or more"),
        (10_000_001, "must be at most 10000000 dollars"),
        ("1e-41", "must be a decimal with at most 40 decimals"),
    ],
)
def test_a_cost_that_is_none_is_refused_by_its_name(value: object, detail: str) -> None:
    assert faults(lambda: charge(cost_usd=value)) == {"$.charges[3].cost_usd": detail}


def test_a_charge_without_any_amount_names_the_first() -> None:
    assert faults(charge) == {"$.charges[3].cost": "is required, or usage instead"}
