"""Terms beside rate cards, in memory."""

from threading import Lock

from shared.pricing.terms import Terms, TermsKind


class MemoryTermsStore:
    """Implements terms.TermsStore."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._terms: dict[tuple[str, TermsKind], dict[tuple[str, int], Terms]] = {}

    def versions(self, tenant: str, kind: TermsKind) -> tuple[Terms, ...]:
        with self._lock:
            found = self._terms.get((tenant, kind), {})
            return tuple(found[place] for place in sorted(found))

    def put(self, tenant: str, terms: Terms) -> bool:
        with self._lock:
            found = self._terms.setdefault((tenant, terms.kind), {})
            return found.setdefault((terms.name, terms.version), terms) is terms
