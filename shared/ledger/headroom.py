"""Headroom: how much an operation may spend. The balance, a spending limit or the parent account decides."""

from collections.abc import Mapping
from typing import Any

from shared.ledger.accounts import AccountState
from shared.ledger.calendar import Periods
from shared.ledger.frozen import dataclass
from shared.ledger.holds import Hold
from shared.ledger.models import Through
from shared.ledger.policies import Limit, limit_values


@dataclass(frozen=True, slots=True)
class Headroom:
    """`amount` microcents, negative if more was spent already.

    `limit` is the spending limit that decides, as plain values, None if the balance does; `account` is the parent that
    it belongs to, None for the account itself.
    """

    amount: int
    limit: Mapping[str, Any] | None = None
    account: str | None = None

    @property
    def decided_by(self) -> dict[str, Any] | None:
        """The field of a refusal; None if the account's own balance decided."""
        account = {} if self.account is None else {"account": self.account}
        return {**(self.limit or {}), **account} or None


def headroom_of(state: AccountState, through: Through, periods: Periods, held: Hold | None = None) -> Headroom:
    """The most that the account itself may spend through an app, a meter and a model, including its overdraft limit.

    With `held`, an open hold, it is the most that may be captured of that hold. What is left of it is available to the
    capture, and a limit that has counted the hold returns that before it counts the capture. Example: 80 are held, then
    a limit of 100 a day is set. 100 may be captured: the limit has not counted the 80.
    """
    headroom = Headroom(state.spendable + (held.remaining if held else 0))
    if state.policy is None:
        return headroom
    # A window that begins with this entry has counted no earlier hold.
    limits = state.policy.limits_at(periods, state.seq + 1)
    return tightest(headroom, *(_headroom_of_limit(limit, held) for limit in limits if limit.covers(through)))


def _headroom_of_limit(limit: Limit, held: Hold | None) -> Headroom:
    counted = held.remaining if held is not None and _has_counted(limit, held) else 0
    return Headroom(limit.headroom + counted, limit_values(limit))


def _has_counted(limit: Limit, held: Hold) -> bool:
    # A limit of a model covers the capture of a hold that named no model, but not the hold.
    return held.placed_seq >= limit.counted_from_seq and limit.covers(held.through)


def tightest(*headrooms: Headroom) -> Headroom:
    """The smallest headroom; among equals, the first."""
    return min(headrooms, key=lambda headroom: headroom.amount)
