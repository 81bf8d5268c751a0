"""Events as API Gateway hands them to a function, for the benchmarks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ACTOR: Final = "user:bench"
USUAL: Final[Mapping[str, Any]] = {
    "app": "chat",
    "meter": "llm",
    "metadata": {"model": "gpt-4o", "input_tokens": 374, "output_tokens": 44},
}
"""What a usual charge tells beside its cost."""
CLAIMS: Final = {
    "sub": "billing",
    "client_id": "billing",
    "scope": "credits/read credits/charge credits/fund credits/admin",
}


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str = "bench"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:bench"
    aws_request_id: str = "8a7f1d3e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def http_event(
    route: str, body: object, key: str | None = None, path: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`route` as in the template: "POST /v1/holds/{id}/capture"; `path` are its parameters."""
    method, template = route.split(" ")
    raw_path = template.format(**(path or {}))
    headers = {"content-type": "application/json", "accept": "*/*", "user-agent": "bench"}
    if key is not None:
        headers["idempotency-key"] = key
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": raw_path,
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": dict(path or {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "authorizer": {"jwt": {"claims": CLAIMS, "scopes": None}},
            "domainName": "api.test",
            "http": {"method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "8a7f1d3e-0000-4000-8000-000000000001",
            "routeKey": route,
            "stage": "$default",
            "timeEpoch": 1_763_900_000_000,
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
