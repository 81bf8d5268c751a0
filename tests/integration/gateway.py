"""API Gateway before the functions, in process: a WSGI application with the routes and scopes of template.yaml.

It does what an HTTP API does with a request: it decodes the path (but for %25), finds the route, verifies the token,
compares its scopes with those of the route, and calls the function with an event of payload format 2.0. What it answers
by itself is `{"message": …}` as application/json: the answers of an HTTP API cannot be customised.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request, Response

from shared.edge.identity import scopes_of
from tests.integration.world import ALL_SCOPES, World
from tests.template.loading import of_type

TOKENS: Final[Mapping[str, Mapping[str, Any]]] = {
    "service": {"sub": "billing", "client_id": "billing", "scope": f"{ALL_SCOPES} credits/admin"},
    "nobody": {"sub": "nobody", "client_id": "nobody", "scope": "something/else"},
}
"""The claims of each token that the gateway can verify."""

_TEXTS: Final = ("text/", "application/json", "application/xml", "application/javascript")
"""Media types of bodies that are handed on as text; all others are as base64."""
_ESCAPES: Final = re.compile("%25|(?:%(?!25)[0-9A-Fa-f]{2})+")

Environ: TypeAlias = dict[str, Any]


class Gateway:
    """A WSGI application that answers like the deployed API, by way of the functions of `world`."""

    def __init__(self, world: World) -> None:
        self.world = world
        routes = of_type("AWS::ApiGatewayV2::Route").values()
        self._routes = [Route(route) for route in sorted(routes, key=lambda route: "{" in route["RouteKey"])]

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._answered(Request(environ))(environ, start_response)

    def _answered(self, request: Request) -> Response:
        path = decoded_path(request.environ["RAW_URI"].partition("?")[0])
        for route in self._routes:
            parameters = route.parameters(request.method, path)
            if parameters is not None:
                break
        else:
            return told(404, "Not Found")
        claims = TOKENS.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if route.scopes and claims is None:
            return told(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        if route.scopes and claims is not None and not scopes_of(claims) & route.scopes:
            return told(403, "Forbidden", {"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
        event = event_of(request, path, route.key, parameters) | {}
        if route.scopes:
            event["requestContext"]["authorizer"] = {"jwt": {"claims": dict(claims or {}), "scopes": None}}
        return response_of(self.world.invoke(route.function, event))


class Route:
    """A route of the template: the paths that it takes, the scopes of which a token needs one, and its function."""

    def __init__(self, route: Mapping[str, Any]) -> None:
        self.key: str = route["RouteKey"]
        self.scopes = frozenset(route.get("AuthorizationScopes", ()))
        self.function = route["Target"]["Fn::Sub"].removeprefix("integrations/${").removesuffix("Integration}").lower()
        self._method, path = self.key.split(" ")
        self._path = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path), re.DOTALL)

    def parameters(self, method: str, path: str) -> dict[str, str] | None:
        """The parameters in a path of this route; None for a request of another route."""
        found = self._path.fullmatch(path) if method == self._method else None
        return None if found is None else found.groupdict()


def decoded_path(raw: str) -> str:
    """The path as an HTTP API routes it and hands it on: every escape is decoded but %25."""
    return _ESCAPES.sub(lambda found: found[0] if found[0] == "%25" else unquote(found[0], errors="replace"), raw)


def event_of(request: Request, path: str, route: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Payload format 2.0."""
    raw_query = request.query_string.decode("latin-1")
    headers = {name.lower(): ",".join(request.headers.getlist(name)) for name, _ in request.headers}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": headers,
        "requestContext": {
            "requestId": f"request-{uuid4()}",
            "stage": "$default",
            "routeKey": route,
            "http": {"method": request.method, "path": path, "sourceIp": "127.0.0.1", "userAgent": "test"},
        },
        "isBase64Encoded": False,
    }
    if parameters:
        event["pathParameters"] = dict(parameters)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    if query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in query.items()}
    return event | _body(request.get_data(), request.headers.get("Content-Type", ""))


def _body(content: bytes, content_type: str) -> dict[str, Any]:
    if not content:
        return {}
    try:
        if content_type.startswith(_TEXTS):
            return {"body": content.decode()}
    except UnicodeDecodeError:
        pass
    return {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}


def response_of(answer: Mapping[str, Any]) -> Response:
    body = base64.b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"]
    return Response(body, answer["statusCode"], Headers(list(answer["headers"].items())))


def told(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """What the gateway answers by itself."""
    return Response(json.dumps({"message": message}), status, dict(headers or {}), content_type="application/json")
