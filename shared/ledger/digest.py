"""Digests: one hash that stands for the heads of all accounts, and short proofs that a head is among them.

A Merkle tree after RFC 6962: leaves and nodes are hashed with different prefixes, so that neither can pass for the
other; n leaves split at the largest power of two below n. A head covers its account's whole history by the hash chain.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from shared.ledger.accounts import Account, AccountState
from shared.ledger.canonical import canonical_json

Side: TypeAlias = Literal["left", "right"]
ProofStep: TypeAlias = tuple[Side, str]
"""The hash to put at that side of what has been computed so far."""

_LEAF_PREFIX: Final = b"\x00"
_NODE_PREFIX: Final = b"\x01"


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """The newest entry of an account at the time of the digest."""

    tenant: str
    actor: str
    seq: int
    hash: str

    @property
    def account(self) -> Account:
        return Account(self.tenant, self.actor)


def head_of(state: AccountState) -> Head:
    return Head(state.account.tenant, state.account.actor, state.seq, state.head_hash)


def in_digest_order(heads: Iterable[Head]) -> list[Head]:
    """The order of the leaves: by tenant, then actor."""
    return sorted(heads)


def merkle_root(heads: Sequence[Head]) -> str:
    """The root over heads in digest order. Without any: the hash of nothing."""
    return _root([leaf_hash(head) for head in heads]).hex()


def inclusion_proof(heads: Sequence[Head], index: int) -> list[ProofStep]:
    """The hashes that lead from the head at `index` to the root, nearest first."""
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
