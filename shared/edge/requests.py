"""A request as API Gateway hands it to a function (payload format 2.0).

Powertools has a class for it, among those for thirty kinds of events that it imports together: a tenth of a cold start.
"""

from collections.abc import Mapping
from typing import Any

from shared.ledger.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """`event` is the invocation's. What a request does not have is empty."""

    event: Mapping[str, Any]

    @property
    def context(self) -> Mapping[str, Any]:
        """With the request's id, and the claims of its token."""
        context: Mapping[str, Any] = self.event["requestContext"]
        return context

    @property
    def id(self) -> str:
        return str(self.context["requestId"])

    @property
    def body(self) -> str:
        return self.event.get("body") or ""

    @property
    def is_base64(self) -> bool:
        return bool(self.event.get("isBase64Encoded"))

    @property
    def raw_query(self) -> str:
        return self.event.get("rawQueryString") or ""

    @property
    def query(self) -> Mapping[str, str]:
        return self.event.get("queryStringParameters") or {}

    def header(self, name: str) -> str | None:
        """`name` in lower case, as API Gateway writes names; others that stand in for it may not."""
        headers: Mapping[str, str] = self.event.get("headers") or {}
        if (value := headers.get(name)) is not None:
            return value
        return next((value for each, value in headers.items() if each.lower() == name), None)
