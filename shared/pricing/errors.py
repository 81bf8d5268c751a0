"""Errors of pricing usage and of storing rate cards."""

from shared.ledger.errors import LedgerError
from shared.ledger.times import rfc3339


class Unpriced(LedgerError):
    """No rate card has a price for the usage, or for one quantity of it; `field` names the field to change."""

    code = "unpriced"

    def __init__(self, meter: str, model: str | None, quantity: str | None = None) -> None:
        what = model or "usage without a model"
        of_it = "" if quantity is None else f"{quantity} of "
        super().__init__(f"no rate card has a price for {of_it}{what} on the meter {meter}")
        self.meter = meter
        self.model = model
        self.field = f"usage.{quantity or ('meter' if model is None else 'model')}"

    def say_time(self, at_ms: int) -> None:
        """Adds the time of the usage to the message, for a time that the caller named."""
        self.args = (f"{self} at {rfc3339(at_ms)}: a price holds from its effective_from on",)


class TierUnpriced(Unpriced):
    """No price of the usage's service tier is known: the standard price would be wrong."""

    def __init__(self, meter: str, model: str | None, tier: str) -> None:
        super().__init__(meter, model)
        self.args = (f"no price of the service tier {tier} is known for {model or 'this usage'} on the meter {meter}",)
        self.field = "usage.service_tier"


class UnknownCurrency(LedgerError):
    """No rate of the currency was in effect."""

    code = "unknown_currency"

    def __init__(self, currency: str) -> None:
        super().__init__(f"no rate of the currency {currency} is in effect")
        self.currency = currency
        self.field = "cost_money.currency"


class RateVersionConflict(LedgerError):
    """The version exists with other content, or is not the next version."""

    code = "rate_version_conflict"

    def __init__(self, newest: int) -> None:
        super().__init__(f"the next version is {newest + 1}; a version that exists never changes")
        self.newest = newest
