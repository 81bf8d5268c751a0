"""Regressions: what a digest must not show: a missing account, fewer entries than before, or another history.

A record only grows. So if a later digest contradicts an earlier one, the accounts or the earlier digest were altered.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shared.ledger.canonical import canonical_json, sha256_hex
from shared.ledger.frozen import dataclass
from shared.verification.digest import Chunk, Head, merkle_root, root_of_chunks

LISTED_MAX: Final = 1000
"""Per digest. The digest counts all regressions; a list of a million accounts would help nobody."""


@dataclass(frozen=True, slots=True)
class Regression:
    """`tenant` and `actor` are empty if the digest before it was itself tampered with."""

    tenant: str
    actor: str
    problem: str


@dataclass(frozen=True, slots=True)
class Regressions:
    """`listed` are the first of `count`."""

    count: int = 0
    listed: tuple[Regression, ...] = ()

    @property
    def text(self) -> str:
        """The list that is stored beside the digest, which contains its hash."""
        rows = [[each.tenant, each.actor, each.problem] for each in self.listed]
        return canonical_json({"count": self.count, "listed": rows})

    @property
    def hash(self) -> str:
        return sha256_hex(self.text)


def listed(found: Iterable[Regression]) -> Regressions:
    """Counts all regressions and lists the first of them."""
    count, kept = 0, []
    for each in found:
        count += 1
        if count <= LISTED_MAX:
            kept.append(each)
    return Regressions(count, tuple(kept))


def regressions_of(before: Iterable[Head], now: Iterable[Head]) -> Iterator[Regression]:
    """Both in digest order. Each is read once, so neither has to be in memory."""
    heads = iter(now)
    head = next(heads, None)
    for earlier in before:
        while head is not None and _place(head) < _place(earlier):
            head = next(heads, None)
        problem = _problem(earlier, head if head is not None and _place(head) == _place(earlier) else None)
        if problem is not None:
            yield Regression(earlier.tenant, earlier.actor, problem)


def is_summary_of(summary: Sequence[Chunk], root: str) -> bool:
    return root_of_chunks(summary) == root


def is_chunk_of(heads: Sequence[Head], chunk: Chunk) -> bool:
    return merkle_root(heads) == chunk.root and heads[:1] == [chunk.first]


def _place(head: Head) -> tuple[str, str]:
    return head.tenant, head.actor


def _problem(earlier: Head, head: Head | None) -> str | None:
    if head is None:
        return f"had {earlier.seq} entries and no longer exists"
    if head.seq < earlier.seq:
        return f"had {earlier.seq} entries and has {head.seq}"
    if head.seq == earlier.seq and head.hash != earlier.hash:
        return f"has a different entry {head.seq} than before"
    return None
