"""Rate cards: a rate under a name and a version. A version never changes; a new price is a new version."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Protocol

from shared.ledger.frozen import dataclass
from shared.pricing.catalogue import Catalogue, ModelIdentity, own_name
from shared.pricing.kept import Kept
from shared.pricing.matching import CardName, CardNames, is_pattern, same_model
from shared.pricing.rates import Price, Rate, Tier
from shared.pricing.terms import NoTerms, TermsBook, TermsReader

VERSIONS_KEPT: Final = 1024
"""The number of cached old versions, which never change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    """The prices of a model of a meter (`model` None: a meter without models) from a time on.

    `reference` is what entries store of it. `aliases` are further names of the model: see matching.py. `matched` is the
    model that was found for the name of a usage.
    """

    reference: str
    version: int | str
    meter: str
    model: str | None
    rate: Rate
    effective_from_ms: int
    made_at_ms: int = 0
    by: str | None = None
    aliases: tuple[str, ...] = ()
    matched: str | None = None

    @property
    def is_built_in(self) -> bool:
        return isinstance(self.version, str)

    @property
    def matched_model(self) -> str | None:
        """The model that is priced: `provider/model` if the catalogue knows it, otherwise the name on the card."""
        return self.matched or self.model

    @property
    def listed(self) -> ModelIdentity | None:
        """The model whose list price the built-in card has; None for a card of one's own."""
        if not self.is_built_in or self.matched is None:
            return None
        provider, _, model = self.matched.partition("/")
        return ModelIdentity(provider, model)

    def is_effective(self, at_ms: int) -> bool:
        return self.effective_from_ms <= at_ms


