"""Every error and every refusal means something over HTTP."""

from collections.abc import Iterator
from typing import get_args

import pytest

from shared.edge.errors import EdgeError
from shared.edge.problems import _DETAILS, MEANINGS, REFUSALS
from shared.ledger.errors import LedgerError
from shared.ledger.operations import Reason

NOT_FOUND = {"grant_not_found", "hold_not_found", "charge_not_found"}


def descendants(error: type[Exception]) -> Iterator[type[Exception]]:
    for child in error.__subclasses__():
        yield child
        yield from descendants(child)


@pytest.mark.parametrize("base", [LedgerError, EdgeError])
def test_every_error_has_a_meaning(base: type[Exception]) -> None:
    assert {each for each in descendants(base) if each.__module__.startswith("shared.")} - MEANINGS.keys() == set()


def test_every_reason_of_a_refusal_has_a_meaning_and_a_detail() -> None:
    assert set(get_args(Reason)) == REFUSALS.keys() == _DETAILS.keys()


@pytest.mark.parametrize("reason", get_args(Reason))
def test_a_refusal_is_for_want_of_credits_of_something_or_of_the_right_state(reason: Reason) -> None:
    expected = 402 if reason in {"insufficient_credits", "limit_exceeded"} else 404 if reason in NOT_FOUND else 409
    assert REFUSALS[reason].status == expected
