"""Makes the next digest: one signed hash over the heads of all accounts, linked to the digest before it.

It also compares the two. A record only grows, so a missing account, a lower seq or another hash at the same seq was
caused by tampering. The new digest says how many such accounts there are.
"""

import hashlib
from collections.abc import Iterator
from itertools import chain
from typing import Final

from shared.ledger.canonical import sha256_hex
from shared.ledger.frozen import dataclass
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
    """Raises DigestExists if another run has made this digest meanwhile.

    Each head is read strongly, but not all at one instant: every account had at least this many entries. The heads are
    stored before the digest, so that proofs against a digest are always possible.
    """
    # The last digest is read before the heads, so no head can be behind it. Otherwise two concurrent runs would
    # contradict each other.
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
