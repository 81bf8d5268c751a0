"""The functions of a handler by route key: API Gateway has matched the route already, and says so."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.edge.errors import RouteNotFound
from shared.edge.requests import Request
from shared.ledger.frozen import dataclass

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"

_PARAMETER: Final = re.compile(r"\{(\w+)\+?\}")
"""A parameter in the path of a route: "/v1/accounts/{actor}". One with a plus is all that is left of the path."""
_PARTS: Final = re.compile(r"(\{\w+\+?\})")


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` are those beside Content-Type, X-Request-Id and Vary, which every answer gets.

    A body of bytes is no text, such as one that is compressed.
    """

    status_code: int
    content_type: str
    body: str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Answering: TypeAlias = Callable[..., Response]
"""The function of a route. It takes the parameters of the path, in their order."""
_Answering = TypeVar("_Answering", bound=Answering)


class RouteTable:
    """The functions by route key, as template.yaml spells it: "POST /v1/holds/{id}/capture".

    `current_event` and `lambda_context` are those of the request that is being answered.
    """

    current_event: Request
    lambda_context: LambdaContext

    def __init__(self) -> None:
        self._routes: dict[str, Answering] = {}

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self._routes)

    def route(self, key: str) -> Callable[[_Answering], _Answering]:
        def named(function: _Answering) -> _Answering:
            self._routes[key] = function
            return function

        return named

    def resolve(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """The answer as API Gateway takes it (payload format 2.0)."""
        self.current_event, self.lambda_context = Request(event), context
        answer = self.answer_of(event)
        headers = {
            **answer.headers,
            "Content-Type": answer.content_type,
            "X-Request-Id": event["requestContext"]["requestId"],
        }
        if answer.content_type in {JSON, PROBLEM_JSON}:
            headers["Vary"] = "Accept"
        is_binary = isinstance(answer.body, bytes)
        body = b64encode(answer.body).decode() if isinstance(answer.body, bytes) else answer.body
        return {"statusCode": answer.status_code, "headers": headers, "body": body, "isBase64Encoded": is_binary}

    def answer_of(self, event: dict[str, Any]) -> Response:
        """Raises RouteNotFound, and what the route's function raises."""
        function, parameters = self._found(event)
        return function(*parameters)

    def _found(self, event: Mapping[str, Any]) -> tuple[Answering, Iterable[str]]:
        key, parameters = event.get("routeKey", ""), event.get("pathParameters") or {}
        function = self._routes.get(key)
        if function is not None and len(parameters) == key.count("{"):
            return function, [parameters[name] for name in _PARAMETER.findall(key)]
        return self._matched(event)

    def _matched(self, event: Mapping[str, Any]) -> tuple[Answering, Iterable[str]]:
        """For a gateway with one route for everything, or one that tells no parameters. Raises RouteNotFound."""
        stage, http = event["requestContext"].get("stage", "$default"), event["requestContext"]["http"]
        asked = f"{http['method']} {event['rawPath'].removeprefix(f'/{stage}')}"
        for key, function in self._routes.items():
            if found := _pattern_of(key).fullmatch(asked):
                return function, found.groups()
        raise RouteNotFound("no route has this method and path")


@cache
def _pattern_of(key: str) -> re.Pattern[str]:
    """A parameter is whatever stands between two slashes, so that what is no id is refused by name."""
    return re.compile("".join(map(_pattern_of_part, _PARTS.split(key))))


def _pattern_of_part(part: str) -> str:
    if not _PARTS.fullmatch(part):
        return re.escape(part)
    return "(.*)" if part.endswith("+}") else "([^/]+)"
