"""Digests: one hash over the heads of all accounts, and short proofs that a head is among them.

A Merkle tree after RFC 6962: leaves and nodes are hashed with different prefixes, so that neither can be mistaken for
the other; n leaves split at the largest power of two below n. By the hash chain a head covers its account's whole
history.

The tree is stored in chunks of CHUNK_SIZE leaves. Since that is a power of two, every chunk but the last is a whole
subtree: a proof needs one chunk and the roots of the others.
"""

import dataclasses
import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from shared.ledger.accounts import Account, AccountState
from shared.ledger.canonical import canonical_json
from shared.ledger.frozen import dataclass

Side: TypeAlias = Literal["left", "right"]
ProofStep: TypeAlias = tuple[Side, str]
"""A hash, and the side on which it is joined to the one computed so far."""

VERSION: Final = 2
"""Digests of version 1 have no fields about the digest before them; they can still be read."""
CHUNK_SIZE: Final = 4096

_LEAF_PREFIX: Final = b"\x00"
_NODE_PREFIX: Final = b"\x01"


@dataclasses.dataclass(frozen=True, slots=True, order=True)  # noqa: TID251 - has an order
class Head:
    """The newest entry of an account at the time of the digest."""

    tenant: str
    actor: str
    seq: int
    hash: str

    @property
    def account(self) -> Account:
        return Account(self.tenant, self.actor)


@dataclass(frozen=True, slots=True)
class Chunk:
    """CHUNK_SIZE consecutive heads (fewer in the last chunk): the first of them, and the root over them."""

    first: Head
    root: str


@dataclass(frozen=True, slots=True)
class HeadTree:
    """All heads in digest order, in chunks. `summary` has as many items as `chunks`."""

    chunks: tuple[tuple[Head, ...], ...]
    summary: tuple[Chunk, ...]

    @property
    def count(self) -> int:
        return sum(map(len, self.chunks))

    @property
    def root(self) -> str:
        return root_of_chunks(self.summary)


@dataclass(frozen=True, slots=True)
class Digest:
    """The signed content. `previous` is the SHA-256 of the text of the digest before it, `key` that of the public key.

    `regressions` is the number of contradictions to the digest before it, and `regressions_hash` the hash of their
    list. The list is stored beside the digest: a digest is shown to every tenant, so it names no account.
    """

    number: int
    made_at: str
    count: int
    root: str
    previous: str
    key: str
    regressions: int = 0
    regressions_hash: str = ""

    @property
    def text(self) -> str:
        """The canonical text, which the signature covers."""
        return canonical_json({"version": VERSION, **{name: getattr(self, name) for name in self.__slots__}})


def digest_from_text(text: str) -> Digest:
    """Raises ValueError, KeyError or TypeError if the text is not a digest of this version or the one before it."""
    fields = json.loads(text)
    if fields.pop("version") not in {1, VERSION}:
        raise ValueError("a digest of another version")
    return Digest(**fields)


def head_tree(heads: Iterable[Head], chunk_size: int = CHUNK_SIZE) -> HeadTree:
    """`chunk_size` must be a power of two."""
    ordered = in_digest_order(heads)
    chunks = tuple(tuple(ordered[at : at + chunk_size]) for at in range(0, len(ordered), chunk_size))
    return HeadTree(chunks, tuple(Chunk(chunk[0], merkle_root(chunk)) for chunk in chunks))


def root_of_chunks(summary: Sequence[Chunk]) -> str:
    return _root([bytes.fromhex(chunk.root) for chunk in summary]).hex()


def chunk_of(account: Account, summary: Sequence[Chunk]) -> int | None:
    """The chunk that can contain the account's head; None if the account sorts before all heads."""
    firsts = [(chunk.first.tenant, chunk.first.actor) for chunk in summary]
    index = bisect_right(firsts, (account.tenant, account.actor)) - 1
    return index if index >= 0 else None


def proof_in_chunks(heads: Sequence[Head], index: int, chunk: int, summary: Sequence[Chunk]) -> list[ProofStep]:
    """The same as `inclusion_proof`, from the chunk with the head and the summary of all chunks."""
    roots = [bytes.fromhex(each.root) for each in summary]
    beyond = [(side, sibling.hex()) for side, sibling in _path(roots, chunk)]
    return [*inclusion_proof(heads, index), *beyond]


def head_of(state: AccountState) -> Head:
    return Head(state.account.tenant, state.account.actor, state.seq, state.head_hash)


def in_digest_order(heads: Iterable[Head]) -> list[Head]:
    """The order of the leaves: by tenant, then actor."""
    return sorted(heads)


def merkle_root(heads: Sequence[Head]) -> str:
    """The root over heads in digest order. Without heads it is the hash of the empty string."""
    return _root([leaf_hash(head) for head in heads]).hex()


def inclusion_proof(heads: Sequence[Head], index: int) -> list[ProofStep]:
    """The hashes from the head at `index` to the root, nearest first."""
    return [(side, sibling.hex()) for side, sibling in _path([leaf_hash(head) for head in heads], index)]


def is_included(head: Head, proof: Iterable[ProofStep], root: str) -> bool:
    """Whether the proof leads from the head to the root."""
    computed = leaf_hash(head)
    for side, sibling in proof:
        other = bytes.fromhex(sibling)
        computed = _node_hash(other, computed) if side == "left" else _node_hash(computed, other)
    return computed.hex() == root


def leaf_hash(head: Head) -> bytes:
    text = canonical_json({"tenant": head.tenant, "actor": head.actor, "seq": head.seq, "hash": head.hash})
    return hashlib.sha256(_LEAF_PREFIX + text.encode()).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def _root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return _node_hash(_root(leaves[:split]), _root(leaves[split:]))


def _path(leaves: Sequence[bytes], index: int) -> list[tuple[Side, bytes]]:
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*_path(leaves[:split], index), ("right", _root(leaves[split:]))]
    return [*_path(leaves[split:], index - split), ("left", _root(leaves[:split]))]


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1
