"""Ids that people have, through the gateway to the record and back: in paths, bodies, queries, sums and statements."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from millicent import Millicent
from millicent.client import BatchCharge, SpendingLimit
from millicent.retry import Clock
from tests.ids import ALPHABET, REAL
from tests.integration.callers import end_user, service
from tests.integration.gateway import TOKENS, Gateway
from tests.integration.world import World

IDS = (
    *REAL,
    "/?%;&=+|,",
    "%2525",
    "..",
    "x/entries",
    "[a]!{actor}$",
    "-=@",
    ALPHABET[:64],
    ALPHABET[64:],
    "x" * 128,
)
GROUPS = tuple(IDS[at : at + 5] for at in range(0, len(IDS), 5))
"""An actor, its parent, an app, a meter and a key."""


class Gatewayed(httpx.BaseTransport):
    """The client's requests, byte by byte, to the gateway in process."""

    def __init__(self, world: World) -> None:
        self._gateway = Gateway(world)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        environ = EnvironBuilder(
            method=request.method, headers=list(request.headers.items()), data=request.read()
        ).get_environ()
        target = request.url.raw_path.decode()
        environ |= {"RAW_URI": target, "QUERY_STRING": target.partition("?")[2]}
        body, status, headers = run_wsgi_app(self._gateway, environ, buffered=True)
        return httpx.Response(int(status.split()[0]), headers=list(headers), content=b"".join(body))


@pytest.fixture
def millicent(world: World) -> Iterator[Millicent]:
    clock = Clock(sleep=lambda _: pytest.fail("the service gave no certain answer"))
    with Millicent("http://127.0.0.1:9", "service", transport=Gatewayed(world), clock=clock) as found:
        yield found


@pytest.mark.parametrize("group", GROUPS)
def test_an_id_goes_everywhere_and_comes_back_as_it_was(
    world: World, millicent: Millicent, group: tuple[str, str, str, str, str]
) -> None:
    actor, parent, app, meter, key = group
    millicent.grant(parent, 1000, key=actor)
    millicent.grant(actor, 1000, key=parent)
    assert millicent.join(actor, parent).entry.actor == actor
    millicent.set_limits(actor, [SpendingLimit(amount=900, app=app, meter=meter)])
    charged = millicent.charge(actor, 5, key=key, app=app, meter=meter).entry
    assert (charged.actor, charged.key, charged.app, charged.meter) == (actor, key, app, meter)
    assert millicent.charge(actor, 5, key=key, app=app, meter=meter).replayed
    assert millicent.operation(key, actor).entry.seq == charged.seq
    # The other half, at the parent, under a key that has both ids in it.
    assert millicent.operation(f"~{actor}~{key}", parent).entry.member == actor
    placed = millicent.hold(actor, 3, key=app, app=meter)
    assert placed.hold is not None
    millicent.capture(actor, placed.hold.id, 1, key=meter)
    assert millicent.refund(actor, key, 2).entry.amount == 2
    (result,) = millicent.charge_batch([BatchCharge(actor=actor, cost=1, key=actor, meter=app)])
    assert result.status == 201
    assert millicent.check(actor, app=app, meter=meter).actor == actor
    shown = millicent.account(actor)
    assert (shown.actor, shown.parent, int(shown.spent)) == (actor, parent, 5)
    assert key in {entry.key for entry in millicent.entries(actor, app=app, meter=meter)}

    world.settle()
    world.count_usage()
    assert millicent.audit(actor).verified
    assert {row.app for row in millicent.usage(actor, group_by="app", page_size=2).items} == {app, meter, None}
    assert {row.meter for row in millicent.usage(actor, group_by="meter", page_size=2).items} == {meter, app, None}
    assert {row.member for row in millicent.usage(parent, group_by="member").items} == {actor}
    statement = "".join(millicent.statement(actor, page_size=4))
    assert statement.count("\n") == len(list(millicent.entries(actor))) + 1


def test_events_of_two_accounts_that_a_slash_divides_elsewhere_have_two_ids(world: World) -> None:
    for tenant, actor in (("a/b", "c"), ("a", "b/c")):
        claims = service("credits/fund", **{"custom:tenant": tenant})
        assert world.fund({"actor": actor, "amount": 1}, key="k", claims=claims).status == 201
    world.invoke("outbox", world.stream_event())
    found = [event["detail"] for event in world.bus_events()]
    assert {(each["tenant"], each["actor"]) for each in found} == {("a/b", "c"), ("a", "b/c")}
    assert len({each["event_id"] for each in found}) == 2


def test_an_end_user_of_auth0_uses_the_api(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = "auth0|5f7c8ec7c33c6c004bbafe82"
    world.fund({"actor": alice, "amount": 10})
    monkeypatch.setitem(TOKENS, "alice", end_user(alice))
    with Millicent("http://127.0.0.1:9", "alice", transport=Gatewayed(world)) as found:
        assert found.charge(alice, 4).entry.by == alice
        assert found.account(alice).available == 6


@pytest.mark.parametrize("path", ["/v1/accounts/auth0%7C5f", "/v1/accounts/auth0|5f", "/v1/accounts/~~auth0~7C5f"])
def test_every_spelling_of_an_id_is_the_same_account(world: World, path: str) -> None:
    world.fund({"actor": "auth0|5f", "amount": 10})
    assert world.get(path).body["actor"] == "auth0|5f"
    assert (
        world.configure(path.removeprefix("/v1/accounts/"), {"overdraft_limit": 1}).body["entry"]["actor"] == "auth0|5f"
    )


@pytest.mark.parametrize("actor", ["a/b", "a?b", "a/entries"])
def test_a_gateway_may_route_a_path_as_it_is_and_hand_it_on_decoded(world: World, actor: str) -> None:
    world.fund({"actor": actor, "amount": 10})
    event = event_to(f"/v1/accounts/{actor}/entries", "GET /v1/accounts/{actor}/entries", {"actor": actor})
    answer = world.invoke("history", event)
    assert answer["statusCode"] == 200
    assert f'"actor":"{actor}"' in answer["body"]


@pytest.mark.parametrize("path", ["/v1/accounts/a%20b", "/v1/accounts/a%23b", "/v1/accounts/~~a", "/v1/accounts/a~b"])
def test_what_is_no_id_in_a_path_is_named_and_told_what_would_be_right(world: World, path: str) -> None:
    world.fund({"actor": "a", "amount": 10})
    answer = world.get(path)
    if path.endswith("~~a"):
        assert answer.body["actor"] == "a"
    else:
        assert answer.errors == {
            "path.actor": 'must be 1 to 128 printable ASCII characters other than space, # ~ " and \\'
        }


def test_a_parameter_that_is_given_twice_is_not_taken_for_one_with_a_comma(world: World) -> None:
    world.fund({"actor": "a", "amount": 10}, key="k")
    event = event_to("/v1/operations/k", "GET /v1/operations/{key}", {"key": "k"})
    event |= {"rawQueryString": "actor=a&actor=b", "queryStringParameters": {"actor": "a,b"}}
    answer = world.invoke("history", event)
    assert answer["statusCode"] == 422
    assert '{"path":"query.actor","detail":"must be given once"}' in answer["body"]


def event_to(path: str, route: str, parameters: dict[str, str]) -> dict[str, Any]:
    http = {"method": "GET", "path": path, "sourceIp": "127.0.0.1", "userAgent": "test"}
    authorizer = {"jwt": {"claims": service("credits/read"), "scopes": None}}
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {},
        "pathParameters": parameters,
        "requestContext": {"requestId": "r", "stage": "$default", "http": http, "authorizer": authorizer},
        "isBase64Encoded": False,
    }
