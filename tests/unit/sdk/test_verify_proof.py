"""The verifier, against keys and signatures of another library. Whatever is altered, it must notice."""

import ast
import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from millicent import verify_proof
from millicent.verify_proof import NotProved, fingerprint_of, records_from, verify
from shared.adapters.stored_records import stored
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


@pytest.fixture
def proof() -> Proof:
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


def test_a_proof_says_what_is_proved(proof: Proof) -> None:
    proved = verify(proof, FINGERPRINT)
    assert (proved.actor, proved.seq, proved.number, proved.accounts) == ("user:alice", 3, 3, 5)
    assert (proved.records, proved.first_record) == (3, 1)


def test_a_fingerprint_may_be_spelled_with_capitals_and_colons(proof: Proof) -> None:
    spelled = ":".join(FINGERPRINT[at : at + 2] for at in range(0, 64, 2)).upper()
    assert verify(proof, spelled).number == 3


def test_records_may_begin_anywhere_but_must_end_in_the_head(proof: Proof) -> None:
    assert verify(proof, FINGERPRINT, RECORDS[1:]).first_record == 2
    assert verify(proof, FINGERPRINT, []).records == 0
    with pytest.raises(NotProved, match="do not lead to the head"):
        verify(proof, FINGERPRINT, RECORDS[:2])


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


@pytest.mark.parametrize(
    ("alter", "why"),
    [
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
    ],
)
def test_whatever_is_altered_proves_nothing(proof: Proof, alter: Callable[[Proof], None], why: str) -> None:
    alter(proof)
    with pytest.raises(NotProved, match=why):
        verify(proof, FINGERPRINT)


def test_a_key_may_be_a_file_in_pem_or_der() -> None:
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert fingerprint_of(pem) == fingerprint_of(der()) == FINGERPRINT


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"0",
        der()[:-1],
        der() + b"\x00",
        der(ec.generate_private_key(ec.SECP256R1())),
        der(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505 - it is to be refused
    ],
    ids=["nothing", "a tag", "cut off", "too long", "of an elliptic curve", "too short"],
)
def test_what_is_no_rsa_key_that_can_be_trusted_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        fingerprint_of(key)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORDS),
        json.dumps([{"record": record} for record in reversed(RECORDS)]),
        "\n".join(json.dumps({"Item": {"record": {"S": record}}}) for record in RECORDS),
        "\n".join(
            json.dumps({"Item": {"record": {"B": base64.b64encode(stored(record)).decode()}}}) for record in RECORDS
        ),
    ],
)
def test_records_come_as_an_array_as_lines_or_as_an_export_of_the_table(text: str) -> None:
    assert records_from(text) == RECORDS


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x00x",
        b"\x09" + stored(RECORDS[0])[1:],
        b"\x01garbage",
        stored(RECORDS[0])[:-2],
        stored(RECORDS[0]) + b"x",
    ],
)
def test_a_row_whose_record_cannot_be_read_is_refused(record: bytes) -> None:
    with pytest.raises(ValueError, match="this row"):
        records_from(json.dumps([{"record": {"B": base64.b64encode(record).decode()}}]))


def test_the_verifier_imports_the_standard_library_alone() -> None:
    tree = ast.parse(Path(verify_proof.__file__).read_text())
    imported = {
        name.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As anybody would who has a copy of the file and nothing else."""
    command = [sys.executable, "-I", "-S", verify_proof.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_file_runs_by_itself(proof: Proof, tmp_path: Path) -> None:
    file, records, key = tmp_path / "proof.json", tmp_path / "records.json", tmp_path / "key.der"
    file.write_text(json.dumps(proof))
    records.write_text(json.dumps(RECORDS[1:]))
    key.write_bytes(der())
    done = run(str(file), "--key", FINGERPRINT)
    assert (done.returncode, done.stdout[:15]) == (0, "proved: digest ")
    assert "2 records, from entry 2 on" in run(str(file), "--key", str(key), "--records", str(records)).stdout
    refused = run(str(file), "--key", "0" * 64)
    assert (refused.returncode, refused.stderr[:10]) == (1, "NOT PROVED")
    assert "neither a file nor a fingerprint" in run(str(file), "--key", "mine").stderr
