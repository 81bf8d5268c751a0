import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.usage_request import UsageDocument, metered_by, read_usage
from shared.edge.validation import Identifier, Microcents
from shared.pricing.usage import Usage

DEFAULT_MINIMUM = Microcents(100_000)
"""1/10 cent."""


class CheckRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most one of `minimum` and `usage`; with `usage` the check is for its price."""

    actor: Identifier
    minimum: Microcents = DEFAULT_MINIMUM
    usage: UsageDocument | msgspec.UnsetType = msgspec.UNSET
    app: Identifier | None = None
    meter: Identifier | None = None

    @property
    def metered(self) -> tuple[Usage | None, str | None]:
        """The usage and the meter. Raises ValidationFailed, as a charge of this usage does."""
        # A minimum in the request is another object than the default, even with the same value.
        if self.usage is not msgspec.UNSET and self.minimum is not DEFAULT_MINIMUM:
            raise ValidationFailed([FieldError("$.usage", "must not be given together with minimum")])
        usage = read_usage(self.usage)
        return usage, metered_by(self.meter, usage)
