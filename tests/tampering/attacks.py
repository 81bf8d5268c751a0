"""The attacks. Each names who finds it; docs/tamper-evidence.md has the same table for its readers."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from shared.adapters.keys import BEGUN_SK, POLICY_SK, STATE_SK, audit_entry_sk, entry_sk, hold_sk, tally_sk
from shared.adapters.s3_digests import S3DigestStore
from shared.ports.inspection import Signature, SignedDigest
from shared.verification.digest import digest_from_text, head_tree
from tests.integration.world import AUDIT_TABLE, DIGEST_BUCKET, LEDGER_TABLE, USAGE_TABLE, client
from tests.tampering.scene import (
    ALICE,
    BOB,
    TABLES,
    TEAM,
    Finder,
    Scene,
    altered,
    delete,
    empty,
    objects,
    put,
    row,
    rows,
)


@dataclass(frozen=True)
class Attack:
    """`what` is how the page says it; `found_by` nobody where the page says so too."""

    what: str
    do: Callable[[Scene], None]
    found_by: frozenset[Finder]


def rewrite_an_account(scene: Scene) -> None:
    for table in TABLES:
        empty(table, ALICE)
    world = scene.world
    world.fund({"actor": ALICE, "amount": 1000}, key="paid-in")
    for number in range(2, 7):
        world.cost({"actor": ALICE, "cost": 1, "meter": "llm"}, key=f"charge-{number}")
    world.invoke("outbox", world.stream_event())
    world.invoke("audit", world.queue_event())


def cut_the_tail(scene: Scene) -> None:
    for table in TABLES:
        empty(table, ALICE)
        for earlier in scene.earlier[table]:
            put(table, earlier)


def delete_an_account_everywhere(_: Scene) -> None:
    for table in TABLES:
        empty(table, ALICE)


def delete_the_ledger_and_one_copy(_: Scene) -> None:
    empty(LEDGER_TABLE, ALICE)
    empty(USAGE_TABLE, ALICE)
    delete(AUDIT_TABLE, ALICE, *map(audit_entry_sk, (1, 2, 3)))


def delete_the_state_and_one_copy(_: Scene) -> None:
    delete(LEDGER_TABLE, ALICE, STATE_SK)
    delete(AUDIT_TABLE, ALICE, audit_entry_sk(1))


def alter_a_check(_: Scene) -> None:
    (check,) = [each for each in rows(AUDIT_TABLE, ALICE) if each["sk"]["S"].startswith("CHECK#")]
    put(AUDIT_TABLE, check | {"detail": {"S": check["detail"]["S"].replace("true", "false")}})


def replace_a_copy(_: Scene) -> None:
    put(AUDIT_TABLE, altered(row(AUDIT_TABLE, ALICE, audit_entry_sk(2)), '"amount":-10000', '"amount":-1'))


def alter_a_ledger_row(_: Scene) -> None:
    put(LEDGER_TABLE, altered(row(LEDGER_TABLE, ALICE, entry_sk("charge-2")), '"amount":-10000', '"amount":-1'))


def hold_for_ever(_: Scene) -> None:
    never = {"N": "99999999999999"}
    put(LEDGER_TABLE, row(LEDGER_TABLE, ALICE, hold_sk("h3")) | {"expires_at_ms": never, "open_until": never})


def raise_a_limit(_: Scene) -> None:
    policy = row(LEDGER_TABLE, ALICE, POLICY_SK)
    put(LEDGER_TABLE, policy | {"policy": {"S": policy["policy"]["S"].replace("500000", "900000")}})


def forget_a_refund(_: Scene) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, ALICE, tally_sk("charge-2")) | {"refunded": {"N": "0"}})


def raise_a_balance(_: Scene) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, ALICE, STATE_SK) | {"available": {"N": "999000"}})


def delete_the_mark(_: Scene) -> None:
    delete(LEDGER_TABLE, ALICE, BEGUN_SK)


def hide_an_account(_: Scene) -> None:
    begun = row(LEDGER_TABLE, ALICE, BEGUN_SK)
    put(LEDGER_TABLE, {name: begun[name] for name in ("pk", "sk")})


def backdate_a_state(_: Scene) -> None:
    put(LEDGER_TABLE, row(LEDGER_TABLE, ALICE, STATE_SK) | {"at": {"N": "1"}})


def rewrite_one_half(_: Scene) -> None:
    key = f"~{BOB}~charge-3"
    forged = altered(row(LEDGER_TABLE, TEAM, entry_sk(key)), '"by":"billing"', '"by":"nobody"')
    put(LEDGER_TABLE, forged)
    put(LEDGER_TABLE, row(LEDGER_TABLE, TEAM, STATE_SK) | {"head_hash": forged["hash"]})
    copy = row(AUDIT_TABLE, TEAM, audit_entry_sk(2))
    put(AUDIT_TABLE, copy | {"record": forged["record"], "hash": forged["hash"]})


def alter_a_sum(_: Scene) -> None:
    (day,) = [each for each in rows(USAGE_TABLE, ALICE) if each["sk"]["S"].startswith("DAY#")]
    put(USAGE_TABLE, day | {"sums": {"S": day["sums"]["S"].replace('"meter":{"llm":[', '"meter":{"llm":[1')}})


def hide_the_newest_digest(scene: Scene) -> None:
    client("s3").delete_object(Bucket=DIGEST_BUCKET, Key="digests/00000001.json")
    cut_the_tail(scene)


def put_another_digest_over_it(scene: Scene) -> None:
    client("s3").put_object(Bucket=DIGEST_BUCKET, Key="digests/00000001.json", Body=b"{}")
    cut_the_tail(scene)


def alter_what_the_digest_was_made_of(_: Scene) -> None:
    (name,) = [each for each in objects("heads/") if not each.endswith("summary.json")]
    body = client("s3").get_object(Bucket=DIGEST_BUCKET, Key=name)["Body"].read()
    kept = [head for head in json.loads(body) if head[1] != ALICE]
    client("s3").put_object(Bucket=DIGEST_BUCKET, Key=name, Body=json.dumps(kept).encode())


def sign_a_digest_with_another_key(scene: Scene) -> None:
    """Over the account as it was rewritten: without the signature it would be what the next one is compared with."""
    rewrite_an_account(scene)
    runtime = scene.world.modules["digest"].runtime
    store = S3DigestStore(DIGEST_BUCKET)
    own = rsa.generate_private_key(65537, 2048)
    public = own.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    before = store.newest()
    assert before is not None
    tree = head_tree(runtime.accounts.heads())
    text = replace(digest_from_text(before.text), number=2, root=tree.root).text
    store.keep_heads(tree.root, tree)
    signed = own.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    store.keep(2, SignedDigest(text, Signature(signed, public, "another")))


def _found_by(*finders: Finder) -> frozenset[Finder]:
    return frozenset(finders)


_BY_THREE: Final = _found_by("reconciler", "digest", "verifier")
_BY_THE_RECONCILER: Final = _found_by("reconciler")

ATTACKS: Final = (
    Attack("a whole account rewritten, with new hashes", rewrite_an_account, _BY_THREE),
    Attack("the newest entries of an account deleted, STATE set back", cut_the_tail, _BY_THREE),
    Attack("an account deleted from all tables", delete_an_account_everywhere, _BY_THREE),
    Attack("all ledger rows and the first audit rows deleted", delete_the_ledger_and_one_copy, _BY_THREE),
    Attack(
        "STATE and the first audit row deleted",
        delete_the_state_and_one_copy,
        _found_by("service", "reconciler", "digest", "verifier"),
    ),
    Attack("the row of a check altered", alter_a_check, _found_by()),
    Attack("an audit row replaced", replace_a_copy, _found_by("reconciler", "audit page", "verifier")),
    Attack("a ledger row altered, with its hash", alter_a_ledger_row, _BY_THE_RECONCILER),
    Attack("a hold altered so that it never expires", hold_for_ever, _BY_THE_RECONCILER),
    Attack("a limit in POLICY raised", raise_a_limit, _BY_THE_RECONCILER),
    Attack("the refunded total of a charge set back", forget_a_refund, _BY_THE_RECONCILER),
    Attack("a balance in STATE raised", raise_a_balance, _BY_THE_RECONCILER),
    Attack("BEGUN deleted", delete_the_mark, _BY_THE_RECONCILER),
    Attack("an account taken out of the list of accounts", hide_an_account, _BY_THE_RECONCILER),
    Attack("the time in STATE set back", backdate_a_state, _BY_THE_RECONCILER),
    Attack(
        "a member's or parent's entry rewritten without its counterpart, with its audit row and STATE",
        rewrite_one_half,
        _BY_THREE,
    ),
    Attack("a sum of usage altered", alter_a_sum, _BY_THE_RECONCILER),
    Attack(
        "the newest digest hidden, the newest entries of an account deleted",
        hide_the_newest_digest,
        _BY_THREE,
    ),
    Attack(
        "another version put on the newest digest, the newest entries of an account deleted",
        put_another_digest_over_it,
        _BY_THREE,
    ),
    Attack("the heads of a digest altered", alter_what_the_digest_was_made_of, _BY_THREE),
    Attack(
        "an account rewritten, and a digest over it signed with another key",
        sign_a_digest_with_another_key,
        _found_by("digest", "verifier"),
    ),
)
