"""Rate cards in memory."""

from threading import Lock

from shared.pricing.cards import RateCard, names_of
from shared.pricing.matching import CardName
from shared.pricing.store import CardFilter, CardPage, CardPlace


class MemoryRateStore:
    """Implements store.RateCardStore."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cards: dict[str, dict[tuple[str, str, int], RateCard]] = {}

    def names(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        cards = [card for card in self._cards.get(tenant, {}).values() if card.meter == meter]
        return tuple(dict.fromkeys(name for card in cards for name in names_of(card)))

    def newest(self, tenant: str, meter: str, model: str | None, at_ms: int) -> tuple[RateCard, ...]:
        """Newest first, down to the first that is effective at `at_ms`."""
        found: list[RateCard] = []
        for card in reversed(self._of(tenant, meter, model)):
            found.append(card)
            if card.is_effective(at_ms):
                break
        return tuple(found)

    def version(self, tenant: str, meter: str, model: str | None, version: int) -> RateCard | None:
        return self._cards.get(tenant, {}).get((meter, model or "", version))

    def put(self, tenant: str, card: RateCard) -> bool:
        with self._lock:
            cards = self._cards.setdefault(tenant, {})
            return cards.setdefault((card.meter, card.model or "", int(card.version)), card) is card

    def page(self, tenant: str, wanted: CardFilter) -> CardPage:
        cards = self._listed(tenant, wanted)
        if wanted.after is not None:
            place = wanted.after
            cards = [card for card in cards if _name(card) > _text(place.meter, place.model, place.version)]
        listed = tuple(cards[: wanted.limit])
        return CardPage(listed, _place_of(listed[-1]) if len(cards) > wanted.limit else None)

    def _listed(self, tenant: str, wanted: CardFilter) -> list[RateCard]:
        cards = sorted(self._cards.get(tenant, {}).values(), key=_name)
        return [
            card
            for card in cards
            if wanted.meter in {None, card.meter} and (wanted.meter is None or wanted.model in {None, card.model})
        ]

    def _of(self, tenant: str, meter: str, model: str | None) -> list[RateCard]:
        cards = self._cards.get(tenant, {}).values()
        return sorted((card for card in cards if (card.meter, card.model) == (meter, model)), key=_name)


def _name(card: RateCard) -> str:
    return _text(card.meter, card.model, int(card.version))


def _text(meter: str, model: str | None, version: int) -> str:
    """Sorts as the keys of the table do."""
    return f"{meter}#{model or ''}#{version:08d}"


def _place_of(card: RateCard) -> CardPlace:
    return CardPlace(card.meter, card.model, int(card.version))
