"""The input of an operation's effect besides the account's state, and the Effect itself."""

from collections.abc import Mapping
from typing import Any

from shared.ledger.accounts import AccountState
from shared.ledger.calendar import Periods
from shared.ledger.due import DueHolds
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.grants import (
    Draw,
    Grants,
    Merger,
)
from shared.ledger.headroom import Headroom
from shared.ledger.holds import NOWHERE, Hold, Origin, RefundTally
from shared.ledger.models import UNNAMED, Through
from shared.ledger.operations import (
    Outcome,
    Reason,
)
from shared.ledger.policies import Policy


@dataclass(frozen=True, slots=True)
class References:
    """The current state of what an operation's terms name: the hold, or the charge and its refunds so far.

    `due` is the listing of expired holds, None if it was not read. `parent` is the parent account that pays too, with
    what the operation's counterpart names there. In a replay `approval` takes its place: the entry's record of the
    parent's part.
    """

    hold: Hold | None = None
    charge: Entry | None = None
    tally: RefundTally | None = None
    parent: "Position | None" = None
    approval: "ParentApproval | None" = None
    due: DueHolds | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """An account's current state, with what an operation on it names."""

    state: AccountState
    references: References = References()


@dataclass(frozen=True, slots=True)
class ParentApproval:
    """The parent account's part in a member's operation: how much it could pay, and whether it refused.

    Its headroom names the account that decided: the parent or one above it. `hold` is the id of the hold placed at the
    parent. `declined` is the reason why the parent takes no part in a release or refund, which proceeds without it.
    """

    actor: str
    headroom: Headroom
    refusal: Reason | None = None
    hold: str | None = None
    declined: Reason | None = None


@dataclass(frozen=True, slots=True)
class EffectContext:
    """What decides an operation besides the state and its terms.

    `headroom` is the most that it may spend; `periods` is the account's calendar around now; `member` is set for the
    operation of a parent account: whose operation it accompanies.
    """

    now_ms: int
    headroom: Headroom
    periods: Periods
    references: References = References()
    through: Through = UNNAMED
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Signed changes of the balances; grants, hold and tally that replace the present ones (None: unchanged).

    `amount` is the amount of the entry. `drawn` lists the grants that paid, or that a release, expiry or refund
    credited. `shortfall` is the missing part of the requested amount. `limit` is what decided a refusal, if not the
    account's own balance. `origin` is the app, meter and model of the hold or charge that the terms name. `merged`
    names the grants that were merged because the account had too many.
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
    """The carry after the operation, in quanta of remainders.py."""
