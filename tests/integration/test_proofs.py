"""Digests and proofs, made by the functions and checked by the verifier that knows nothing of them."""

import base64
import hashlib
import json
from typing import Any

import pytest

from millicent import verify_proof
from shared.ledger.digest import digest_from_text
from shared.ledger.errors import DigestExists
from tests.integration.world import AUDIT_TABLE, DIGEST_BUCKET, SIGNING_KEY, World, client, create_digests

ALICE = "user:alice"


@pytest.fixture
def busy(world: World) -> World:
    """Five actors, of whom Alice has three entries, all audited; a bucket and a key, no digest yet."""
    create_digests()
    for actor in (ALICE, "user:bob", "user:carol", "user:dave", "user:eve"):
        world.fund({"actor": actor, "amount": 100})
    world.cost({"actor": ALICE, "cost": 1})
    world.cost({"actor": ALICE, "cost": 2})
    world.settle()
    return world


def fingerprint() -> str:
    return hashlib.sha256(client("kms").get_public_key(KeyId=SIGNING_KEY)["PublicKey"]).hexdigest()


def make(world: World) -> dict[str, Any]:
    made: dict[str, Any] = world.invoke("digest", {})
    return made


def proof(world: World, actor: str = ALICE, **query: str) -> dict[str, Any]:
    answer = world.get(f"/v1/accounts/{actor}/proof", query=query)
    assert answer.status == 200, answer.text
    content: dict[str, Any] = json.loads(answer.text)
    return content


def test_a_digest_covers_all_accounts_and_links_to_the_one_before(busy: World) -> None:
    first, second = make(busy), make(busy)
    assert (first["number"], first["count"], first["previous"]) == (1, 5, "0" * 64)
    assert (second["number"], second["root"]) == (2, first["root"])
    stored = json.loads(client("s3").get_object(Bucket=DIGEST_BUCKET, Key="digests/00000001.json")["Body"].read())
    assert second["previous"] == hashlib.sha256(stored["text"].encode()).hexdigest()
    assert first["key"] == fingerprint()


@pytest.mark.parametrize("actor", [ALICE, "user:bob", "user:eve"])
def test_a_proof_convinces_a_verifier_who_knows_the_key(busy: World, actor: str) -> None:
    make(busy)
    proved = verify_proof.verify(proof(busy, actor, records="10"), fingerprint())
    assert (proved.actor, proved.number) == (actor, 1)
    assert proved.records == (3 if actor == ALICE else 1)


def test_a_proof_by_another_key_convinces_nobody(busy: World) -> None:
    make(busy)
    with pytest.raises(verify_proof.NotProved, match="another key"):
        verify_proof.verify(proof(busy), "0" * 64)


def test_the_records_lead_from_the_first_entry_to_the_head(busy: World) -> None:
    make(busy)
    shown = proof(busy, records="10")
    assert [json.loads(record)["seq"] for record in shown["records"]] == [1, 2, 3]
    assert [json.loads(record)["seq"] for record in proof(busy, records="2")["records"]] == [2, 3]
    assert proof(busy)["records"] == []


def test_a_record_that_was_altered_in_the_audit_table_no_longer_leads_to_the_head(busy: World) -> None:
    make(busy)
    dynamodb = client("dynamodb")
    key = {"pk": {"S": f"TENANT#main#ACTOR#{ALICE}"}, "sk": {"S": "SEQ#000000000002"}}
    item = dynamodb.get_item(TableName=AUDIT_TABLE, Key=key)["Item"]
    item["record"]["S"] = item["record"]["S"].replace('"amount":-1000', '"amount":-1')
    dynamodb.put_item(TableName=AUDIT_TABLE, Item=item)
    with pytest.raises(verify_proof.NotProved, match="record 3 does not link"):
        verify_proof.verify(proof(busy, records="10"), fingerprint())


def test_an_older_digest_proves_the_older_head(busy: World) -> None:
    make(busy)
    busy.cost({"actor": ALICE, "cost": 3})
    busy.settle()
    make(busy)
    assert [proof(busy, digest=number)["head"]["seq"] for number in ("1", "2", "latest")] == [3, 4, 4]
    older = proof(busy, digest="1", records="10")
    assert verify_proof.verify(older, fingerprint()).records == 3


def test_a_date_means_the_newest_digest_of_that_day_or_before(busy: World) -> None:
    make(busy)
    assert digest_from_text(proof(busy, digest="2999-01-01")["digest"]["text"]).number == 1
    assert busy.get(f"/v1/accounts/{ALICE}/proof", query={"digest": "2000-01-01"}).code == "digest_not_found"


@pytest.mark.parametrize("wanted", ["yesterday", "9999-12-31", "2026-02-30", "-1", "٣", "123456789"])
def test_what_names_no_digest_is_refused(busy: World, wanted: str) -> None:
    answer = busy.get(f"/v1/accounts/{ALICE}/proof", query={"digest": wanted})
    assert (answer.status, set(answer.errors)) == (422, {"query.digest"})


def test_without_a_digest_or_an_entry_there_is_nothing_to_prove(busy: World) -> None:
    assert busy.get(f"/v1/accounts/{ALICE}/proof").code == "digest_not_found"
    make(busy)
    assert busy.get(f"/v1/accounts/{ALICE}/proof", query={"digest": "2"}).code == "digest_not_found"
    assert busy.get("/v1/accounts/user:zoe/proof").code == "not_in_digest"
    assert busy.get("/v1/accounts/aaron/proof").code == "not_in_digest"


def test_an_end_user_gets_a_proof_of_its_own_account_alone(busy: World) -> None:
    make(busy)
    claims = {"sub": ALICE, "client_id": "app", "scope": "credits/read"}
    assert busy.get(f"/v1/accounts/{ALICE}/proof", claims=claims).status == 200
    assert busy.get("/v1/accounts/user:bob/proof", claims=claims).code == "actor_not_allowed"
    no_scope = {**claims, "scope": "credits/charge"}
    assert busy.get(f"/v1/accounts/{ALICE}/proof", claims=no_scope).code == "insufficient_scope"


def test_two_runs_at_once_cannot_make_two_digests_of_one_number(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    make(busy)
    runtime = busy.modules["digest"].runtime
    made_meanwhile = runtime.store.newest()
    monkeypatch.setattr(runtime.store, "newest", lambda: None)
    with pytest.raises(DigestExists, match="digest 1 has been made meanwhile"):
        make(busy)
    monkeypatch.undo()
    assert runtime.store.newest() == made_meanwhile


def test_what_is_no_state_of_an_account_does_not_keep_the_digest_from_being_made(busy: World) -> None:
    dynamodb = client("dynamodb")
    dynamodb.put_item(TableName="ledger", Item={"pk": {"S": "somewhere"}, "sk": {"S": "STATE"}})
    assert make(busy)["count"] == 5


def test_a_ledger_without_accounts_has_a_digest_too(world: World) -> None:
    create_digests()
    assert make(world)["root"] == hashlib.sha256().hexdigest()
    assert world.get(f"/v1/accounts/{ALICE}/proof").code == "not_in_digest"


def test_the_signature_is_over_the_text_that_the_proof_shows(busy: World) -> None:
    make(busy)
    shown = proof(busy)["digest"]
    assert client("kms").verify(
        KeyId=SIGNING_KEY,
        Message=shown["text"].encode(),
        Signature=base64.b64decode(shown["signature"]),
        SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
    )["SignatureValid"]
