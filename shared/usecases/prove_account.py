"""Proves that an account's head is in a digest. Verifying the proof does not need the service."""

import base64
from typing import Any, Final, Literal, TypeAlias

from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass
from shared.ledger.records import record_of
from shared.ports.inspection import DigestStore, SignedDigest
from shared.ports.ledger import AuditTrail
from shared.verification.digest import chunk_of, digest_from_text, proof_in_chunks
from shared.verification.errors import DigestNotFound, NotInDigest

PROOF_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Numbered:
    """The digest of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class AsOf:
    """The newest digest before this instant."""

    before_ms: int


Wanted: TypeAlias = Numbered | AsOf | Literal["latest"]


def prove_account(
    account: Account, wanted: Wanted, records: int, store: DigestStore, trail: AuditTrail
) -> dict[str, Any]:
    """The proof, with the account's newest `records` up to the head. Raises DigestNotFound or NotInDigest."""
    signed = _found(wanted, store)
    if signed is None:
        raise DigestNotFound("no such digest exists yet")
    root = digest_from_text(signed.text).root
    summary = store.summary(root)
    chunk = chunk_of(account, summary)
    heads = store.chunk(root, chunk) if chunk is not None else ()
    index = next((at for at, head in enumerate(heads) if head.account == account), None)
    if chunk is None or index is None:
        raise NotInDigest(f"{account.actor} had no entry when the digest was made")
    head = heads[index]
    rows = trail.page(account, records, head.seq + 1).items if records else ()
    return {
        "version": PROOF_VERSION,
        "digest": public_digest(signed),
        "head": {"tenant": head.tenant, "actor": head.actor, "seq": head.seq, "hash": head.hash},
        "path": [list(step) for step in proof_in_chunks(heads, index, chunk, summary)],
        "records": [record_of(entry) for entry in reversed(rows)],
    }


def show_digest(wanted: Wanted, store: DigestStore) -> dict[str, str]:
    """The digest itself, which names no account. Raises DigestNotFound."""
    signed = _found(wanted, store)
    if signed is None:
        raise DigestNotFound("no such digest exists yet")
    return public_digest(signed)


def _found(wanted: Wanted, store: DigestStore) -> SignedDigest | None:
    match wanted:
        case Numbered(number):
            return store.numbered(number)
        case AsOf(before_ms):
            return store.newest(before_ms)
        case _:
            return store.newest()


def public_digest(signed: SignedDigest) -> dict[str, str]:
    """All that must be stored to verify the digest later."""
    return {
        "text": signed.text,
        "signature": base64.b64encode(signed.signature.value).decode(),
        "public_key": base64.b64encode(signed.signature.public_key).decode(),
        "key_id": signed.signature.key_id,
    }
