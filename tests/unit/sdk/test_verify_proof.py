"""The verifier, against keys and signatures of another library. Whatever is altered, it must notice."""

import ast
import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from millicent import verify_proof
from millicent.verify_proof import NotProved, fingerprint_of, records_from, sentence, verify
from shared.adapters.stored_records import stored
from tests.proofs import ALTERED, FINGERPRINT, GOLDEN, KEY, RECORDS, Proof, cases, der, proof_of_three_entries


@pytest.fixture
def proof() -> Proof:
    return proof_of_three_entries()


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


@pytest.mark.parametrize(("alter", "why"), ALTERED, ids=[alter.__name__ for alter, _ in ALTERED])
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


def test_the_proofs_by_which_the_console_is_tested_have_the_verdicts_of_this_verifier() -> None:
    golden = json.loads(GOLDEN.read_text())
    for case in golden["cases"]:
        try:
            said = sentence(verify(case["proof"], golden["fingerprint"]))
        except NotProved as failure:
            said = f"NOT PROVED: {failure}"
        assert said == case["verdict"], case["name"]
    assert [case["name"] for case in golden["cases"]] == [case["name"] for case in cases()]
    assert golden["cases"][0]["proof"]["records"] == RECORDS
