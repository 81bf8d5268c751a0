"""Operations: what a caller asks of an account, identified by an idempotency key that the caller made.

Each kind has its terms: the content that decides its effect. Amounts are microcents, times epoch milliseconds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, TypeAlias, get_args

from shared.ledger.accounts import Account
from shared.ledger.canonical import by_value, canonical_json, sha256_hex
from shared.ledger.grants import DEFAULT_PRIORITY, Category
from shared.ledger.policies import Status

IfInsufficient: TypeAlias = Literal["refuse", "overdraw", "partial"]
Overrun: TypeAlias = Literal["refuse", "charge", "partial", "overdraw"]
IfExpired: TypeAlias = Literal["refuse", "charge", "overdraw"]
Kind: TypeAlias = Literal[
    "charge",
    "funding_update",
    "grant",
    "void",
    "allowance",
    "hold",
    "extend",
    "capture",
    "release",
    "refund",
    "expire",
    "configure",
]
Outcome: TypeAlias = Literal["applied", "partial", "refused"]
Reason: TypeAlias = Literal[
    "insufficient_credits",
    "limit_exceeded",
    "account_frozen",
    "funding_conflict",
    "would_overdraw",
    "grant_not_found",
    "hold_not_found",
    "hold_captured",
    "hold_released",
    "hold_expired",
    "exceeds_hold",
    "charge_not_found",
    "exceeds_charge",
]

FOR_WANT_OF_CREDITS: Final[frozenset[str | None]] = frozenset({"insufficient_credits", "limit_exceeded"})
"""Reasons of a refusal that a smaller amount might not have met."""

SYSTEM_CALLER: Final = "millicent"
"""`by` of entries that the ledger writes on its own account, such as an expiry."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Takes `cost`. Where that is not there: `refuse`, go below zero (`overdraw`), or take what is (`partial`).

    A cost that was computed from quantities comes with them (`usage`) and with the rate card that priced them, by name
    and version. So do the amounts of holds and captures. `remainder` is what the usage is worth beyond the cost, in
    quanta of remainders.py; None where that is nothing.
    """

    kind: ClassVar[Kind] = "charge"
    cost: int
    if_insufficient: IfInsufficient = "refuse"
    check_id: str | None = None
    usage: Mapping[str, Any] | None = None
    rate_card: str | None = None
    remainder: int | None = None


@dataclass(frozen=True, slots=True)
class FundingUpdate:
    """Compare and set of the funded total. `force` lets a reduction push the account below its limit."""

    kind: ClassVar[Kind] = "funding_update"
    old_amount: int
    new_amount: int
    force: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class GrantCredits:
    """Adds a lot of credits, unusable from `expires_at_ms` on."""

    kind: ClassVar[Kind] = "grant"
    amount: int
    category: Category = "purchased"
    priority: int = DEFAULT_PRIORITY
    expires_at_ms: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class VoidGrant:
    """Takes back what is left of a grant, as if that much had never been funded."""

    kind: ClassVar[Kind] = "void"
    grant: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RefillAllowance:
    """Lets the allowance hold `amount` until `expires_at_ms`, in the place of the grant that held it until now.

    Of what that did not hold, what the account owes is paid first.

    Only the ledger asks for it.
    """

    kind: ClassVar[Kind] = "allowance"
    amount: int
    priority: int
    expires_at_ms: int
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Sets `amount` aside for `ttl_ms`; with a `minimum_amount`, what is there down to that minimum."""

    kind: ClassVar[Kind] = "hold"
    amount: int
    ttl_ms: int
    minimum_amount: int | None = None
    usage: Mapping[str, Any] | None = None
    rate_card: str | None = None


