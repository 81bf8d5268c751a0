"""Errors of pricing usage and of storing rate cards."""

from shared.ledger.errors import LedgerError


class Unpriced(LedgerError):
    """No rate card has a price for the usage; `field` names the field to change."""

    code = "unpriced"

    def __init__(self, meter: str, model: str | None) -> None:
        super().__init__(f"no rate card has a price for {model or 'usage without a model'} on the meter {meter}")
        self.meter = meter
        self.model = model
        self.field = "usage.meter" if model is None else "usage.model"


class RateVersionConflict(LedgerError):
    """The version exists with other content, or is not the next version."""

    code = "rate_version_conflict"

    def __init__(self, newest: int) -> None:
        super().__init__(f"the next version is {newest + 1}; a version that exists never changes")
        self.newest = newest
