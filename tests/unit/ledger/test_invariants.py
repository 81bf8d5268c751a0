"""A state that cannot be is never written, whatever made it."""

from dataclasses import replace
from typing import Any

import pytest

from shared.ledger.context import References
from shared.ledger.holds import Hold
from shared.ledger.invariants import InvariantBroken, check, check_held
from shared.ledger.operations import CaptureHold, Charge, GrantCredits
from shared.ledger.protocol import Committed, Found, Reply, record
from shared.ledger.reducer import apply
from tests.builders import NOW_MS, SECOND_MS, history, operation


@pytest.mark.parametrize(
    ("changed", "invariant"),
    [
        ({"available": 71}, "add up to funded"),
        ({"spent": 31}, "add up to funded"),
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
    with pytest.raises(InvariantBroken, match="add up to funded"):
        apply(replace(state, available=150), operation("k", Charge(10)), NOW_MS)


def test_what_was_committed_holds_nothing_below_zero() -> None:
    """Two reads that do not belong together make such a change; a commit that took it would be a mistake of ours."""
    state, _ = history(GrantCredits(100))
    held = Hold("h2", 60, 0, "open", NOW_MS + SECOND_MS, (), 2)
    change = apply(state, operation("k", CaptureHold("h2", 50)), NOW_MS, References(hold=held))
    with pytest.raises(InvariantBroken, match="held is not negative"):
        check_held(change.state)


def test_the_protocol_does_not_pass_over_a_commit_that_holds_something_below_zero() -> None:
    state, _ = history(GrantCredits(100))
    held = Hold("h2", 60, 0, "open", NOW_MS + SECOND_MS, (), 2)
    steps = record(operation("k", CaptureHold("h2", 50)), NOW_MS)
    next(steps)
    steps.send(Reply(Found(state, References(hold=held)), 5000))
    with pytest.raises(InvariantBroken):
        steps.send(Reply(Committed(), 5000))
