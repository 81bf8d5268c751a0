"""Everything that the functions do: every route, every event, and the ways that are taken when things fail."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from botocore.stub import ANY, Stubber

import tests.vectors.prices as priced
from tests.integration.world import BOARDS_BUCKET, DIGEST_BUCKET, Answer, World, client, create_digests
from tests.vectors.language import Story

SAMPLES: Final = sorted((Path(__file__).parents[2] / "events").glob("*.json"))
GONE: Final = 404
UNAVAILABLE: Final = 503
METER: Final = "speech"
USAGE: Final = "100 characters"
ADMIN: Final = priced.ADMIN
BEFORE: Final = (
    "for team grant 1000",
    "for team hold 100 for 60s",
    f"{METER} cost 15 per 1000 characters",
    "grant 1000 as paid",
    "allowance 10 monthly",
    "charge 10 through app as spent",
    "hold 100 for 60s as over",
    "hold 100 for 1h as it",
    "60s pass",
)
"""An account, and one that is to be its parent, with a hold each that is over: whoever comes next has to find it."""


@dataclass(frozen=True)
class Scene:
    story: Story

    @property
    def world(self) -> World:
        return self.story.world

    @property
    def path(self) -> str:
        return f"/v1/accounts/{self.story.actor}"

    def told(self, *steps: str) -> Answer:
        """The last answer, of steps in the language of the vectors."""
        for step in steps:
            self.story.do(step)
        return self.story.answers[-1]

    def got(self, below: str, **query: str) -> Answer:
        return self.world.get(f"{self.path}{below}", query=query)

    @property
    def usage(self) -> dict[str, Any]:
        return {"actor": self.story.actor, "usage": priced.usage(self.story, USAGE, METER)}


def _put_versions(scene: Scene) -> Answer:
    """The next version, and the same once more by its number."""
    card = {
        "meter": priced.meter_of(scene.story, METER),
        "prices": {"characters": {"price": 2, "per": 1}},
        "version": 2,
    }
    scene.world.call("PUT", "/v1/rates", card, claims=ADMIN)
    return scene.world.call("PUT", "/v1/rates", card, claims=ADMIN)


def _put_terms(scene: Scene, what: str, terms: dict[str, Any]) -> Answer:
    scene.world.call("PUT", f"/v1/rates/{what}", terms, claims=ADMIN)
    return scene.world.call("PUT", f"/v1/rates/{what}", terms, claims=ADMIN)


def _alerted(scene: Scene) -> Answer:
    """After an account fell below a threshold, one of whose holds is over by now."""
    scene.told("warn at 5000")
    scene.world.settle()
    scene.told("3600s pass")
    return scene.world.get("/v1/alerts", claims=ADMIN)


ROUTES: Final[Mapping[str, Callable[[Scene], Answer]]] = {
    "POST /v1/check": lambda scene: scene.world.check(scene.usage),
    "POST /v1/cost": lambda scene: scene.told("join team", f"charge {USAGE} of {METER}"),
    "POST /v1/cost/batch": lambda scene: scene.told("batch charge 1 and charge 2"),
    "POST /v1/refunds": lambda scene: scene.told("refund spent"),
    "POST /v1/funding": lambda scene: scene.told("grant 1"),
    "POST /v1/grants/{id}/void": lambda scene: scene.told("void paid"),
    "POST /v1/holds": lambda scene: scene.told(f"hold {USAGE} of {METER}"),
    "POST /v1/holds/{id}/capture": lambda scene: scene.told(f"capture it with {USAGE} of {METER}"),
    "POST /v1/holds/{id}/release": lambda scene: scene.told("release it"),
    "POST /v1/holds/{id}/extend": lambda scene: scene.told("extend it by 60s"),
    "PATCH /v1/accounts/{actor}": lambda scene: scene.told("join team", "freeze"),
    "PUT /v1/accounts/{actor}/limits": lambda scene: scene.told("limits 30 a day through chat"),
    "PUT /v1/accounts/{actor}/allowance": lambda scene: scene.told("allowance 20 monthly"),
    "DELETE /v1/accounts/{actor}/allowance": lambda scene: scene.told("allowance ends"),
    "GET /v1/rates": lambda scene: scene.world.get("/v1/rates"),
    "PUT /v1/rates": _put_versions,
    "GET /v1/rates/adjustments": lambda scene: scene.world.get("/v1/rates/adjustments"),
    "PUT /v1/rates/adjustments": lambda scene: _put_terms(
        scene, "adjustments", {"name": priced.meter_of(scene.story, METER), "multiplier": "2", "provider": "mistral"}
    ),
    "GET /v1/rates/currencies": lambda scene: scene.world.get("/v1/rates/currencies"),
    "PUT /v1/rates/currencies": lambda scene: _put_terms(scene, "currencies", {"currency": "EUR", "rate": "1.08"}),
    "POST /v1/rates/quote": lambda scene: scene.world.call("POST", "/v1/rates/quote", scene.usage),
    "GET /v1/accounts": lambda scene: scene.world.get("/v1/accounts"),
    "GET /v1/accounts/{actor}": lambda scene: scene.got(""),
    "GET /v1/accounts/{actor}/entries": lambda scene: scene.got("/entries", app="app"),
    "GET /v1/accounts/{actor}/audit": lambda scene: scene.got("/audit"),
    "GET /v1/accounts/{actor}/usage": lambda scene: scene.got("/usage"),
    "GET /v1/operations/{key}": lambda scene: scene.world.get(
        "/v1/operations/spent", query={"actor": scene.story.actor}
    ),
    "GET /v1/usage": lambda scene: _of_a_tenant(scene, "/v1/usage"),
    "GET /v1/accounts/{actor}/proof": lambda scene: _proved(scene, "/proof"),
    "GET /v1/digests/{number}": lambda scene: _proved(scene, None),
    "GET /v1/activity": lambda scene: scene.world.get("/v1/activity"),
    "GET /v1/alerts": _alerted,
    "GET /v1/health": lambda scene: scene.world.get("/v1/health"),
    "GET /openapi.json": lambda scene: scene.world.get("/openapi.json"),
    "GET /asyncapi.json": lambda scene: scene.world.get("/asyncapi.json"),
    "GET /docs": lambda scene: scene.world.get("/docs"),
    "GET /console": lambda scene: scene.world.get("/console"),
    "GET /console/{proxy+}": lambda scene: scene.world.get("/console/src/main.js"),
}
"""A request to each route of the template, of an account for which something is overdue."""


def _proved(scene: Scene, below: str | None) -> Answer:
    scene.world.settle()
    create_digests()
    scene.world.invoke("digest", {})
    return scene.world.get("/v1/digests/1") if below is None else scene.got(below, digest="1", records="10")


def _of_a_tenant(scene: Scene, path: str) -> Answer:
    """Twice: once more without the texts of the boards."""
    scene.world.count_boards()
    answer = scene.world.get(path, query={"group_by": "actor"})
    _empty(BOARDS_BUCKET)
    assert scene.world.get(path).status == UNAVAILABLE
    return answer


def play(world: World, route: str) -> Answer:
    """The answer of a route, after everything that makes its function look up what it can."""
    scene = Scene(Story(world, "user:roles"))
    with scene.story.timed():
        scene.told(*BEFORE)
        return ROUTES[route](scene)


def sampled(world: World) -> None:
    """Every file in events/, whatever it is answered: that none is refused by a role is all that is looked at."""
    create_digests()
    for path in sorted(SAMPLES, key=lambda path: path.stem != "funding-update"):
        world.invoke(path.stem.split("-", maxsplit=1)[0], json.loads(path.read_text()))


def piped(world: World) -> None:
    """From the ledger to the bus, the audit table and the sums, everything twice; and a record that nobody can read."""
    play(world, "POST /v1/refunds")
    stream = world.stream_event()
    damaged = {**stream["Records"][-1], "dynamodb": {**stream["Records"][-1]["dynamodb"], "NewImage": {}}}
    world.invoke("outbox", {"Records": [*stream["Records"], damaged]})
    published = world.queue_event()
    for _ in range(2):
        assert world.invoke("audit", published) == {"batchItemFailures": []}
        assert world.count_usage() == {"batchItemFailures": []}


def ingested(world: World) -> None:
    """A charge by the queue, one of usage, one that can never be recorded."""
    play(world, "PUT /v1/rates")
    charge = {"actor": "user:roles", "cost": 1}
    meter = priced.meter_of(Story(world, "user:roles"), METER)
    used = {"actor": "user:roles", "usage": {"meter": meter, "characters": 1}}
    messages: list[dict[str, Any]] = [
        {"key": "one", **charge},
        {"key": "two", **used},
        {"key": "three", "actor": "user:roles", "cost": "much"},
    ]
    (sample,) = json.loads((SAMPLES[0].parent / "ingest.json").read_text())["Records"]
    records = [{**sample, "messageId": each["key"], "body": json.dumps(each)} for each in messages]
    with _accepted(world, "ingest", "poison_queue", "send_message", {"MessageId": "1", "MD5OfMessageBody": "2"}):
        assert world.invoke("ingest", {"Records": records}) == {"batchItemFailures": []}


def due(world: World) -> None:
    """Two accounts, for one of which there is no time."""
    for actor in ("user:one", "user:two"):
        story = Story(world, actor)
        with story.timed():
            for step in ("grant 1000", "hold 100 for 1s"):
                story.do(step)
    with _accepted(world, "due", "continuation", "invoke", {"StatusCode": 202}):
        assert world.invoke("due", {"scheduled": True, "budget_s": 0})["accounts"] == 1
    world.invoke("due", {"backfill": True})


def reconciled(world: World) -> None:
    """Accounts without copies, which are then repaired; copies that arrive meanwhile; a run that is out of time."""
    for actor in ("user:one", "user:two"):
        world.fund({"actor": actor, "amount": 1000})
        world.cost({"actor": actor, "cost": 10})
    create_digests()
    world.invoke("digest", {})
    assert world.invoke("reconcile", {"grace_s": 0, "repair": True})["repaired"] == 4
    world.count_usage()
    books = world.modules["reconcile"].runtime.books
    with patch.object(type(books), "audited", lambda *_: iter(())):
        world.invoke("reconcile", {"grace_s": 0, "repair": True})
    world.invoke("reconcile", {"tenant": "main", "actor": "user:one"})
    with _accepted(world, "reconcile", "continuation", "invoke", {"StatusCode": 202}):
        world.invoke("reconcile", {"scheduled": True, "budget_s": 0})


def digested(world: World) -> None:
    """A digest that contradicts the one before it, and one for which something of that is gone."""
    create_digests()
    world.fund({"actor": "user:one", "amount": 1000})
    world.invoke("digest", {})
    dynamodb = client("dynamodb")
    key = {"pk": {"S": "TENANT#main#ACTOR#user:one"}, "sk": {"S": "STATE"}}
    dynamodb.delete_item(TableName="ledger", Key=key)
    assert world.invoke("digest", {})["regressions"] == 1
    _hide_heads()
    assert world.get("/v1/accounts/user:one/proof", query={"digest": "1"}).status == GONE
    world.invoke("reconcile", {"grace_s": 0})
    assert world.invoke("digest", {})["regressions"] == 1


def summed(world: World) -> None:
    """The sums of a tenant, of which the second change deletes what the first replaced; sums that are deleted; texts
    that are gone.
    """
    world.fund({"actor": "user:one", "amount": 1000})
    for _ in range(3):
        world.cost({"actor": "user:one", "cost": 1})
        world.count_boards()
    removals = [dict(each, eventName="REMOVE") for each in world.usage_stream_event()["Records"]]
    for each in removals:
        each["dynamodb"] = {name: value for name, value in each["dynamodb"].items() if name != "NewImage"}
    world.invoke("boards", {"Records": removals})
    late_ms = 2 * 24 * 3600 * 1000
    reconcile = world.modules["reconcile"]
    later = replace(reconcile.runtime, now_ms=lambda: time.time_ns() // 1_000_000 + late_ms)
    with patch.object(reconcile, "runtime", later):
        world.invoke("reconcile", {})
        _empty(BOARDS_BUCKET)
        world.invoke("reconcile", {})
    world.invoke("boards", {"backfill": True})
    world.invoke("boards", {"recount": True, "tenant": "main", "actor": "user:one"})
    _leave_behind(world)
    with _accepted(world, "boards", "continuation", "invoke", {"StatusCode": 202}):
        swept = world.invoke("boards", {"sweep": True, "scheduled": True, "budget_s": 0})
    assert swept["deleted"] == 1


def _leave_behind(world: World) -> None:
    """A text that no pointer names, and more texts than a page of the bucket's list has."""
    store = world.modules["boards"].runtime.desk.store
    ((place, _), *_) = store.pointers("main", "0000-00", "9999-12")
    store.keep(place, {f"{1 if number == 0 else 9999}-left{number}/totals": "{}" for number in range(1100)})


