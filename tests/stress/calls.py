"""The calls of the API: which function takes which kind of operation, and how its terms are spelled there."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from shared.ledger.times import rfc3339
from tests.stress.asked import Asked
from tests.stress.plan import Send

CALLER: Final = {"sub": "billing", "client_id": "billing", "scope": "credits/read credits/charge credits/fund"}
NOBODYS: Final = 0
"""No entry has this number, so no hold and no grant is named after it."""


class Route(NamedTuple):
    """`path` has the term that is not in the body in braces. `named` is that term, and what its ids begin with."""

    function: str
    method: str
    path: str
    named: tuple[str, str] | None = None


_A_HOLD: Final = ("hold", "h")
ROUTES: Final[Mapping[str, Route]] = {
    "charge": Route("cost", "POST", "/v1/cost"),
    "refund": Route("cost", "POST", "/v1/refunds"),
    "funding_update": Route("funding", "POST", "/v1/funding"),
    "grant": Route("funding", "POST", "/v1/funding"),
    "void": Route("funding", "POST", "/v1/grants/{grant}/void", ("grant", "g")),
    "hold": Route("holds", "POST", "/v1/holds"),
    "capture": Route("holds", "POST", "/v1/holds/{hold}/capture", _A_HOLD),
    "release": Route("holds", "POST", "/v1/holds/{hold}/release", _A_HOLD),
    "extend": Route("holds", "POST", "/v1/holds/{hold}/extend", _A_HOLD),
}
_SETTINGS: Final = Route("policies", "PATCH", "/v1/accounts/{actor}")
_OF_THEIR_OWN: Final = {
    "limits": Route("policies", "PUT", "/v1/accounts/{actor}/limits"),
    "allowance": Route("policies", "PUT", "/v1/accounts/{actor}/allowance"),
}
"""Settings that have a call of their own. The actor is in the path of all of these."""
BATCH: Final = Route("cost", "POST", "/v1/cost/batch")
LOOKUP: Final = Route("history", "GET", "/v1/operations/{key}")
ACCOUNT_USAGE: Final = Route("history", "GET", "/v1/accounts/{actor}/usage")
TENANT_USAGE: Final = Route("tenant", "GET", "/v1/usage")
FUNCTIONS: Final = tuple(sorted({route.function for route in (*ROUTES.values(), _SETTINGS, BATCH, LOOKUP)}))


def named_by(asked: Asked, maker_seq: int) -> dict[str, str]:
    """The term that only an answer told: `maker_seq` is the number of the entry that made what is named."""
    named = _route_of(asked).named
    return {} if named is None else {named[0]: f"{named[1]}{maker_seq}"}


def seq_of_made(outcome: Mapping[str, Any]) -> int:
    """The number of the entry that made a hold or grant, from its operation as it is on record."""
    entry = outcome["entry"]
    return NOBODYS if entry["outcome"] == "refused" else entry["seq"]


def event_of(send: Send, request: str, named: Mapping[str, Mapping[str, str]]) -> tuple[str, dict[str, Any]]:
    """The function, and what the gateway gives it. `named` are the terms that only answers told, by key."""
    if send.is_batch:
        charges = [_line_of(asked, named.get(asked.key, {})) for asked in send.asked]
        return BATCH.function, _http_event(BATCH, BATCH.path, request, {"charges": charges})
    (asked,) = send.asked
    route = _route_of(asked)
    path = route.path.format(**named.get(asked.key, {}), actor=asked.actor)
    return route.function, _http_event(route, path, request, body_of(asked), key=asked.key)


def _line_of(asked: Asked, named: Mapping[str, str]) -> dict[str, Any]:
    line: dict[str, Any] = {"key": asked.key, **body_of(asked), **named}
    if asked.kind == "capture":
        line["cost"] = line.pop("amount")
        del line["final"]
    return line


def _route_of(asked: Asked) -> Route:
    if asked.kind != "configure":
        return ROUTES[asked.kind]
    (name,) = asked.terms
    return _OF_THEIR_OWN.get(name, _SETTINGS)


def lookup_event(actor: str, key: str, request: str) -> tuple[str, dict[str, Any]]:
    """As event_of, for what is on record under a key."""
    return LOOKUP.function, _http_event(LOOKUP, LOOKUP.path.format(key=key), request, query={"actor": actor})


def account_usage_event(actor: str, query: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """As event_of, for the sums of an account."""
    path = ACCOUNT_USAGE.path.format(actor=actor)
    return ACCOUNT_USAGE.function, _http_event(ACCOUNT_USAGE, path, "reading", query=query)


def tenant_usage_event(query: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """As event_of, for the sums of the tenant."""
    return TENANT_USAGE.function, _http_event(TENANT_USAGE, TENANT_USAGE.path, "reading", query=query)


def body_of(asked: Asked) -> dict[str, Any]:
    if "allowance" in asked.terms:
        return _all_spelled(asked.terms["allowance"])
    spelled = _all_spelled(asked.terms)
    return spelled if asked.kind == "configure" else {"actor": asked.actor, **spelled}


def _all_spelled(terms: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_spelled(name, value) for name, value in terms.items())


def _spelled(name: str, value: object) -> tuple[str, Any]:
    spell = _SPELLED.get(name)
    return (name, value) if spell is None else spell(name, value)


def _in_millicents(name: str, microcents: int) -> tuple[str, Any]:
    return name, f"{Decimal(microcents).scaleb(-3):f}"


def _all_in_millicents(name: str, amounts: Sequence[int]) -> tuple[str, Any]:
    return name, [_in_millicents(name, amount)[1] for amount in amounts]


def _each_spelled(name: str, limits: Sequence[Mapping[str, Any]]) -> tuple[str, Any]:
    return name, [_all_spelled(limit) for limit in limits]


def _in_seconds(_name: str, ttl_ms: int) -> tuple[str, Any]:
    return "ttl_s", ttl_ms // 1000


def _as_a_time(public: str) -> Callable[[str, int], tuple[str, Any]]:
    return lambda _name, at_ms: (public, rfc3339(at_ms))


_SPELLED: Final[Mapping[str, Callable[[str, Any], tuple[str, Any]]]] = {
    **dict.fromkeys(("cost", "amount", "minimum_amount", "old_amount", "new_amount"), _in_millicents),
    **dict.fromkeys(("overdraft_limit", "rollover_minimum", "rollover_maximum"), _in_millicents),
    "low_balance_thresholds": _all_in_millicents,
    "limits": _each_spelled,
    "ttl_ms": _in_seconds,
    "expires_at_ms": _as_a_time("expires_at"),
    "occurred_at_ms": _as_a_time("occurred_at"),
}


def _http_event(
    route: Route,
    path: str,
    request: str,
    body: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Payload format 2.0, as the gateway sends it once it has verified the token."""
    headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
    return {
        "version": "2.0",
        "routeKey": f"{route.method} {route.path}",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": headers,
        "queryStringParameters": dict(query or {}),
        "requestContext": {
            "requestId": request,
            "stage": "$default",
            "http": {"method": route.method, "path": path, "sourceIp": "127.0.0.1", "userAgent": "stress"},
            "authorizer": {"jwt": {"claims": CALLER, "scopes": None}},
        },
        "isBase64Encoded": False,
        "body": None if body is None else json.dumps(body),
    }
