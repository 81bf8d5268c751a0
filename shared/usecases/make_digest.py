"""Makes the next digest: one signed hash over the heads of all accounts, linked to the digest before it.

And compares it with that: a record only grows, so an account that is gone, a seq that fell or another hash at the same
seq is something that somebody has done. The new digest says how much of it there is.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from shared.ledger.canonical import sha256_hex
from shared.ledger.times import rfc3339
from shared.ports.inspection import DigestStore, Heads, SignedDigest, Signer
from shared.usecases.digest_heads import DigestHeads
from shared.verification.digest import Digest, HeadTree, digest_from_text, head_tree
from shared.verification.errors import HeadsNotFound
from shared.verification.regressions import Regression, Regressions, listed, regressions_of

NO_PREVIOUS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class MadeDigest:
    digest: Digest
    signed: SignedDigest
    regressions: Regressions


def make_digest(accounts: Heads, store: DigestStore, signer: Signer, now_ms: int) -> MadeDigest:
    """Raises DigestExists when another run made this one meanwhile.

    Each head is read strongly, though not all at one instant: the digest says of every account that it had come at
    least this far. The heads are kept before the digest, so that a digest can always be proved against.
    """
    # Before the heads: what came after this digest was made cannot be behind it. Two runs at once would contradict each
    # other otherwise.
    previous = store.newest()
    tree = head_tree(accounts.heads())
    found = listed(_contradictions(previous, tree, store, signer))
    digest = Digest(
        number=digest_from_text(previous.text).number + 1 if previous else 1,
        made_at=rfc3339(now_ms),
        count=tree.count,
        root=tree.root,
        previous=sha256_hex(previous.text) if previous else NO_PREVIOUS,
        key=hashlib.sha256(signer.public_key()).hexdigest(),
        regressions=found.count,
        regressions_hash=found.hash,
    )
    store.keep_heads(digest.root, tree)
    if found.count:
        store.keep_regressions(digest.number, found.text)
    signed = SignedDigest(digest.text, signer.sign(digest.text))
    store.keep(digest.number, signed)
    return MadeDigest(digest, signed, found)


def _contradictions(
    previous: SignedDigest | None, tree: HeadTree, store: DigestStore, signer: Signer
) -> Iterator[Regression]:
    for name in store.tampered():
        yield _of_digests(f"{name} was hidden, or something else was put over it")
    if previous is None:
        return
    before = digest_from_text(previous.text)
    if not signer.has_signed(previous):
        yield _of_digests(f"digest {before.number} is not signed with this key")
    try:
        yield from regressions_of(DigestHeads(before, store), chain.from_iterable(tree.chunks))
    except HeadsNotFound as lost:
        yield _of_digests(f"what digest {before.number} was made of: {lost}")


def _of_digests(problem: str) -> Regression:
    return Regression("", "", problem)
