"""A stack that was tampered with, and those who may find it."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from millicent.kept import verify_kept
from millicent.verify_proof import NotProved, verify
from shared.adapters.keys import account_pk
from shared.ledger.accounts import Account
from tests.integration.world import (
    AUDIT_TABLE,
    DIGEST_BUCKET,
    LEDGER_TABLE,
    SIGNING_KEY,
    USAGE_TABLE,
    World,
    client,
    create_digests,
)
from tests.rows import record_text, with_replaced

Finder: TypeAlias = Literal["service", "reconciler", "digest", "audit page", "verifier"]
Row: TypeAlias = dict[str, Any]

ALICE: Final = "user:alice"
BOB: Final = "user:bob"
TEAM: Final = "team"
TABLES: Final = (LEDGER_TABLE, AUDIT_TABLE, USAGE_TABLE)
RECORDS: Final = "100"
"""More than any account here has."""


@dataclass
class Scene:
    """Alice, Bob and a team that Bob is a member of: all audited, counted and in digest 1, which somebody keeps."""

    world: World
    earlier: dict[str, list[Row]] = field(default_factory=dict)
    """Alice's rows before her last charge."""
    kept: Mapping[str, Any] = field(default_factory=dict)

    def set_up(self) -> None:
        world = self.world
        create_digests()
        world.fund({"actor": ALICE, "amount": 1000}, key="paid-in")
        world.cost({"actor": ALICE, "cost": 10, "app": "chat", "meter": "llm"}, key="charge-2")
        world.hold({"actor": ALICE, "amount": 5}, key="hold-3")
        world.refund({"actor": ALICE, "charge": "charge-2", "amount": 4}, key="refund-4")
        world.limit(ALICE, [{"amount": 500}], key="limit-5")
        world.fund({"actor": TEAM, "amount": 1000}, key="team-1")
        world.fund({"actor": BOB, "amount": 1000}, key="bob-1")
        world.configure(BOB, {"parent": TEAM}, key="join-2")
        world.cost({"actor": BOB, "cost": 3}, key="charge-3")
        world.check({"actor": ALICE})
        self._carry_on()
        self.earlier = {table: rows(table, ALICE) for table in TABLES}
        world.cost({"actor": ALICE, "cost": 20, "meter": "llm"}, key="charge-6")
        self._carry_on()
        world.invoke("digest", {})
        self.kept = json.loads(world.get("/v1/digests/1").text)

    def finders(self) -> set[Finder]:
        """Who finds that something is wrong, each asked as it is asked in operation: the digest comes last."""
        asked: dict[Finder, Callable[[], bool]] = {
            "audit page": self._is_found_on_the_audit_page,
            "verifier": self._is_found_by_a_verifier,
            "reconciler": lambda: bool(self.world.invoke("reconcile", {"grace_s": 0})["findings"]),
            "digest": lambda: self.world.invoke("digest", {})["regressions"] > 0,
            "service": self._is_found_by_the_service,
        }
        return {finder for finder, is_found in asked.items() if is_found()}

    def _is_found_on_the_audit_page(self) -> bool:
        pages = [self.world.get(f"/v1/accounts/{actor}/audit") for actor in (ALICE, BOB, TEAM)]
        return any(page.status == 200 and page.body["verified"] is False for page in pages)

    def _is_found_by_a_verifier(self) -> bool:
        try:
            verify_kept([self.kept], fingerprint(), self._numbered, self._shown("latest"))
            return any(self._is_short(actor) for actor in (ALICE, BOB, TEAM))
        except NotProved:
            return True

    def _is_short(self, actor: str) -> bool:
        """Whether the records that come with the proof are not the account's whole history up to the head."""
        query = {"digest": "1", "records": RECORDS}
        proved = verify(json.loads(self.world.get(f"/v1/accounts/{actor}/proof", query=query).text), fingerprint())
        return proved.records != proved.seq

    def _numbered(self, number: int) -> Mapping[str, Any] | None:
        return self._shown(str(number))

    def _shown(self, wanted: str) -> Mapping[str, Any] | None:
        answer = self.world.get(f"/v1/digests/{wanted}")
        return json.loads(answer.text) if answer.status == 200 else None

    def _is_found_by_the_service(self) -> bool:
        answers = [self.world.cost({"actor": actor, "cost": 1}) for actor in (ALICE, BOB, TEAM)]
        return any(answer.status == 503 for answer in answers)

    def _carry_on(self) -> None:
        self.world.invoke("outbox", self.world.stream_event())
        messages = self.world.queue_event()["Records"]
        self.world.invoke("audit", {"Records": [each for each in messages if '"ledger.digest"' not in each["body"]]})
        self.world.invoke("usage", {"Records": [each for each in messages if '"credit.record-cost"' in each["body"]]})


def fingerprint() -> str:
    return hashlib.sha256(client("kms").get_public_key(KeyId=SIGNING_KEY)["PublicKey"]).hexdigest()


def pk_of(actor: str) -> str:
    return account_pk(Account("main", actor))


def rows(table: str, actor: str) -> list[Row]:
    """All of an account, every item of a kind alike."""
    found = client("dynamodb").scan(TableName=table)["Items"]
    return [row for row in found if row["pk"]["S"] == pk_of(actor)]


def row(table: str, actor: str, sk: str) -> Row:
    return next(each for each in rows(table, actor) if each["sk"]["S"] == sk)


def put(table: str, item: Row) -> None:
    client("dynamodb").put_item(TableName=table, Item=item)


def delete(table: str, actor: str, *sks: str) -> None:
    for sk in sks:
        client("dynamodb").delete_item(TableName=table, Key={"pk": {"S": pk_of(actor)}, "sk": {"S": sk}})


def empty(table: str, actor: str) -> None:
    delete(table, actor, *(each["sk"]["S"] for each in rows(table, actor)))


def altered(item: Row, right: str, wrong: str) -> Row:
    """An entry's row with another text, and the hash that fits it."""
    forged = with_replaced(item, right, wrong)
    return forged | {"hash": {"S": hashlib.sha256(record_text(forged).encode()).hexdigest()}}


def objects(prefix: str) -> Iterator[str]:
    listed = client("s3").list_objects_v2(Bucket=DIGEST_BUCKET, Prefix=prefix)
    yield from (each["Key"] for each in listed.get("Contents", []))
