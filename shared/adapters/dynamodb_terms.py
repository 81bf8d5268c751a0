"""Terms beside the rate cards of a tenant, in the ledger table. Only this module spells their keys.

pk = TENANT#<tenant>#RATES
sk = ADJUSTMENT#<name>#<version>       a version of an adjustment; written once, never changed
sk = CURRENCY#<currency>#<version>     a version of the rate of a currency
"""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from shared.adapters.attributes import IntegerAttribute
from shared.adapters.keys import rates_pk
from shared.adapters.plain_items import PlainItem
from shared.adapters.pynamo import UnicodeAttribute
from shared.adapters.repeatable import RepeatableTable, put_once
from shared.pricing.terms import Terms, TermsKind

_PREFIXES: Final[Mapping[TermsKind, str]] = {"adjustment": "ADJUSTMENT#", "currency": "CURRENCY#"}
_VERSION_DIGITS: Final = 8


class TermsItem(PlainItem):
    """`terms` is the document as JSON. Times in epoch milliseconds."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    version = IntegerAttribute()
    effective_from_ms = IntegerAttribute()
    made_at_ms = IntegerAttribute()
    by = UnicodeAttribute()
    terms = UnicodeAttribute()

    def of_kind(self, kind: TermsKind) -> Terms:
        return Terms(
            kind=kind,
            name=self.name,
            version=self.version,
            document=json.loads(self.terms),
            effective_from_ms=self.effective_from_ms,
            made_at_ms=self.made_at_ms,
            by=self.by,
        )


class DynamoTerms(RepeatableTable):
    """Implements terms.TermsStore. Every call may be repeated."""

    @cached_property
    def _items(self) -> type[TermsItem]:
        """Creates the client at the first usage: that takes time at a cold start."""
        return self._bound(TermsItem)

    def versions(self, tenant: str, kind: TermsKind) -> tuple[Terms, ...]:
        return self._until_deadline(lambda: self._versions(tenant, kind))

    def put(self, tenant: str, terms: Terms) -> bool:
        return self._until_deadline(lambda: put_once(self._item(tenant, terms)))

    def _versions(self, tenant: str, kind: TermsKind) -> tuple[Terms, ...]:
        of_the_kind = self._items.sk.startswith(_PREFIXES[kind])
        found = self._items.query(rates_pk(tenant), of_the_kind, consistent_read=True)
        return tuple(item.of_kind(kind) for item in found)

    def _item(self, tenant: str, terms: Terms) -> TermsItem:
        return self._items(
            rates_pk(tenant),
            f"{_PREFIXES[terms.kind]}{terms.name}#{terms.version:0{_VERSION_DIGITS}d}",
            name=terms.name,
            version=terms.version,
            effective_from_ms=terms.effective_from_ms,
            made_at_ms=terms.made_at_ms,
            by=terms.by,
            terms=json.dumps(terms.document, separators=(",", ":")),
        )
