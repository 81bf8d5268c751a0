"""Port: the store of the tenants' rate cards."""

from typing import Protocol

from shared.ledger.frozen import dataclass
from shared.pricing.cards import RateCard, RateCards


@dataclass(frozen=True, slots=True)
class CardPlace:
    """The version after which a listing continues."""

    meter: str
    model: str | None
    version: int


@dataclass(frozen=True, slots=True)
class CardPage:
    """In the order of meter, model and version; `next` continues the listing, None at its end."""

    items: tuple[RateCard, ...]
    next: CardPlace | None


@dataclass(frozen=True, slots=True)
class CardFilter:
    """`meter` None: all cards; `model` None: all models of the meter."""

    limit: int
    meter: str | None = None
    model: str | None = None
    after: CardPlace | None = None


class RateCardStore(RateCards, Protocol):
    def put(self, tenant: str, card: RateCard) -> bool:
        """Whether it was written; False if the version exists already, maybe from an attempt of this very call."""

    def page(self, tenant: str, wanted: CardFilter) -> CardPage: ...
