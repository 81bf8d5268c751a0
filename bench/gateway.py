"""The functions behind a client of ours, in this process: requests become the events of API Gateway."""

import importlib
import json
import re
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final
from urllib.parse import unquote

import httpx

from bench.requests import Context, http_event

ROUTES: Final[Mapping[str, str]] = {
    "POST /v1/funding": "funding",
    "POST /v1/cost": "cost",
    "POST /v1/cost/batch": "cost",
    "POST /v1/holds": "holds",
    "POST /v1/holds/{id}/extend": "holds",
    "POST /v1/holds/{id}/release": "holds",
    "GET /v1/accounts/{actor}": "accounts",
}
"""What the benchmarks call, and the function of it."""


class Gateway(httpx.BaseTransport):
    """A function handles one request at a time, as in Lambda; two functions work at once."""

    def __init__(self) -> None:
        self._routes = [(re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route)), route) for route in ROUTES]
        self._functions = {name: (importlib.import_module(f"functions.{name}.handler"), Lock()) for name in _NAMES}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        route, parameters = self._route(f"{request.method} {request.url.raw_path.decode().partition('?')[0]}")
        body = json.loads(content) if (content := request.read()) else None
        event = http_event(route, body, request.headers.get("idempotency-key"), parameters)
        function, lock = self._functions[ROUTES[route]]
        with lock:
            answer: dict[str, Any] = function.lambda_handler(event, Context())
        return httpx.Response(answer["statusCode"], headers=answer["headers"], content=answer["body"])

    def _route(self, asked: str) -> tuple[str, dict[str, str]]:
        for pattern, route in self._routes:
            if found := pattern.fullmatch(asked):
                return route, {name: unquote(value) for name, value in found.groupdict().items()}
        raise ValueError(f"no benchmark calls {asked}")


_NAMES: Final = frozenset(ROUTES.values())
