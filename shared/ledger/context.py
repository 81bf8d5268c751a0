"""What decides an operation besides the account's state, and the words that effects are written in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.ledger.accounts import AccountState
from shared.ledger.calendar import Periods
from shared.ledger.due import DueHolds
from shared.ledger.entries import Entry
from shared.ledger.grants import (
    Draw,
    Grants,
    Merger,
)
from shared.ledger.headroom import Headroom
from shared.ledger.holds import NOWHERE, Hold, Origin, RefundTally
from shared.ledger.operations import (
    Outcome,
    Reason,
)
from shared.ledger.policies import Policy


@dataclass(frozen=True, slots=True)
class References:
    """What the terms of an operation name, as it stands: the hold, or the charge and what was refunded of it so far.

    `due` is what was found of holds that are over; None where nobody has looked. `parent` is the parent account that
    pays too, and what the operation's counterpart there names. In a replay there is `approval` in its place: what the
    entry says of the parent.
    """

    hold: Hold | None = None
    charge: Entry | None = None
    tally: RefundTally | None = None
    parent: "Position | None" = None
    approval: "ParentApproval | None" = None
    due: DueHolds | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """An account as it stands, with what an operation on it names."""

    state: AccountState
    references: References = References()


@dataclass(frozen=True, slots=True)
class ParentApproval:
    """What the parent account said to a member's operation: how much it could pay, and whether it refused.

    Its headroom names who decided it: the parent or one further up. `hold` is the id of the hold that was placed there;
    `declined` why it has no part in what gives back, which goes on without it.
    """

    actor: str
    headroom: Headroom
    refusal: Reason | None = None
    hold: str | None = None
    declined: Reason | None = None


@dataclass(frozen=True, slots=True)
class EffectContext:
    """What decides an operation beside the state and its terms.

    `headroom` is the most that it may spend; `periods` the calendar of the account around now; `member` whose operation
    it goes with, where it is one of a parent account.
    """

    now_ms: int
    headroom: Headroom
    periods: Periods
    references: References = References()
    app: str | None = None
    meter: str | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Signed changes of the balances; grants, hold and tally that replace the present ones (None: unchanged).

    `amount` is the figure on the entry; `drawn` the grants that paid or, for what gives back, that got it back;
    `shortfall` what was missing to the amount that was asked for; `limit` what decided a refusal, where it was not the
    account's own balance; `origin` the app and meter that what the terms name was spent through; `merged` the grants
    that became one for want of room.
    """

    amount: int = 0
    available: int = 0
    held: int = 0
    funded: int = 0
    spent: int = 0
    expired: int = 0
    grants: Grants | None = None
    hold: Hold | None = None
    tally: RefundTally | None = None
    drawn: tuple[Draw, ...] = ()
    outcome: Outcome = "applied"
    reason: Reason | None = None
    shortfall: int = 0
    limit: Mapping[str, Any] | None = None
    origin: Origin = NOWHERE
    policy: Policy | None = None
    overdraft_limit: int | None = None
    merged: Merger | None = None
    carry: int | None = None
    """What is carried after it, in quanta of remainders.py."""
