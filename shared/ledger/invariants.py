"""Invariants of an account after every entry, asserted in production too.

    available + held + spent + expired = funded     every credit is counted once
    sum of the grants = max(available, 0)           spendable credits are in a grant; an overdraft is in none
    held >= 0                                       a hold is returned once
    seq = seq before + 1                            no entry is missing or duplicated

With 100 funded, 30 spent and 20 held: 50 + 20 + 30 + 0 = 100, and the grants have 50 left. Overdrawn by 5 after that:
-5 + 20 + 85 + 0 = 100, and the grants have nothing left.

All but `held >= 0` are asserted whenever an entry is made. Until it is committed, a change may rest on two inconsistent
reads, such as a hold and a state from before it was placed. The commit then fails its conditions, and the answer says
which of the two has changed. So `held >= 0` is asserted after the commit.

`assert` would not do: the packages are compiled without it.
"""

from shared.ledger.accounts import AccountState


class InvariantBroken(RuntimeError):
    """A bug in the reducer or in its input state. Nothing is written; the message contains no amount."""

    def __init__(self, invariant: str, seq: int) -> None:
        super().__init__(invariant, seq)
        self.invariant = invariant
        self.seq = seq

    def __str__(self) -> str:
        return f"entry {self.seq} would break: {self.invariant}"


def check_held(committed: AccountState) -> None:
    """Raises InvariantBroken if more was returned of holds than was held."""
    if committed.held < 0:
        raise InvariantBroken("held is not negative", committed.seq)


def check(before: AccountState, after: AccountState) -> None:
    """Raises InvariantBroken."""
    if after.seq != before.seq + 1:
        raise InvariantBroken("seq follows seq", after.seq)
    if after.available + after.held + after.spent + after.expired != after.funded:
        raise InvariantBroken("available, held, spent and expired add up to funded", after.seq)
    left = 0
    for grant in after.grants:
        left += grant.remaining
    if left != (max(0, after.available)):
        raise InvariantBroken("the grants add up to the available amount", after.seq)
