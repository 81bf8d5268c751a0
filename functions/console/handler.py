"""GET /console and below: the console's files, and what a browser has to know to sign in."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.console.files import ASK_AGAIN, INDEX, Site, policy
from functions.console.runtime import console_runtime
from shared.edge import http
from shared.edge.errors import RouteNotFound
from shared.edge.routes import JSON, Response

CONFIG: Final = "config.json"
SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

runtime = console_runtime()
app = http.Routes(runtime.observability)
site = Site()


@app.route("GET /console")
def show_console() -> Response:
    return shown("")


@app.route("GET /console/{proxy+}")
def show_file(name: str) -> Response:
    return shown(name)


def shown(name: str) -> Response:
    """Raises RouteNotFound for a file that is not there, and for all if this deployment has no console."""
    if not runtime.settings.console_enabled:
        raise RouteNotFound("this deployment has no console")
    runtime.observability.logger.info("console shown", extra={"file": name[:100]})
    if name in {"", INDEX}:
        return index()
    return config() if name == CONFIG else file(name)


def index() -> Response:
    """Its addresses are relative, so they depend on whether the console was asked for with a slash at the end."""
    is_below = app.current_event.event["rawPath"].endswith(("/", INDEX))
    page = site.page("" if is_below else "console/")
    headers = {**SAFE, "Cache-Control": ASK_AGAIN, "Content-Security-Policy": policy(page, login_origins())}
    return Response(HTTPStatus.OK, "text/html; charset=utf-8", page.content, headers)


def file(name: str) -> Response:
    found = site.file(name)
    if found is None:
        raise RouteNotFound("the console has no such file")
    # A browser may keep a file for pages of several sites, of which the gateway tells one that it may be read.
    headers = {**SAFE, "Cache-Control": found.cache, "Vary": "Accept-Encoding, Origin", "ETag": found.tag}
    if found.tag in (app.current_event.header("if-none-match") or ""):
        return Response(HTTPStatus.NOT_MODIFIED, found.type, "", headers)
    if "gzip" not in (app.current_event.header("accept-encoding") or ""):
        return Response(HTTPStatus.OK, found.type, found.content.decode(), headers)
    return Response(HTTPStatus.OK, found.type, found.deflated, {**headers, "Content-Encoding": "gzip"})


def config() -> Response:
    """Nothing here is secret: a browser has it before anybody has signed in."""
    settings = runtime.settings
    known = {
        "issuer": settings.console_issuer or None,
        "client_id": settings.console_client_id or None,
        "scopes": settings.console_scopes.split(),
        "audience": settings.console_audience or None,
        "operator_claim": settings.operator_claim,
        "operator_value": settings.operator_value,
        "currency": settings.console_currency,
        "millicents_per_unit": settings.console_millicents_per_unit,
        "version": settings.build,
    }
    return Response(HTTPStatus.OK, JSON, msgspec.json.encode(known).decode(), {**SAFE, "Cache-Control": ASK_AGAIN})


def login_origins() -> list[str]:
    """Where the browser asks for tokens: at the issuer, and where its login is if that is elsewhere."""
    found = [runtime.settings.console_issuer, runtime.settings.console_login]
    return list(dict.fromkeys(f"{url.scheme}://{url.netloc}" for url in map(urlsplit, found) if url.netloc))


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
