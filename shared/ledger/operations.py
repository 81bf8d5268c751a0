"""Operations: what a caller asks of an account under an idempotency key.

Each kind has its terms: the content that decides its effect. Amounts are microcents, times epoch milliseconds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, TypeAlias, get_args

from shared.ledger.accounts import Account
from shared.ledger.canonical import by_value, canonical_json, sha256_hex
from shared.ledger.frozen import dataclass
from shared.ledger.grants import DEFAULT_PRIORITY, Category
from shared.ledger.money import same_money
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
"""Reasons of a refusal that a smaller amount might avoid."""

SYSTEM_CALLER: Final = "millicent"
"""`by` of entries that the ledger writes by itself, such as an expiry."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Takes `cost`. Without sufficient credits: `refuse`, go below zero (`overdraw`), or take what is available
    (`partial`).

    A cost that was computed from quantities comes with them (`usage`) and with the rate card that priced them, by name
    and version. The same holds for the amounts of holds and captures. `remainder` is the price of the usage beyond the
    cost, in quanta of remainders.py; None if that is zero.

    `adjustment` is the version of the adjustment of that card that was applied.

    `cost_usd` is the cost as the caller gave it in dollars, a decimal text from which `cost` was computed. `cost_money`
    is one in another currency, its amount a text as well; `exchange_rate` is the rate that was used and its version.

    `occurred_at_ms` is when what is charged occurred, if the caller says so: its price and its day in sums of usage are
    those of that time. Everything else happens when the charge is recorded.
    """

    kind: ClassVar[Kind] = "charge"
    cost: int
    if_insufficient: IfInsufficient = "refuse"
    check_id: str | None = None
    usage: Mapping[str, Any] | None = None
    rate_card: str | None = None
    remainder: int | None = None
    cost_usd: str | None = None
    occurred_at_ms: int | None = None
    adjustment: str | None = None
    cost_money: Mapping[str, str] | None = None
    exchange_rate: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FundingUpdate:
    """Compare and set of the funded total. `force` lets a reduction push the account below its overdraft limit."""

    kind: ClassVar[Kind] = "funding_update"
    old_amount: int
    new_amount: int
    force: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class GrantCredits:
    """Adds a grant, which cannot be spent from `expires_at_ms` on."""

    kind: ClassVar[Kind] = "grant"
    amount: int
    category: Category = "purchased"
    priority: int = DEFAULT_PRIORITY
    expires_at_ms: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class VoidGrant:
    """Takes back the unspent part of a grant, as if that part had never been funded."""

    kind: ClassVar[Kind] = "void"
    grant: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RefillAllowance:
    """Sets the allowance's grant to `amount` until `expires_at_ms`; it replaces the grant of the period before.

    The added credits first pay what the account owes. Only the ledger creates this operation.
    """

    kind: ClassVar[Kind] = "allowance"
    amount: int
    priority: int
    expires_at_ms: int
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Sets `amount` aside for `ttl_ms`; with a `minimum_amount`, as much as is spendable down to that minimum."""

    kind: ClassVar[Kind] = "hold"
    amount: int
    ttl_ms: int
    minimum_amount: int | None = None
    usage: Mapping[str, Any] | None = None
    rate_card: str | None = None
    adjustment: str | None = None


