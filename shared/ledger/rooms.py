"""Room: how much an operation may spend, and what decides that: the balance, a spending limit or the parent account."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.ledger.accounts import AccountState
from shared.ledger.policies import Policy, limit_values


@dataclass(frozen=True, slots=True)
class Room:
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


def room_of(state: AccountState, app: str | None, meter: str | None, now_ms: int) -> Room:
    """What the account itself may spend through `app` and on `meter`, with its overdraft."""
    room = Room(state.spendable)
    return room if state.policy is None else tightest(room, *_rooms_of_limits(state.policy, app, meter, now_ms))


def _rooms_of_limits(policy: Policy, app: str | None, meter: str | None, now_ms: int) -> Iterator[Room]:
    for limit in policy.limits_at(now_ms):
        if limit.covers(app, meter):
            yield Room(limit.room, limit_values(limit))


def tightest(*rooms: Room) -> Room:
    """Of equal ones the first."""
    return min(rooms, key=lambda room: room.amount)
