import msgspec

from shared.validation import Identifier, Microcents

DEFAULT_MINIMUM = Microcents(100_000)
"""1/10 cent."""


class CheckRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: Identifier
    minimum: Microcents = DEFAULT_MINIMUM
    app: Identifier | None = None
