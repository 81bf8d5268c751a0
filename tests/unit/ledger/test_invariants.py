"""A state that cannot be is never written, whatever made it."""

from dataclasses import replace
from typing import Any

import pytest

from shared.ledger.invariants import InvariantBroken, check
from shared.ledger.operations import Charge, GrantCredits
from shared.ledger.reducer import apply
from tests.builders import NOW_MS, history, operation


@pytest.mark.parametrize(
    ("changed", "invariant"),
    [
        ({"available": 71}, "what was funded"),
        ({"spent": 31}, "what was funded"),
        ({"held": -1, "available": 71}, "held is not below zero"),
        ({"available": 69, "spent": 31}, "the grants add up"),
        ({"available": -1, "spent": 101}, "the grants add up"),
        ({"seq": 4}, "seq follows seq"),
    ],
)
def test_each_invariant_is_checked(changed: dict[str, Any], invariant: str) -> None:
    before, _ = history(GrantCredits(100))
    after, _ = history(Charge(30), state=before)
    check(before, after)
    with pytest.raises(InvariantBroken, match=invariant):
        check(before, replace(after, **changed))


def test_an_overdrawn_account_has_empty_grants() -> None:
    before, _ = history(GrantCredits(100))
    after, _ = history(Charge(105, "overdraw"), state=before)
    check(before, after)
    assert (after.available, after.grants) == (-5, ())


def test_nothing_is_applied_to_a_state_that_cannot_be() -> None:
    state, _ = history(GrantCredits(100))
    with pytest.raises(InvariantBroken, match="what was funded"):
        apply(replace(state, available=150), operation("k", Charge(10)), NOW_MS)
