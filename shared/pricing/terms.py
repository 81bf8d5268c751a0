"""Terms: what a deployer sets beside rate cards, each under a name and a version. A version never changes.

There are two kinds: adjustments of the built-in card (adjustments.py), and rates of currencies (currencies.py). There
are few of them, so all versions are read at once.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from shared.ledger.frozen import dataclass
from shared.pricing.kept import Kept

TermsKind: TypeAlias = Literal["adjustment", "currency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A version of the terms of this name. `document` is their content as JSON has it: texts, and no numbers."""

    kind: TermsKind
    name: str
    version: int
    document: Mapping[str, Any]
    effective_from_ms: int
    made_at_ms: int
    by: str

    @property
    def reference(self) -> str:
        """What entries store of it."""
        return f"{self.name}@{self.version}"

    def is_effective(self, at_ms: int) -> bool:
        return self.effective_from_ms <= at_ms


class TermsReader(Protocol):
    def versions(self, tenant: str, kind: TermsKind) -> tuple[Terms, ...]:
        """All versions of the tenant's terms of this kind, in the order of name and version."""


class TermsStore(TermsReader, Protocol):
    def put(self, tenant: str, terms: Terms) -> bool:
        """Whether it was written; False if the version exists already, maybe from an attempt of this very call."""


class NoTerms:
    """Implements TermsReader for those who set none."""

    def versions(self, tenant: str, kind: TermsKind) -> tuple[Terms, ...]:  # noqa: ARG002 - the port's
        return ()


class TermsBook:
    """The terms in effect, cached for `keep_ms`."""

    def __init__(self, reader: TermsReader, monotonic_ms: Callable[[], int], keep_ms: int = 0) -> None:
        self._reader = reader
        self._kept: Kept[tuple[str, TermsKind], tuple[Terms, ...]] = Kept(monotonic_ms, keep_ms)

    def in_effect(self, tenant: str, kind: TermsKind, at_ms: int) -> tuple[Terms, ...]:
        """Of each name the newest version in effect at that time."""
        return effective(self._versions(tenant, kind), at_ms)

    def named(self, tenant: str, kind: TermsKind, reference: str) -> Terms | None:
        """The version of this reference, read past the cache if need be: another function may have priced by it."""
        versions = self._versions(tenant, kind, lambda kept: _named(kept, reference) is not None)
        return _named(versions, reference)

    def forget(self) -> None:
        """Empties the cache: what is asked next is read from the store."""
        self._kept.forget()

    def _versions(
        self, tenant: str, kind: TermsKind, is_enough: Callable[[tuple[Terms, ...]], bool] = lambda _: True
    ) -> tuple[Terms, ...]:
        return self._kept.get((tenant, kind), lambda: self._reader.versions(tenant, kind), is_enough)


def effective(versions: Iterable[Terms], at_ms: int) -> tuple[Terms, ...]:
    """Of each name the newest of these versions that is in effect at that time."""
    found = {terms.name: terms for terms in sorted(versions, key=_order) if terms.is_effective(at_ms)}
    return tuple(found.values())


def _order(terms: Terms) -> tuple[str, int]:
    return terms.name, terms.version


def _named(versions: Iterable[Terms], reference: str) -> Terms | None:
    return next((terms for terms in versions if terms.reference == reference), None)
