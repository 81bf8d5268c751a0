"""Makes the next digest: one signed hash over the heads of all accounts, linked to the digest before it."""

import hashlib
from typing import Final

from shared.ledger.canonical import sha256_hex
from shared.ledger.digest import Digest, digest_from_text, head_tree
from shared.ledger.inspection_ports import DigestStore, Heads, SignedDigest, Signer
from shared.ledger.times import rfc3339

NO_PREVIOUS: Final = "0" * 64


def make_digest(accounts: Heads, store: DigestStore, signer: Signer, now_ms: int) -> Digest:
    """Raises DigestExists when another run made this one meanwhile.

    Each head is read strongly, though not all at one instant: the digest says of every account that it had come at
    least this far. The heads are kept before the digest, so that a digest can always be proved against.
    """
    tree = head_tree(accounts.heads())
    previous = store.newest()
    digest = Digest(
        number=digest_from_text(previous.text).number + 1 if previous else 1,
        made_at=rfc3339(now_ms),
        count=tree.count,
        root=tree.root,
        previous=sha256_hex(previous.text) if previous else NO_PREVIOUS,
        key=hashlib.sha256(signer.public_key()).hexdigest(),
    )
    store.keep_heads(digest.root, tree)
    store.keep(digest.number, SignedDigest(digest.text, signer.sign(digest.text)))
    return digest