class RateCards(Protocol):
    """The cards of the tenants."""

    def names(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        """The names of all cards of a meter that has models, with every alias that a version of them has."""

    def newest(self, tenant: str, meter: str, model: str | None, at_ms: int) -> tuple[RateCard, ...]:
        """The versions of a card, newest first, down to the first that is in effect at `at_ms`; else all."""

    def version(self, tenant: str, meter: str, model: str | None, version: int) -> RateCard | None: ...


class BuiltInCard(Catalogue, Protocol):
    """The public prices of the models that the catalogue knows."""

    def find(self, meter: str, model: str | None, now_ms: int) -> RateCard | None:
        """The built-in price of a model at that time."""


class RateBook:
    """Finds the card in effect: a tenant's own, cached for `keep_ms`, or the built-in one."""

    def __init__(
        self,
        cards: RateCards,
        built_in: BuiltInCard,
        monotonic_ms: Callable[[], int],
        keep_ms: int = 0,
        terms: TermsReader | None = None,
    ) -> None:
        self.terms = TermsBook(NoTerms() if terms is None else terms, monotonic_ms, keep_ms)
        self._cards = cards
        self._built_in = built_in
        self._kept: Kept[tuple[str, str, str | None], tuple[RateCard, ...]] = Kept(monotonic_ms, keep_ms)
        self._kept_names: Kept[tuple[str, str], CardNames] = Kept(monotonic_ms, keep_ms)
        self._versions: dict[tuple[str, str, str | None, int], RateCard] = {}

    def find(self, tenant: str, meter: str, model: str | None, at_ms: int) -> RateCard | None:
        """The card that is most exactly for this model, in its version in effect at `at_ms`, maybe a past time."""
        own = self._own(tenant, meter, model, at_ms)
        return own or self._built_in.find(meter, model, at_ms)

    def find_again(
        self, tenant: str, meter: str, model: str | None, reference: str, priced_at_ms: int
    ) -> RateCard | None:
        """The card that priced this model at `priced_at_ms` under this reference; None if it no longer exists.

        Built-in prices are those of the running release: they differ only if a release has corrected them since. A
        price that changed on its own date is found as of `priced_at_ms`.
        """
        own = own_card(reference, meter)
        if own is None:
            # By its own name the model is the same, even if a new release gives this name to another.
            return self._built_in.find(meter, built_in_model(reference) or model, priced_at_ms)
        key = tenant, meter, *own
        card = self._versions.get(key) or self._cards.version(*key)
        if card is None:
            return None
        if len(self._versions) >= VERSIONS_KEPT:
            self._versions = {}
        self._versions[key] = card
        return self._matched(card, model)

    def is_one_model(self, tenant: str, meter: str, one: str | None, other: str | None) -> bool:
        """Whether these are names of one model of the meter: a hold of one is captured at its price by the other."""
        if same_model(one, other, self._built_in):
            return True
        return one is not None and other is not None and self._names(tenant, meter).share_a_card(one, other)

    def model_of(self, card: RateCard) -> str | None:
        """What limits, usage and filters call the model that was priced: under every name and card it is the same."""
        name = card.matched_model
        identity = None if name is None else self._built_in.resolve(name)
        return name if identity is None else own_name(identity, self._built_in)

    def forget(self) -> None:
        """Empties the cache: the next price is read from the store."""
        self._kept.forget()
        self._kept_names.forget()
        self.terms.forget()

    def _own(self, tenant: str, meter: str, model: str | None, at_ms: int) -> RateCard | None:
        if model is None:
            return effective(self._newest(tenant, meter, None, at_ms), at_ms)
        for name in self._names(tenant, meter).of(model):
            card = effective(self._newest(tenant, meter, name.model, at_ms), at_ms)
            if card is not None and name.alias in {None, *card.aliases}:
                return self._matched(card, model)
        return None

    def _matched(self, card: RateCard, model: str | None) -> RateCard:
        # In lower case, since names are compared so: another case of letters is no other model for a limit.
        name = model and model.lower() if is_pattern(card.model) else card.model
        identity = None if name is None else self._built_in.resolve(name)
        matched = name if identity is None else identity.text
        return card if matched == card.model else replace(card, matched=matched)

    def _names(self, tenant: str, meter: str) -> CardNames:
        return self._kept_names.get(
            (tenant, meter), lambda: CardNames(self._cards.names(tenant, meter), self._built_in)
        )

    def _newest(self, tenant: str, meter: str, model: str | None, at_ms: int) -> tuple[RateCard, ...]:
        return self._kept.get(
            (tenant, meter, model),
            lambda: self._cards.newest(tenant, meter, model, at_ms),
            lambda cards: _reach(cards, at_ms),
        )


def names_of(card: RateCard) -> tuple[CardName, ...]:
    """Its own name and its aliases; none for a meter without models."""
    model = card.model
    return () if model is None else (CardName(model), *(CardName(model, alias) for alias in card.aliases))


def _reach(newest_first: Sequence[RateCard], at_ms: int) -> bool:
    """Whether they go back to that time: versions that were read for a later time may end before it."""
    return not newest_first or newest_first[-1].version == 1 or newest_first[-1].is_effective(at_ms)


def effective(newest_first: Iterable[RateCard], at_ms: int) -> RateCard | None:
    return next((card for card in newest_first if card.is_effective(at_ms)), None)


def reference_of(meter: str, model: str | None, version: int) -> str:
    """A "/" in the name of a meter is percent-encoded: the first "/" is where the model begins."""
    named = _meter_text(meter)
    return f"{named}@{version}" if model is None else f"{named}/{model}@{version}"


def _meter_text(meter: str) -> str:
    return meter.replace("%", "%25").replace("/", "%2F")


def built_in_reference(name: str, version: str, identity: ModelIdentity) -> str:
    """Of the card of that name, whose data have this version: the model that was matched."""
    return f"{name}@{version}/{identity.text}"


def built_in_model(reference: str) -> str | None:
    """The name of the model in a built-in card's reference; None if it has none, as before models were named there."""
    _, _, model = reference.partition("/")
    return model or None


def own_card(reference: str, meter: str) -> tuple[str | None, int] | None:
    """The inverse of `reference_of`: model and version; None if it names no card of the tenant's for this meter."""
    name, _, version = reference.rpartition("@")
    of_the_meter, slash, model = name.partition("/")
    if of_the_meter != _meter_text(meter) or bool(slash) != bool(model) or not version.isdecimal():
        return None
    return model or None, int(version)


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