@dataclass(frozen=True, slots=True)
class ExtendHold:
    """Lets an open hold expire `ttl_ms` from now. It never shortens it."""

    kind: ClassVar[Kind] = "extend"
    hold: str
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class CaptureHold:
    """Charges `amount` of a hold (all of it when None) and returns the rest.

    More than is held is refused and leaves the hold intact, unless `overrun` says otherwise. Then the excess is charged
    in the same entry: all of it, or the capture is refused (`charge`); as much as is there (`partial`); or all of it
    whatever is there (`overdraw`).

    Of a hold that has expired nothing is left. `if_expired` settles the work all the same: the whole amount is a charge
    like any other (`charge`), or is taken whatever is there (`overdraw`). None: it is refused.
    """

    kind: ClassVar[Kind] = "capture"
    hold: str
    amount: int | None = None
    overrun: Overrun = "refuse"
    usage: Mapping[str, Any] | None = None
    rate_card: str | None = None
    if_expired: IfExpired | None = None
    remainder: int | None = None


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Returns all of an open hold."""

    kind: ClassVar[Kind] = "release"
    hold: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Gives back `amount` of a charge or capture (what is left of it when None) to the grants that paid."""

    kind: ClassVar[Kind] = "refund"
    charge: str
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Expire:
    """Returns a hold that is over, or removes what is left of the grants that have expired by `due_at_ms` (None: now).

    Only the ledger asks for it. It has the effect that it had at its instant, however late it is written down.
    """

    kind: ClassVar[Kind] = "expire"
    hold: str | None = None
    due_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Configure:
    """Changes what governs the account; what is None stays as it is.

    `limits` are mappings of amount, window, app and meter. `allowance` has amount, interval, priority, rollover_minimum
    and rollover_maximum, and ends the present one where it is empty; so does an empty `parent`.
    """

    kind: ClassVar[Kind] = "configure"
    overdraft_limit: int | None = None
    low_balance_thresholds: Sequence[int] | None = None
    time_zone: str | None = None
    status: Status | None = None
    limits: Sequence[Mapping[str, Any]] | None = None
    allowance: Mapping[str, Any] | None = None
    parent: str | None = None


Terms: TypeAlias = (
    Charge
    | FundingUpdate
    | GrantCredits
    | VoidGrant
    | RefillAllowance
    | PlaceHold
    | ExtendHold
    | CaptureHold
    | ReleaseHold
    | Refund
    | Expire
    | Configure
)

_PRICED: Final = frozenset({"cost", "amount", "rate_card", "remainder"})
_TERMS: Final[Mapping[str, type[Terms]]] = {terms.kind: terms for terms in get_args(Terms)}


@dataclass(frozen=True, slots=True)
class Operation:
    """One mutation of one account.

    `by` is the identity of the caller, `correlation_id` the request that carried the operation; neither is content: the
    same key with the same content from another caller or in another request is a replay.
    """

    account: Account
    key: str
    terms: Terms
    by: str
    correlation_id: str
    app: str | None = None
    meter: str | None = None
    metadata: Mapping[str, Any] | None = None
    member: str | None = None
    """The actor of the member whose operation this one of a parent account goes with."""

    @property
    def kind(self) -> Kind:
        return self.terms.kind

    @property
    def request_hash(self) -> str:
        """SHA-256 of the content. Two operations under one key are the same operation if and only if these agree."""
        return self.hash_with(parameters_of(self.terms))

    def hash_with(self, parameters: Mapping[str, Any]) -> str:
        """The request hash, for who has made the parameters of its terms already."""
        return sha256_hex(
            canonical_json(
                {
                    "kind": self.kind,
                    "parameters": _content_of(parameters),
                    "app": self.app,
                    "meter": self.meter,
                    "metadata": by_value(self.metadata),
                }
            )
        )


def parameters_of(terms: Terms) -> dict[str, Any]:
    """The terms as plain JSON values, absent ones left out. `terms_from` is the way back."""
    return {name: value for name in terms.__slots__ if (value := getattr(terms, name)) is not None}


def _content_of(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters that the caller gave. What a rate card made of `usage` is not among them.

    So a request that is sent again after the prices changed is still the same request. Nor is the order of a set.
    """
    if "usage" in parameters:
        return {name: value for name, value in parameters.items() if name not in _PRICED}
    sets = {name: in_order(parameters[name]) for name, in_order in _IN_ORDER.items() if name in parameters}
    return {**parameters, **sets} if sets else parameters


def _limits_in_order(limits: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(limits, key=canonical_json)


def _highest_first(thresholds: Iterable[int]) -> list[int]:
    return sorted(set(thresholds), reverse=True)


_IN_ORDER: Final[Mapping[str, Callable[[Any], list[Any]]]] = {
    "limits": _limits_in_order,
    "low_balance_thresholds": _highest_first,
}
"""Parameters that are sets, and the order that stands for all."""


def named_hold(terms: Terms) -> str | None:
    """The id of the hold that the terms speak of."""
    return getattr(terms, "hold", None)


def named_charge(terms: Terms) -> str | None:
    """The key of the charge that the terms speak of."""
    return getattr(terms, "charge", None)


def names_nothing(terms: Terms) -> bool:
    """Whether the state alone decides what the operation does."""
    return named_hold(terms) is None and named_charge(terms) is None


def terms_from(kind: str, parameters: Mapping[str, Any]) -> Terms:
    """The terms that an entry of this kind was recorded with."""
    return _TERMS[kind](**parameters)
