"""Kinds: the single definition of each kind of operation.

A row names the terms of the kind, its effect, its event and everything that other modules decide by kind. A new kind
needs a row, its terms (operations.py), its effect (effects.py) and its tests; CONTRIBUTING lists the files.

    kind            what it does                                        in short
    charge          takes a cost                                        spends
    hold            sets credits aside                                  spends, has a companion item
    capture         takes a part of a hold; the final returns the rest  spends, may end a hold
    release         returns a hold                                      ends a hold, returns credits
    extend          lets a hold last longer
    refund          returns a charge or capture, or a part of it        returns credits, has a companion item
    grant, funding_update, allowance                                    fund
    void            takes a grant away
    expire          ends an expired hold or expired grants              written by the ledger alone
    configure       changes the account's policy                        has a companion item
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from shared.ledger import counterparts, effects
from shared.ledger.accounts import AccountState
from shared.ledger.context import Effect, EffectContext
from shared.ledger.counterparts import Counterpart
from shared.ledger.frozen import dataclass
from shared.ledger.operations import (
    CaptureHold,
    Charge,
    Configure,
    Expire,
    ExtendHold,
    FundingUpdate,
    GrantCredits,
    Kind,
    PlaceHold,
    RefillAllowance,
    Refund,
    ReleaseHold,
    Terms,
    VoidGrant,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a kind of operation means.

    terms, effect      its content, and its effect on an account
    event              the detail type of its event
    status             the HTTP status if it was not refused
    counterpart        how a parent account takes part; None if it concerns the account alone
    spends             needs headroom of the balance, the limits and the parent
    takes_what_is_held can also take the credits of the hold that it names
    counts             what spending limits count: itself; a part of the hold, or of the charge, that it names
    ends_hold          limits subtract what the hold that it names no longer sets aside
    is_refundable      can be refunded
    usage              how sums of usage count it
    companion          the companion item that it writes
    happens_when_due   its effect and calendar are those of the instant at which it was due
    arms_alone         arms low-balance thresholds without warning, as a refill does
    begins_allowance   a refill follows at once if it set an allowance
    only_lapses        what expires is its own amount, not a part of what it returns (unless it ends a hold)
    answer             what an answer shows besides entry and balance
    asked              the requested amount, if a refusal shows the largest affordable one
    """

    terms: type[Terms]
    effect: Callable[[AccountState, Any, EffectContext], Effect]
    event: str
    status: int = 201
    counterpart: Counterpart | None = None
    spends: bool = False
    takes_what_is_held: bool = False
    counts: Literal["itself", "of_hold", "of_charge"] | None = None
    ends_hold: bool = False
    is_refundable: bool = False
    usage: Literal["charged", "refunded"] | None = None
    companion: Literal["hold", "refund tally", "policy"] | None = None
    happens_when_due: bool = False
    arms_alone: bool = False
    begins_allowance: bool = False
    only_lapses: bool = False
    answer: Literal["grant", "settings"] | None = None
    asked: Literal["cost", "minimum", "amount_with_carry", "amount"] | None = None


KINDS: Final[Mapping[Kind, Meaning]] = {
    "charge": Meaning(
        terms=Charge,
        effect=effects.charge,
        event="credit.record-cost",
        counterpart=counterparts.OF_CHARGE,
        spends=True,
        counts="itself",
        is_refundable=True,
        usage="charged",
        asked="cost",
    ),
    "funding_update": Meaning(terms=FundingUpdate, effect=effects.funding_update, event="credit.funding-update"),
    "grant": Meaning(terms=GrantCredits, effect=effects.grant, event="credit.funding-update", answer="grant"),
    "void": Meaning(terms=VoidGrant, effect=effects.void, event="credit.funding-update"),
    "allowance": Meaning(
        terms=RefillAllowance,
        effect=effects.allowance,
        event="credit.funding-update",
        arms_alone=True,
        only_lapses=True,
    ),
    "hold": Meaning(
        terms=PlaceHold,
        effect=effects.hold,
        event="credit.hold",
        counterpart=counterparts.OF_HOLD,
        spends=True,
        counts="itself",
        companion="hold",
        asked="minimum",
    ),
    "extend": Meaning(
        terms=ExtendHold, effect=effects.extend, event="credit.hold", counterpart=counterparts.OF_EXTENSION
    ),
    "capture": Meaning(
        terms=CaptureHold,
        effect=effects.capture,
        event="credit.capture",
        counterpart=counterparts.OF_CAPTURE,
        spends=True,
        takes_what_is_held=True,
        counts="of_hold",
        ends_hold=True,
        is_refundable=True,
        usage="charged",
        asked="amount_with_carry",
    ),
    "release": Meaning(
        terms=ReleaseHold,
        effect=effects.release,
        event="credit.release",
        counterpart=counterparts.OF_RELEASE,
        ends_hold=True,
    ),
    "refund": Meaning(
        terms=Refund,
        effect=effects.refund,
        event="credit.refund",
        counterpart=counterparts.OF_REFUND,
        counts="of_charge",
        usage="refunded",
        companion="refund tally",
        asked="amount",
    ),
    "expire": Meaning(
        terms=Expire,
        effect=effects.expire,
        event="credit.expire",
        ends_hold=True,
        happens_when_due=True,
        only_lapses=True,
    ),
    "configure": Meaning(
        terms=Configure,
        effect=effects.configure,
        event="credit.configure",
        status=200,
        companion="policy",
        begins_allowance=True,
        answer="settings",
    ),
}
