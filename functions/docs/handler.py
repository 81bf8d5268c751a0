"""GET /openapi.json, /asyncapi.json and /docs: the description of the API and its events."""

import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.docs.page import page
from functions.docs.runtime import docs_runtime
from shared.edge.routes import JSON, Response, RouteTable

DOCUMENT: Final = Path(__file__).with_name("openapi.json").read_text()
EVENTS: Final = Path(__file__).with_name("asyncapi.json").read_text()
CACHED: Final = "public, max-age=300"
NOTHING_FROM_ELSEWHERE: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

runtime = docs_runtime()
app = RouteTable()


@app.route("GET /openapi.json")
def show_document() -> Response:
    return answer(JSON, DOCUMENT)


@app.route("GET /asyncapi.json")
def show_events() -> Response:
    return answer(JSON, EVENTS)


@app.route("GET /docs")
def show_page() -> Response:
    return answer("text/html; charset=utf-8", rendered())


@cache
def rendered() -> str:
    return page(json.loads(DOCUMENT))


def answer(content_type: str, content: str) -> Response:
    runtime.observability.logger.info("docs shown", extra={"content_type": content_type})
    headers = {
        "Cache-Control": CACHED,
        "Content-Security-Policy": NOTHING_FROM_ELSEWHERE,
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": app.current_event.id,
    }
    return Response(HTTPStatus.OK, content_type, content, headers)


@runtime.observability.invoked("requestContext.requestId")
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    runtime.observability.count("Requests")
    return app.resolve(event, context)
