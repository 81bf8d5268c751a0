from shared.edge_errors import FieldError, ValidationFailed
from shared.ledger.holds import DEFAULT_TTL_S
from shared.ledger.operations import CaptureHold, ExtendHold, Overrun, PlaceHold, ReleaseHold
from shared.mutations import ActorRequest, MeteredRequest
from shared.validation import Microcents, PositiveMicrocents, TtlSeconds

MS_PER_S = 1000


class PlaceHoldRequest(MeteredRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: PositiveMicrocents
    minimum_amount: PositiveMicrocents | None = None
    ttl_s: TtlSeconds = DEFAULT_TTL_S

    @property
    def terms(self) -> PlaceHold:
        """Raises ValidationFailed for a minimum above the amount."""
        minimum = None if self.minimum_amount is None else int(self.minimum_amount)
        if minimum is not None and minimum > self.amount:
            raise ValidationFailed([FieldError("$.minimum_amount", "must be at most amount")])
        return PlaceHold(int(self.amount), self.ttl_s * MS_PER_S, minimum)


class CaptureRequest(MeteredRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: Microcents | None = None
    overrun: Overrun = "refuse"

    def terms(self, hold: str) -> CaptureHold:
        return CaptureHold(hold, None if self.amount is None else int(self.amount), self.overrun)


class ReleaseRequest(ActorRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    def terms(self, hold: str) -> ReleaseHold:
        return ReleaseHold(hold)


class ExtendRequest(ActorRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    ttl_s: TtlSeconds

    def terms(self, hold: str) -> ExtendHold:
        return ExtendHold(hold, self.ttl_s * MS_PER_S)
