"""Rate cards in the ledger table. Only this module spells their keys.

All cards of a tenant have one pk, `TENANT#<tenant>#RATES`:

    sk = RATE#<meter>#<model>#<version>    a version of a card; written once, never changed
    sk = NAME#<meter>#<model>#<alias>      a name of a card: its own (alias empty) or an alias of any of its versions
    sk = NAME#<meter>##                    every card of the meter has its names here

No name contains "#". For a meter without models the model is empty. One query reads the names of all cards of a meter.
The names of a version are written before it: a name without a version does no harm. Cards that were put before there
were names have none until the next card of their meter is put; meanwhile their versions are read for their names.
"""

import json
from functools import cached_property
from typing import Final

from shared.adapters.attributes import IntegerAttribute
from shared.adapters.keys import rates_pk
from shared.adapters.plain_items import PlainItem
from shared.adapters.pynamo import DoesNotExist, UnicodeAttribute
from shared.adapters.repeatable import RepeatableTable
from shared.pricing.cards import RateCard, names_of, rate_from, reference_of
from shared.pricing.matching import CardName

ALL_MODELS: Final = "#"
"""No model has this name."""

_PREFIX: Final = "RATE#"
_NAME_PREFIX: Final = "NAME#"
_VERSION_DIGITS: Final = 8
_PAGE_SIZE: Final = 8
"""Versions that one query reads; the first is nearly always effective."""


class RateItem(PlainItem):
    """`rate` is a document of pricing/documents.py as JSON, `aliases` a list as JSON. Times in epoch milliseconds."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    meter = UnicodeAttribute()
    model = UnicodeAttribute(null=True)
    version = IntegerAttribute()
    effective_from_ms = IntegerAttribute()
    made_at_ms = IntegerAttribute()
    by = UnicodeAttribute()
    rate = UnicodeAttribute()
    aliases = UnicodeAttribute(null=True)

    @property
    def card(self) -> RateCard:
        return RateCard(
            reference=reference_of(self.meter, self.model, self.version),
            version=self.version,
            meter=self.meter,
            model=self.model,
            rate=rate_from(json.loads(self.rate)),
            effective_from_ms=self.effective_from_ms,
            made_at_ms=self.made_at_ms,
            by=self.by,
            aliases=tuple(json.loads(self.aliases or "[]")),
        )


class NameItem(PlainItem):
    """See the module. `model` is None for the item that says that all names are here."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    model = UnicodeAttribute(null=True)
    alias = UnicodeAttribute(null=True)


class DynamoRateCards(RepeatableTable):
    """Implements cards.RateCards."""

    @cached_property
    def _items(self) -> type[RateItem]:
        """Creates the client at the first usage: that takes time at a cold start."""
        return self._bound(RateItem)

    @cached_property
    def _name_items(self) -> type[NameItem]:
        return self._bound(NameItem)

    def names(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        return self._until_deadline(lambda: self._names(tenant, meter))

    def newest(self, tenant: str, meter: str, model: str | None, at_ms: int) -> tuple[RateCard, ...]:
        return self._until_deadline(lambda: self._newest(tenant, meter, model, at_ms))

    def version(self, tenant: str, meter: str, model: str | None, version: int) -> RateCard | None:
        return self._until_deadline(lambda: self._version(tenant, card_sk(meter, model, version)))

    def _names(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        of_the_meter = self._name_items.sk.startswith(name_sk(meter))
        found = list(self._name_items.query(rates_pk(tenant), of_the_meter, consistent_read=True))
        names = [CardName(item.model, item.alias) for item in found if item.sk != whole_sk(meter)]
        if len(names) < len(found):
            return tuple(names)
        return self._names_of_versions(tenant, meter)

    def _names_of_versions(self, tenant: str, meter: str) -> tuple[CardName, ...]:
        of_the_meter = self._items.sk.startswith(card_prefix(meter, ALL_MODELS))
        found = self._items.query(rates_pk(tenant), of_the_meter, consistent_read=True)
        return tuple(dict.fromkeys(name for item in found for name in names_of(item.card)))

    def _newest(self, tenant: str, meter: str, model: str | None, at_ms: int) -> tuple[RateCard, ...]:
        cards: list[RateCard] = []
        of_the_card = self._items.sk.startswith(card_prefix(meter, model))
        for item in self._items.query(
            rates_pk(tenant), of_the_card, consistent_read=True, scan_index_forward=False, page_size=_PAGE_SIZE
        ):
            cards.append(item.card)
            if cards[-1].is_effective(at_ms):
                break
        return tuple(cards)

    def _version(self, tenant: str, sk: str) -> RateCard | None:
        try:
            return self._items.get(rates_pk(tenant), sk, consistent_read=True).card
        except DoesNotExist:
            return None


def card_prefix(meter: str | None, model: str | None) -> str:
    """The prefix of all cards (`meter` None), of all models of a meter (`model` "*"), or of one card."""
    if meter is None:
        return _PREFIX
    return f"{_PREFIX}{meter}#" if model == ALL_MODELS else f"{_PREFIX}{meter}#{model or ''}#"


def name_sk(meter: str, name: CardName | None = None) -> str:
    """The prefix of the names of a meter's cards, or the key of one of them."""
    return f"{_NAME_PREFIX}{meter}#" + ("" if name is None else f"{name.model}#{name.alias or ''}")


def whole_sk(meter: str) -> str:
    """The key of the item that says that every card of the meter has its names here."""
    return f"{name_sk(meter)}#"


def card_sk(meter: str, model: str | None, version: int) -> str:
    """The version is padded, so that text order is number order."""
    return f"{card_prefix(meter, model)}{version:0{_VERSION_DIGITS}d}"
