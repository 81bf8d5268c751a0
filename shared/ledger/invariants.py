"""What is true of an account after every entry, asserted in production too.

    available + held + spent + expired = funded     every credit is in one place
    sum of the grants = max(available, 0)           what can be spent is in a grant; an overdraft is in none
    held >= 0                                       a hold is returned once
    seq = seq before + 1                            no entry is missing, none is there twice

With 100 funded, 30 spent and 20 held: 50 + 20 + 30 + 0 = 100, and the grants have 50 left. Overdrawn by 5 after that:
-5 + 20 + 85 + 0 = 100, and the grants have nothing left.

All but one are asserted whenever an entry is made. Not so `held >= 0`: until it is committed, a change may rest on two
reads that do not belong together, such as a state from before a hold was placed, and the hold. Its conditions then turn
it down, and what comes back says which of the two has moved. So that one is asserted of what was committed.

`assert` would not do: the packages are compiled without it.
"""

from shared.ledger.accounts import AccountState


class InvariantBroken(RuntimeError):
    """The reducer, or the state that it was given, is wrong. Nothing is written; no amount is in the message."""

    def __init__(self, invariant: str, seq: int) -> None:
        super().__init__(invariant, seq)
        self.invariant = invariant
        self.seq = seq

    def __str__(self) -> str:
        return f"entry {self.seq} would break: {self.invariant}"


def check_held(committed: AccountState) -> None:
    """Raises InvariantBroken where more was returned of holds than was held."""
    if committed.held < 0:
        raise InvariantBroken("held is not below zero", committed.seq)


def check(before: AccountState, after: AccountState) -> None:
    """Raises InvariantBroken."""
    if after.seq != before.seq + 1:
        raise InvariantBroken("seq follows seq", after.seq)
    if after.available + after.held + after.spent + after.expired != after.funded:
        raise InvariantBroken("what was funded is available, held, spent or expired", after.seq)
    left = 0
    for grant in after.grants:
        left += grant.remaining
    if left != (max(0, after.available)):
        raise InvariantBroken("the grants add up to what is available", after.seq)
