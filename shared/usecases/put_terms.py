"""Creates the next version of an adjustment or of a currency's rate; repeating the request creates it once."""

from collections.abc import Mapping
from typing import Any

from shared.ledger.frozen import dataclass
from shared.pricing.errors import RateVersionConflict
from shared.pricing.terms import Terms, TermsKind, TermsStore


@dataclass(frozen=True, slots=True)
class TermsDraft:
    """New terms: `version` None is the next version, `effective_from_ms` None is at once."""

    kind: TermsKind
    name: str
    document: Mapping[str, Any]
    effective_from_ms: int | None
    version: int | None

    def is_kept_by(self, terms: Terms, now_ms: int) -> bool:
        at_once = self.effective_from_ms is None and terms.is_effective(now_ms)
        return self.document == terms.document and (at_once or self.effective_from_ms == terms.effective_from_ms)


@dataclass(frozen=True, slots=True)
class TermsPut:
    """`made` is False if the version existed already with the same content."""

    terms: Terms
    made: bool


def put_terms(tenant: str, draft: TermsDraft, store: TermsStore, now_ms: int, by: str) -> TermsPut:
    """Raises RateVersionConflict for a version that is not the next one, unless it exists with the same content."""
    while True:
        versions = {each.version: each for each in store.versions(tenant, draft.kind) if each.name == draft.name}
        newest = max(versions, default=0)
        there = versions.get(newest if draft.version is None else draft.version)
        if there is not None and draft.is_kept_by(there, now_ms):
            return TermsPut(there, made=False)
        if draft.version not in {None, newest + 1}:
            raise RateVersionConflict(newest)
        terms = Terms(
            kind=draft.kind,
            name=draft.name,
            version=newest + 1,
            document=draft.document,
            effective_from_ms=now_ms if draft.effective_from_ms is None else draft.effective_from_ms,
            made_at_ms=now_ms,
            by=by,
        )
        if store.put(tenant, terms):
            return TermsPut(terms, made=True)
        # Another writer was faster, or the answer to an earlier attempt was lost: the stored version decides.