def _empty(bucket: str) -> None:
    s3 = client("s3")
    for each in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=each["Key"])


def _hide_heads() -> None:
    s3 = client("s3")
    for each in s3.list_object_versions(Bucket=DIGEST_BUCKET, Prefix="heads/")["Versions"]:
        s3.delete_object(Bucket=DIGEST_BUCKET, Key=each["Key"])


SCENES: Final[tuple[Callable[[World], None], ...]] = (sampled, piped, ingested, due, reconciled, digested, summed)


@contextmanager
def _accepted(world: World, function: str, part: str, method: str, answer: Mapping[str, Any]) -> Iterator[None]:
    """The next call of a part of a function's runtime is answered so; it is asked about all the same."""
    made = getattr(world.modules[function].runtime, part)
    stubber = Stubber(made._client)
    names = {
        "send_message": ("QueueUrl", "MessageBody", "MessageGroupId", "MessageDeduplicationId", "MessageAttributes")
    }
    expected = names.get(method, ("FunctionName", "InvocationType", "Payload"))
    stubber.add_response(method, dict(answer), dict.fromkeys(expected, ANY))
    with stubber, patch("shared.usecases.do_what_is_due.ACCOUNTS_AT_ONCE", 1):
        yield
    stubber.assert_no_pending_responses()
