"""Rate cards: a rate under a name and a version. A version never changes; a new price is a new version."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from shared.pricing.catalogue import Catalogue, ModelIdentity
from shared.pricing.rates import Price, Rate, Tier

VERSIONS_KEPT: Final = 1024
"""The number of cached old versions, which never change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    """The prices of a model of a meter (`model` None: a meter without models) from a time on.

    `reference` is what entries store of it. `identity` is the model that its prices are for, if the catalogue knows it.
    """

    reference: str
    version: int | str
    meter: str
    model: str | None
    rate: Rate
    effective_from_ms: int
    made_at_ms: int = 0
    by: str | None = None
    identity: ModelIdentity | None = None

    @property
    def matched_model(self) -> str | None:
        """The model that was priced: `provider/model` if the catalogue knows it, otherwise the name on the card."""
        return self.model if self.identity is None else self.identity.text

    def is_effective(self, now_ms: int) -> bool:
        return self.effective_from_ms <= now_ms


class RateCards(Protocol):
    """The cards of the tenants."""

    def newest(self, tenant: str, meter: str, model: str | None, now_ms: int) -> tuple[RateCard, ...]:
        """The versions of a card, newest first, down to the first that is already in effect."""

    def version(self, tenant: str, meter: str, model: str | None, version: int) -> RateCard | None: ...


class BuiltInCard(Catalogue, Protocol):
    """The public prices of the models that the catalogue knows."""

    def find(self, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        """The built-in price of a model at that time."""


class RateBook:
    """Finds the card in effect: a tenant's own, cached for `keep_ms`, or the built-in one."""

    def __init__(
        self, cards: RateCards, built_in: BuiltInCard, monotonic_ms: Callable[[], int], keep_ms: int = 0
    ) -> None:
        self._cards = cards
        self._built_in = built_in
        self._monotonic_ms = monotonic_ms
        self._keep_ms = keep_ms
        self._kept: dict[tuple[str, str, str | None], tuple[int, tuple[RateCard, ...]]] = {}
        self._versions: dict[tuple[str, str, str | None, int], RateCard] = {}

    def find(self, tenant: str, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        """The newest version in effect at `now_ms`."""
        own = effective(self._newest(tenant, meter, model, now_ms), now_ms)
        return own or self._built_in.find(meter, model, now_ms)

    def find_again(
        self, tenant: str, meter: str, model: str | None, reference: str, priced_at_ms: int
    ) -> RateCard | None:
        """The card of this meter and model that `reference` named at `priced_at_ms`; None if it no longer exists.

        Built-in prices are those of the running release: they differ only if a release has corrected them since. A
        price that changed on its own date is found as of `priced_at_ms`.
        """
        version = own_version(reference, meter, model)
        if version is None:
            # By its own name the model is the same, even if a new release gives this name to another.
            return self._built_in.find(meter, built_in_model(reference) or model, priced_at_ms)
        key = tenant, meter, model, version
        card = self._versions.get(key) or self._cards.version(*key)
        if card is not None:
            if len(self._versions) >= VERSIONS_KEPT:
                self._versions = {}
            self._versions[key] = card
        return card

    def forget(self) -> None:
        """Empties the cache: the next price is read from the store."""
        self._kept = {}

    def _newest(self, tenant: str, meter: str, model: str | None, now_ms: int) -> tuple[RateCard, ...]:
        at_ms, key = self._monotonic_ms(), (tenant, meter, model)
        kept_at_ms, cards = self._kept.get(key, (at_ms - self._keep_ms, ()))
        if at_ms - kept_at_ms >= self._keep_ms:
            self._kept = {key: kept for key, kept in self._kept.items() if at_ms - kept[0] < self._keep_ms}
            cards = self._cards.newest(tenant, meter, model, now_ms)
            self._kept[key] = (at_ms, cards)
        return cards


def effective(newest_first: Iterable[RateCard], now_ms: int) -> RateCard | None:
    return next((card for card in newest_first if card.is_effective(now_ms)), None)


def reference_of(meter: str, model: str | None, version: int) -> str:
    """A "/" in the name of a meter is percent-encoded: the first "/" is where the model begins."""
    meter = meter.replace("%", "%25").replace("/", "%2F")
    return f"{meter}@{version}" if model is None else f"{meter}/{model}@{version}"


def built_in_reference(name: str, version: str, identity: ModelIdentity) -> str:
    """Of the card of that name, whose data have this version: the model that was matched."""
    return f"{name}@{version}/{identity.text}"


def built_in_model(reference: str) -> str | None:
    """The name of the model in a built-in card's reference; None if it has none, as before models were named there."""
    _, _, model = reference.partition("/")
    return model or None


def own_version(reference: str, meter: str, model: str | None) -> int | None:
    """The inverse of `reference_of`; None if it names no card of the tenant for this meter and model."""
    _, _, version = reference.rpartition("@")
    is_own = version.isdecimal() and reference == reference_of(meter, model, int(version))
    return int(version) if is_own else None


def rate_from(document: Mapping[str, Any]) -> Rate:
    """The rate in a document of documents.py."""
    return Rate(
        prices={name: _price(each) for name, each in document["prices"].items()},
        request_price=Decimal(document["request_price"]),
        minimum_charge=Decimal(document["minimum_charge"]),
    )


def _price(document: Mapping[str, Any]) -> Price:
    return Price(
        price=Decimal(document["price"]),
        per=document["per"],
        tiers=tuple(Tier(Decimal(tier["above"]), Decimal(tier["price"])) for tier in document.get("tiers", ())),
        tier_mode=document.get("tier_mode", "graduated"),
        tiers_by=document.get("tiers_by"),
        part_of=tuple(document.get("part_of", ())),
        minimum_units=Decimal(document.get("minimum_units", 0)),
    )
