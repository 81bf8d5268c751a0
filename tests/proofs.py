"""A proof, and ways to alter it. Both verifiers must notice each: the client's, and that of the console.

python -m tests.proofs      writes them, with what the client's verifier says, to console/tests/golden/proofs.json
"""

import base64
import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from millicent.verify_proof import NotProved, sentence, verify
from shared.ledger.operations import Charge, GrantCredits
from shared.ledger.records import record_of
from shared.verification.digest import Digest, head_of, head_tree, inclusion_proof
from tests.builders import ALICE, history

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STATE, ENTRIES = history(GrantCredits(100), Charge(10), Charge(20))
RECORDS = [record_of(entry) for entry in ENTRIES]
Proof = dict[str, Any]


def der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


FINGERPRINT = hashlib.sha256(der()).hexdigest()


def proof_of_three_entries() -> Proof:
    """Of Alice's three entries, among five accounts."""
    states = [STATE, *(history(GrantCredits(1), account=type(ALICE)("main", f"user:{n}"))[0] for n in "bcde")]
    heads = [head for chunk in head_tree(map(head_of, states)).chunks for head in chunk]
    head = head_of(STATE)
    text = Digest(
        number=3,
        made_at="2026-01-31T03:00:00.000Z",
        count=5,
        root=head_tree(heads).root,
        previous="0" * 64,
        key=FINGERPRINT,
    ).text
    return {
        "version": 1,
        "digest": {"text": text, "signature": signed(text), "public_key": encoded(der()), "key_id": "key"},
        "head": {"tenant": head.tenant, "actor": head.actor, "seq": head.seq, "hash": head.hash},
        "path": [list(step) for step in inclusion_proof(heads, heads.index(head))],
        "records": RECORDS,
    }


def signed(text: str, key: rsa.RSAPrivateKey = KEY) -> str:
    return encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))


def alter_text(proof: Proof) -> None:
    proof["digest"]["text"] = proof["digest"]["text"].replace('"count":5', '"count":6')


def alter_signature(proof: Proof) -> None:
    proof["digest"]["signature"] = encoded(bytes(256))


def shorten_signature(proof: Proof) -> None:
    proof["digest"]["signature"] = encoded(base64.b64decode(proof["digest"]["signature"])[:-1])


def lengthen_signature(proof: Proof) -> None:
    proof["digest"]["signature"] = encoded(b"\x00" + base64.b64decode(proof["digest"]["signature"]))


def sign_by_another(proof: Proof) -> None:
    proof["digest"]["signature"] = signed(proof["digest"]["text"], OTHER)


def bring_another_key(proof: Proof) -> None:
    sign_by_another(proof)
    proof["digest"]["public_key"] = encoded(der(OTHER))


def sign_another_root(proof: Proof) -> None:
    text = json.dumps(json.loads(proof["digest"]["text"]) | {"root": "0" * 64})
    proof["digest"] |= {"text": text, "signature": signed(text)}


def alter_head(proof: Proof) -> None:
    proof["head"]["seq"] = 4


def alter_path(proof: Proof) -> None:
    proof["path"][0][1] = "0" * 64


def turn_path(proof: Proof) -> None:
    proof["path"][0][0] = "up"


def shorten_path(proof: Proof) -> None:
    proof["path"].pop()


def alter_record(proof: Proof) -> None:
    proof["records"] = [RECORDS[0], RECORDS[1].replace('"amount":-10', '"amount":-1'), RECORDS[2]]


def alter_last_record(proof: Proof) -> None:
    proof["records"] = [*RECORDS[:2], RECORDS[2].replace('"amount":-20', '"amount":-2')]


def drop_record(proof: Proof) -> None:
    proof["records"] = [RECORDS[0], RECORDS[2]]


def swap_records(proof: Proof) -> None:
    proof["records"] = [RECORDS[1], RECORDS[0], RECORDS[2]]


def begin_elsewhere(proof: Proof) -> None:
    first = json.loads(RECORDS[0]) | {"prev_hash": "1" * 64}
    proof["records"] = [json.dumps(first), *RECORDS[1:]]


def take_anothers_records(proof: Proof) -> None:
    _, entries = history(GrantCredits(100), account=type(ALICE)("main", "user:b"))
    proof["records"] = [record_of(entries[0])]


def drop_member(proof: Proof) -> None:
    del proof["head"]["hash"]


def change_version(proof: Proof) -> None:
    proof["version"] = 2


def change_digests_version(proof: Proof) -> None:
    text = json.dumps(json.loads(proof["digest"]["text"]) | {"version": 3})
    proof["digest"] |= {"text": text, "signature": signed(text)}


ALTERED: Final[tuple[tuple[Callable[[Proof], None], str], ...]] = (
    (alter_text, "signature does not match"),
    (alter_signature, "signature does not match"),
    (shorten_signature, "signature does not match"),
    (lengthen_signature, "signature does not match"),
    (sign_by_another, "signature does not match"),
    (bring_another_key, "not signed with the trusted key"),
    (sign_another_root, "path does not lead"),
    (alter_head, "path does not lead"),
    (alter_path, "path does not lead"),
    (turn_path, "neither left nor right"),
    (shorten_path, "path does not lead"),
    (alter_record, "record 3 does not link"),
    (alter_last_record, "do not lead to the head"),
    (drop_record, "record 3 does not link"),
    (swap_records, "record 1 does not link"),
    (begin_elsewhere, "record 1 does not link"),
    (take_anothers_records, "record 1 belongs to another account"),
    (drop_member, "malformed"),
    (change_version, "version"),
    (change_digests_version, "version"),
)
"""What alters a proof, and why it then proves nothing."""

GOLDEN: Final = Path(__file__).parents[1] / "console" / "tests" / "golden" / "proofs.json"


def verdict(proof: Proof) -> str:
    """What the client's verifier says of it."""
    try:
        return sentence(verify(proof, FINGERPRINT))
    except NotProved as failure:
        return f"NOT PROVED: {failure}"


def cases() -> list[dict[str, Any]]:
    """The proof as it is, and altered in each way, with its verdict."""
    whole = proof_of_three_entries()
    found = [{"name": "as it is", "proof": whole, "verdict": verdict(whole)}]
    for alter, _ in ALTERED:
        altered = deepcopy(whole)
        alter(altered)
        found.append({"name": alter.__name__.replace("_", " "), "proof": altered, "verdict": verdict(altered)})
    return found


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps({"fingerprint": FINGERPRINT, "cases": cases()}, indent=1, ensure_ascii=False) + "\n")
