"""Stores and lists rate cards: the writing side of dynamodb_rates.py."""

import json

from shared.adapters.dynamodb_rates import (
    ALL_MODELS,
    DynamoRateCards,
    RateItem,
    card_prefix,
    card_sk,
    name_sk,
    whole_sk,
)
from shared.adapters.keys import rates_pk
from shared.adapters.pynamo import DoesNotExist
from shared.adapters.repeatable import put_once
from shared.pricing.cards import RateCard, names_of
from shared.pricing.documents import document_of
from shared.pricing.store import CardFilter, CardPage, CardPlace


class DynamoRateStore(DynamoRateCards):
    """Implements store.RateCardStore. Every call may be repeated."""

    def put(self, tenant: str, card: RateCard) -> bool:
        self._until_deadline(lambda: self._name(tenant, card))
        return self._until_deadline(lambda: put_once(self._item(tenant, card)))

    def page(self, tenant: str, wanted: CardFilter) -> CardPage:
        cards = self._until_deadline(lambda: self._cards(tenant, wanted))
        listed = cards[: wanted.limit]
        return CardPage(listed, _place_of(listed[-1]) if len(cards) > wanted.limit else None)

    def _name(self, tenant: str, card: RateCard) -> None:
        """Writes the names of the card; before the first of a meter, those of all its cards."""
        if card.model is None:
            return
        names = names_of(card)
        is_whole = self._is_whole(tenant, card.meter)
        for name in names if is_whole else dict.fromkeys((*self._names_of_versions(tenant, card.meter), *names)):
            self._name_items(rates_pk(tenant), name_sk(card.meter, name), model=name.model, alias=name.alias).save()
        if not is_whole:
            self._name_items(rates_pk(tenant), whole_sk(card.meter)).save()

    def _is_whole(self, tenant: str, meter: str) -> bool:
        try:
            self._name_items.get(rates_pk(tenant), whole_sk(meter), consistent_read=True)
        except DoesNotExist:
            return False
        return True

    def _cards(self, tenant: str, wanted: CardFilter) -> tuple[RateCard, ...]:
        found = self._items.query(
            rates_pk(tenant),
            self._items.sk.startswith(card_prefix(wanted.meter, wanted.model or ALL_MODELS)),
            consistent_read=True,
            limit=wanted.limit + 1,
            last_evaluated_key=None if wanted.after is None else _key(tenant, wanted.after),
        )
        return tuple(item.card for item in found)

    def _item(self, tenant: str, card: RateCard) -> RateItem:
        version = int(card.version)
        return self._items(
            rates_pk(tenant),
            card_sk(card.meter, card.model, version),
            meter=card.meter,
            model=card.model,
            version=version,
            effective_from_ms=card.effective_from_ms,
            made_at_ms=card.made_at_ms,
            by=card.by,
            rate=json.dumps(document_of(card.rate), separators=(",", ":")),
            aliases=json.dumps(card.aliases, separators=(",", ":")) if card.aliases else None,
        )


def _place_of(card: RateCard) -> CardPlace:
    return CardPlace(card.meter, card.model, int(card.version))


def _key(tenant: str, place: CardPlace) -> dict[str, dict[str, str]]:
    return {"pk": {"S": rates_pk(tenant)}, "sk": {"S": card_sk(place.meter, place.model, place.version)}}
