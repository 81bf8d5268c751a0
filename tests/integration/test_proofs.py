"""Digests and proofs, made by the functions and checked by the verifier that knows nothing of them."""

import base64
import hashlib
import json
from io import StringIO
from typing import Any

import pytest

from millicent import verify_proof
from millicent.kept import digests_from, verify_kept
from shared.ports.ledger import Published
from shared.usecases.make_digest import MadeDigest, make_digest
from shared.verification.digest import digest_from_text
from shared.verification.errors import DigestExists
from tests.integration.world import AUDIT_TABLE, DIGEST_BUCKET, LEDGER_TABLE, SIGNING_KEY, World, client, create_digests
from tests.rows import with_replaced

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
    with pytest.raises(verify_proof.NotProved, match="not signed with the trusted key"):
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
    dynamodb.put_item(TableName=AUDIT_TABLE, Item=with_replaced(item, '"amount":-1000', '"amount":-1'))
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
    with pytest.raises(DigestExists, match="digest 1 already exists"):
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


def test_a_digest_says_what_it_contradicts_of_the_one_before(busy: World) -> None:
    make(busy)
    dynamodb = client("dynamodb")
    for row in dynamodb.scan(TableName=LEDGER_TABLE)["Items"]:
        if row["pk"]["S"].endswith(ALICE):
            dynamodb.delete_item(TableName=LEDGER_TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    told = make(busy)
    body = client("s3").get_object(Bucket=DIGEST_BUCKET, Key="regressions/00000002.json")["Body"].read()
    assert json.loads(body) == {"count": 1, "listed": [["main", ALICE, "had 3 entries and no longer exists"]]}
    assert told["regressions_hash"] == hashlib.sha256(body).hexdigest()
    said = verify_proof.verify(proof(busy, "user:bob"), fingerprint())
    assert said.regressions == 1
    assert "contradicts the one before it in 1 places" in verify_proof.sentence(said)


def test_a_contradiction_is_an_alarm_and_a_line_in_the_log(
    busy: World, capsys: pytest.CaptureFixture[str], log: StringIO
) -> None:
    make(busy)
    key = {"pk": {"S": f"TENANT#main#ACTOR#{ALICE}"}, "sk": {"S": "STATE"}}
    client("dynamodb").delete_item(TableName=LEDGER_TABLE, Key=key)
    capsys.readouterr()
    make(busy)
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "DigestRegressions" in line]
    assert [each["DigestRegressions"] for each in metrics] == [[1.0]]
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    errors = [(line["message"], line["actor"]) for line in lines if line["level"] == "ERROR"]
    assert errors == [("digest contradicts the last", ALICE)]


def test_accounts_that_go_on_while_two_digests_are_made_at_once_contradict_nothing(
    busy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other digest is made, of newer heads, when this one has read its own: it must not be compared with that."""
    make(busy)
    runtime = busy.modules["digest"].runtime
    read = type(runtime.accounts).heads

    def overtaken(self: Any) -> Any:
        heads = list(read(self))
        monkeypatch.undo()
        busy.cost({"actor": ALICE, "cost": 1})
        assert made().digest.regressions == 0
        return iter(heads)

    def made() -> MadeDigest:
        return make_digest(runtime.accounts, runtime.store, runtime.signer, runtime.now_ms())

    monkeypatch.setattr(type(runtime.accounts), "heads", overtaken)
    with pytest.raises(DigestExists):
        made()


def test_a_digest_is_an_event_that_can_be_kept(busy: World) -> None:
    make(busy)
    (event,) = [each for each in busy.bus_events() if each["detail-type"] == "ledger.digest"]
    (kept,) = digests_from(json.dumps(event))
    assert verify_proof.digest_of(kept, fingerprint())["number"] == event["detail"]["data"]["number"] == 1


def test_a_digest_that_the_bus_does_not_take_is_made_all_the_same(
    busy: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bus = busy.modules["digest"].runtime.bus
    monkeypatch.setattr(type(bus), "publish", lambda *_: Published((0,)))
    assert make(busy)["number"] == 1
    assert '"DigestEventsLost":[1.0]' in capsys.readouterr().out


def test_a_digest_can_be_asked_for_by_its_number(busy: World) -> None:
    assert busy.get("/v1/digests/latest").code == "digest_not_found"
    make(busy)
    make(busy)
    texts = [json.loads(busy.get(f"/v1/digests/{number}").text)["text"] for number in ("1", "2", "latest")]
    assert [digest_from_text(text).number for text in texts] == [1, 2, 2]
    assert busy.get("/v1/digests/3").code == "digest_not_found"
    assert (busy.get("/v1/digests/x").status, set(busy.get("/v1/digests/x").errors)) == (422, {"path.number"})
    assert busy.get("/v1/digests/1", claims={"sub": "a", "client_id": "a", "scope": "credits/fund"}).status == 403


def test_kept_digests_that_are_not_the_services_any_more_are_named(busy: World) -> None:
    def shown(wanted: object) -> Any:
        answer = busy.get(f"/v1/digests/{wanted}")
        return json.loads(answer.text) if answer.status == 200 else None

    def verified(kept: list[Any], numbered: Any = shown, newest: str = "latest") -> Any:
        return verify_kept(kept, fingerprint(), numbered, shown(newest))

    for _ in range(3):
        make(busy)
    first, second, third = (shown(number) for number in (1, 2, 3))
    assert (verified([first]).first, verified([first]).newest, verified([second, third]).kept) == (1, 3, 2)
    with pytest.raises(verify_proof.NotProved, match="no longer has digest 2"):
        verified([first], lambda number: None if number == 2 else shown(number))
    with pytest.raises(verify_proof.NotProved, match="shows as digest 2 is digest 3"):
        verified([first], lambda number: third if number == 2 else shown(number))
    with pytest.raises(verify_proof.NotProved, match="the service's newest digest is 2"):
        verified([third], newest="2")
    forged = resigned(second, {"root": "0" * 64})
    with pytest.raises(verify_proof.NotProved, match="digest 2 differs from the kept digest"):
        verified([second], lambda number: forged if number == 2 else shown(number))
    with pytest.raises(verify_proof.NotProved, match="digest 3 does not follow"):
        verified([first], lambda number: forged if number == 2 else shown(number))
    with pytest.raises(verify_proof.NotProved, match="does not match"):
        verified([first | {"signature": second["signature"]}])
    told = resigned(third, {"regressions": 2})
    assert verify_kept([first], fingerprint(), lambda n: told if n == 3 else shown(n), told).contradictions == (3,)


def resigned(shown: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """As the key's holder would sign it."""
    text = json.dumps(json.loads(shown["text"]) | change, sort_keys=True, separators=(",", ":"))
    signature = client("kms").sign(
        KeyId=SIGNING_KEY, Message=text.encode(), MessageType="RAW", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256"
    )["Signature"]
    return {**shown, "text": text, "signature": base64.b64encode(signature).decode()}