@dataclass(frozen=True, slots=True)
class ExtendHold:
    """Lets an open hold expire `ttl_ms` from now. It never shortens a hold."""

    kind: ClassVar[Kind] = "extend"
    hold: str
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class CaptureHold:
    """Charges `amount` of what is left of a hold (all of it if None) and returns the rest.

    With `final` False it is a part: it needs an amount, nothing returns, and the hold stays as it is, for the captures
    that follow. None: it ends the hold.

    An amount above what is left is refused and leaves the hold intact, unless `overrun` says otherwise. Then the excess
    is charged in the same entry: all of it or nothing (`charge`), as much as is spendable (`partial`), or all of it
    regardless of the balance (`overdraw`).

    An expired hold holds no credits. With `if_expired` the whole amount is charged like any other charge (`charge`), or
    regardless of the balance (`overdraw`). None: the capture is refused.

    `occurred_at_ms` is as for a charge, but usage of the hold's meter and model keeps the price of the hold.
    """

    kind: ClassVar[Kind] = "capture"
    hold: str
    amount: int | None = None
    overrun: Overrun = "refuse"
    usage: Mapping[str, Any] | None = None
    rate_card: str | None = None
    if_expired: IfExpired | None = None
    remainder: int | None = None
    cost_usd: str | None = None
    occurred_at_ms: int | None = None
    adjustment: str | None = None
    cost_money: Mapping[str, str] | None = None
    exchange_rate: Mapping[str, Any] | None = None
    final: Literal[False] | None = None

    @property
    def is_part(self) -> bool:
        return self.final is False


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Returns what is left of an open hold."""

    kind: ClassVar[Kind] = "release"
    hold: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Refunds `amount` of a charge or capture (the unrefunded rest if None) to the grants that paid."""

    kind: ClassVar[Kind] = "refund"
    charge: str
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Expire:
    """Returns an expired hold, or removes the rest of the grants that have expired by `due_at_ms` (None: now).

    Only the ledger creates this operation. Its effect is that of the instant of expiry, however late it is recorded.
    """

    kind: ClassVar[Kind] = "expire"
    hold: str | None = None
    due_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Configure:
    """Changes the account's settings; None leaves a setting unchanged.

    `limits` are mappings of amount, window, app, meter and, if they have one, model. `allowance` has amount, interval,
    priority, rollover_minimum and rollover_maximum; an empty one ends the present allowance, and an empty `parent` ends
    the membership.
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

RAW_DIGEST: Final = "raw_digest"
"""The member of usage with the digest of the report that it was read from, with everything that was asked beside it."""
_PRICED: Final = frozenset({"cost", "amount", "rate_card", "remainder", "adjustment", "exchange_rate"})
_PRICED_FROM: Final = frozenset({"usage", "cost_usd", "cost_money"})
"""What a caller may give in place of an amount."""
_TERMS: Final[Mapping[str, type[Terms]]] = {terms.kind: terms for terms in get_args(Terms)}


@dataclass(frozen=True, slots=True)
class Operation:
    """One mutation of one account.

    `by` is the identity of the caller, `correlation_id` the request that carried the operation. Neither is content: the
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
    """On a parent account: the actor of the member whose operation this one accompanies."""
    model: str | None = None
    """The model of its usage, by the card that priced it (models.py). As the price, it is not content."""

    @property
    def kind(self) -> Kind:
        return self.terms.kind

    @property
    def request_hash(self) -> str:
        """SHA-256 of the content.

        Two operations under one key are the same operation if and only if their hashes are equal.
        """
        return self.hash_with(parameters_of(self.terms))

    def hash_with(self, parameters: Mapping[str, Any]) -> str:
        """The request hash, from the parameters of its terms."""
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
    """The terms as plain JSON values, without absent ones. `terms_from` is the inverse."""
    return {name: value for name in terms.__slots__ if (value := getattr(terms, name)) is not None}


def _content_of(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters that the caller gave, without the amount and rate card that were computed from them.

    So a request that is sent again after a price change is still the same request. The order of a set does not matter,
    nor how a decimal is spelled.
    """
    if not parameters.keys().isdisjoint(_PRICED_FROM):
        given = {name: value for name, value in parameters.items() if name not in _PRICED}
        return {name: _BY_VALUE.get(name, _as_given)(value) for name, value in given.items()}
    sets = {name: in_order(parameters[name]) for name, in_order in _IN_ORDER.items() if name in parameters}
    return {**parameters, **sets} if sets else parameters


def _as_given(value: Any) -> Any:  # noqa: ANN401 - any parameter
    return value


def _as_asked(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the caller gave. Of quantities that were read from a provider's report, that is the report's digest.

    So the same report is the same usage, even if a later release reads it differently.
    """
    return {RAW_DIGEST: usage[RAW_DIGEST]} if RAW_DIGEST in usage else usage


def _same_amount(cost_money: Mapping[str, str]) -> Mapping[str, str]:
    return {**cost_money, "amount": same_money(cost_money["amount"])}


_BY_VALUE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "cost_usd": same_money,
    "cost_money": _same_amount,
    "usage": _as_asked,
}
"""Parameters of which several spellings have one value."""


def _limits_in_order(limits: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(limits, key=canonical_json)


def _highest_first(thresholds: Iterable[int]) -> list[int]:
    return sorted(set(thresholds), reverse=True)


_IN_ORDER: Final[Mapping[str, Callable[[Any], list[Any]]]] = {
    "limits": _limits_in_order,
    "low_balance_thresholds": _highest_first,
}
"""Parameters that are sets, with the order in which they are hashed."""


def named_hold(terms: Terms) -> str | None:
    """The id of the hold that the terms name."""
    return getattr(terms, "hold", None)


def named_charge(terms: Terms) -> str | None:
    """The key of the charge that the terms name."""
    return getattr(terms, "charge", None)


def said_to_have_occurred_at(terms: Terms) -> int | None:
    """When what the terms charge occurred, in epoch milliseconds; None if the caller does not say."""
    return getattr(terms, "occurred_at_ms", None)


def names_nothing(terms: Terms) -> bool:
    """Whether the state alone decides the effect."""
    return named_hold(terms) is None and named_charge(terms) is None


def terms_from(kind: str, parameters: Mapping[str, Any]) -> Terms:
    """The terms that an entry of this kind was recorded with."""
    return _TERMS[kind](**parameters)
