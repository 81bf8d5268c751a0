from typing import Any

import msgspec

from shared.edge.charges import MoneyDocument, in_money
from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.mutations import ActorRequest, MeteredRequest
from shared.edge.usage_request import QuantitiesDocument, UsageDocument, given, metered_by, one_of, read_usage
from shared.edge.validation import Dollars, Microcents, PositiveMicrocents, Time, TtlSeconds, given_ms
from shared.ledger.holds import DEFAULT_TTL_S
from shared.ledger.operations import CaptureHold, ExtendHold, IfExpired, Overrun, PlaceHold, ReleaseHold
from shared.pricing.usage import Usage

MS_PER_S = 1000


class PricedRequest(MeteredRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An amount, or the `usage` that a rate card prices."""

    usage: UsageDocument | msgspec.UnsetType = msgspec.UNSET

    @property
    def about(self) -> dict[str, Any]:
        return super().about | {"meter": metered_by(self.meter, self.used)}

    @property
    def used(self) -> Usage | None:
        """Raises ValidationFailed."""
        return read_usage(self.usage)

    @property
    def usage_content(self) -> dict[str, Any] | None:
        used = self.used
        return None if used is None else used.content


class PlaceHoldRequest(PricedRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`usage` is an upper bound: `max_output_tokens` stands for output_tokens."""

    amount: PositiveMicrocents | msgspec.UnsetType = msgspec.UNSET
    usage: QuantitiesDocument | msgspec.UnsetType = msgspec.UNSET
    minimum_amount: PositiveMicrocents | None = None
    ttl_s: TtlSeconds = DEFAULT_TTL_S

    @property
    def terms(self) -> PlaceHold:
        """Raises ValidationFailed for a minimum above the amount, and without exactly one of amount and usage."""
        one_of({"amount": self.amount, "usage": self.usage})
        if self.used is not None and self.used.raw_digest is not None:
            raise ValidationFailed([FieldError("$.usage.raw", "must be omitted: a hold is for usage that is to come")])
        amount = given(self.amount)
        minimum = None if self.minimum_amount is None else int(self.minimum_amount)
        if minimum is not None and amount is not None and minimum > amount:
            raise ValidationFailed([FieldError("$.minimum_amount", "must be at most amount")])
        return PlaceHold(amount or 0, self.ttl_s * MS_PER_S, minimum, usage=self.usage_content)


class CaptureRequest(PricedRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: Microcents | None = None
    cost_usd: Dollars | msgspec.UnsetType = msgspec.UNSET
    cost_money: MoneyDocument | msgspec.UnsetType = msgspec.UNSET
    final: bool = True
    overrun: Overrun = "refuse"
    if_expired: IfExpired = "refuse"
    occurred_at: Time | None = None

    def terms(self, hold: str) -> CaptureHold:
        """What is left of the hold if nothing says how much. Raises ValidationFailed if more than one member does, and
        for a part that says nothing.
        """
        amount_given = msgspec.UNSET if self.amount is None else self.amount
        others = {name: getattr(self, name) for name in ("usage", "cost_usd", "cost_money")}
        one_of({"amount": amount_given, **others}, or_none=True)
        if not self.final and all(each is msgspec.UNSET for each in (amount_given, *others.values())):
            raise ValidationFailed([FieldError("$.amount", "is required with final: false, or usage instead")])
        amount = None if self.amount is None else int(self.amount)
        # The defaults are left out of the content, so that requests from before these options keep their hash.
        if_expired = None if self.if_expired == "refuse" else self.if_expired
        terms = CaptureHold(
            hold,
            amount,
            self.overrun,
            usage=self.usage_content,
            if_expired=if_expired,
            occurred_at_ms=given_ms(self.occurred_at),
            final=None if self.final else False,
        )
        return in_money(terms, self.cost_usd, self.cost_money)


class ReleaseRequest(ActorRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    def terms(self, hold: str) -> ReleaseHold:
        return ReleaseHold(hold)


class ExtendRequest(ActorRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    ttl_s: TtlSeconds

    def terms(self, hold: str) -> ExtendHold:
        return ExtendHold(hold, self.ttl_s * MS_PER_S)
