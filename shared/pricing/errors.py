"""Errors of pricing usage and of storing rate cards."""

from shared.ledger.errors import LedgerError
from shared.ledger.times import rfc3339


class Unpriced(LedgerError):
    """No rate card has a price for the usage, or for one quantity of it; `field` names the field to change."""

    code = "unpriced"

    def __init__(self, meter: str, model: str | None, quantity: str | None = None, at_ms: int | None = None) -> None:
        what = model or "usage without a model"
        of_it = "" if quantity is None else f"{quantity} of "
        then = "" if at_ms is None else f" at {rfc3339(at_ms)}: a card prices usage from its effective_from on"
        super().__init__(f"no rate card has a price for {of_it}{what} on the meter {meter}{then}")
        self.meter = meter
        self.model = model
        self.quantity = quantity
        self.field = f"usage.{quantity or ('meter' if model is None else 'model')}"

    def as_of(self, at_ms: int) -> "Unpriced":
        """The same, for usage of a time that the caller named."""
        return Unpriced(self.meter, self.model, self.quantity, at_ms)


class RateVersionConflict(LedgerError):
    """The version exists with other content, or is not the next version."""

    code = "rate_version_conflict"

    def __init__(self, newest: int) -> None:
        super().__init__(f"the next version is {newest + 1}; a version that exists never changes")
        self.newest = newest
