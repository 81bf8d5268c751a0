"""Headroom: how much an operation may spend. The balance, a spending limit or the parent account decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.ledger.accounts import AccountState
from shared.ledger.calendar import Periods
from shared.ledger.holds import Hold
from shared.ledger.policies import Limit, limit_values


@dataclass(frozen=True, slots=True)
class Headroom:
    """`amount` microcents, below zero where more than that was spent already.

    `limit` is the spending limit that decides, as plain values, None where the balance does; `account` the parent that
    it belongs to, None for the account itself.
    """

    amount: int
    limit: Mapping[str, Any] | None = None
    account: str | None = None

    @property
    def decided_by(self) -> dict[str, Any] | None:
        """What a refusal says of it; None where it was the account's own balance."""
        account = {} if self.account is None else {"account": self.account}
        return {**(self.limit or {}), **account} or None


def headroom_of(
    state: AccountState, app: str | None, meter: str | None, periods: Periods, held: Hold | None = None
) -> Headroom:
    """What the account itself may spend through `app` and on `meter`, with its overdraft.

    `held` is an open hold that is to be captured: the most that may be captured of it. What it holds is there, and a
    limit that counts it gives it back before the capture counts as a whole. With 80 held, then a limit of 100 a day,
    100 may be captured: the limit has counted nothing of the 80.
    """
    headroom = Headroom(state.spendable + (held.amount if held else 0))
    if state.policy is None:
        return headroom
    # Windows that begin with this very entry count nothing that was held before.
    limits = state.policy.limits_at(periods, state.seq + 1)
    return tightest(headroom, *(_headroom_of_limit(limit, held) for limit in limits if limit.covers(app, meter)))


def _headroom_of_limit(limit: Limit, held: Hold | None) -> Headroom:
    counted = held.amount if held is not None and held.placed_seq >= limit.counted_from_seq else 0
    return Headroom(limit.headroom + counted, limit_values(limit))


def tightest(*headrooms: Headroom) -> Headroom:
    """Of equal ones the first."""
    return min(headrooms, key=lambda headroom: headroom.amount)
