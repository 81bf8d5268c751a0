"""A stand-in for the issuer of people's tokens, on loopback: what one does and refuses in the code flow with PKCE.

OpenID discovery, a login page, codes that are good once (RFC 6749, 7636), refresh tokens that are good once, revocation
(RFC 7009), the end of its own session, and the key of its tokens.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from markupsafe import escape
from werkzeug.wrappers import Request, Response

from tests.browser.loopback import served
from tests.browser.tokens import signed
from tests.e2e.laptop import Laptop

CLIENT_ID: Final = "console-of-the-tests"
AUDIENCE: Final = "credits-of-the-tests"
PASSWORD: Final = "correct horse"
SESSION: Final = "issuer-session"
KEY_ID: Final = "the-key"
HOUR_S: Final = 3600
FORM: Final = """<!doctype html><title>Log in</title><h1>Log in</h1>{told}<form method="post">
<label>Name <input name="name"></label><label>Password <input name="password" type="password"></label>
{fields}<button name="answer" value="allow">Log in</button><button name="answer" value="deny">Deny</button></form>"""


@dataclass
class Code:
    """What was asked for when it was given."""

    sub: str
    asked: Mapping[str, str]
    refresh_token: str = ""
    is_used: bool = False


@dataclass
class Issuer:
    """`claims` are in each token besides the usual; `life_s` is that of the next; `denial` says why a login was denied.

    `seen` are its requests, as ("POST /token", "refresh_token"); `given` all the codes and tokens that it gave.
    """

    redirect_url: str
    claims: Mapping[str, Any] = field(default_factory=dict)
    life_s: int = HOUR_S
    scope: str = ""
    denial: str = ""
    is_down: bool = False
    gives_refresh_tokens: bool = True
    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    _codes: dict[str, Code] = field(default_factory=dict)
    _refresh_tokens: dict[str, str] = field(default_factory=dict)
    _sessions: dict[str, str] = field(default_factory=dict)

    def forget_refresh_tokens(self) -> None:
        """As an administrator does who ends somebody's sessions."""
        self._refresh_tokens.clear()

    def forget_sessions(self) -> None:
        self._sessions.clear()

    @property
    def refresh_tokens(self) -> set[str]:
        """Those that are still good."""
        return set(self._refresh_tokens)

    def count(self, what: str, kind: str = "") -> int:
        return self.seen.count((what, kind))

    def access_token(self, sub: str, **claims: Any) -> str:
        """One that the gateway accepts, unless `claims` say otherwise."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": sub, "aud": AUDIENCE, "azp": CLIENT_ID, "iat": now, "exp": now + self.life_s}
        # With an id of its own, since two of one second would be the same text.
        content = {**usual, "jti": token_urlsafe(), "scope": self.scope, **self.claims, **claims}
        return signed({"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}, content, self.key)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        what = f"{request.method} {request.path}"
        self.seen.append((what, request.form.get("grant_type", "")))
        answer = told(HTTPStatus.SERVICE_UNAVAILABLE, error="temporarily_unavailable") if self.is_down else None
        answer = answer or self._answered(what, request)
        answer.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "null")
        answer.headers["Cache-Control"] = "no-store"
        return answer(environ, start_response)

    def _answered(self, what: str, request: Request) -> Response:
        routes = {
            "GET /.well-known/openid-configuration": lambda: told(HTTPStatus.OK, **self._description()),
            "GET /jwks": lambda: told(HTTPStatus.OK, keys=[self._public_key()]),
            "GET /authorize": lambda: self._authorize(request),
            "POST /authorize": lambda: self._authorize(request),
            "POST /token": lambda: self._token(request.form),
            "POST /revoke": lambda: self._revoke(request.form),
            "GET /logout": lambda: self._logout(request),
        }
        return routes[what]() if what in routes else Response("there is nothing here", HTTPStatus.NOT_FOUND)

    def _revoke(self, form: Mapping[str, str]) -> Response:
        self._refresh_tokens.pop(form["token"], None)
        return Response(status=HTTPStatus.OK)

    def _description(self) -> dict[str, Any]:
        paths = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "jwks_uri": "jwks",
            "revocation_endpoint": "revoke",
            "end_session_endpoint": "logout",
        }
        return {"issuer": self.url} | {name: f"{self.url}/{path}" for name, path in paths.items()}

    def _public_key(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        parts = {"n": numbers.n, "e": numbers.e}
        encoded = {name: base64url(part.to_bytes((part.bit_length() + 7) // 8, "big")) for name, part in parts.items()}
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID} | encoded

    def _authorize(self, request: Request) -> Response:
        """The login page; or back to the client, which is told nothing unless it is the one that is registered."""
        asked = request.args if request.method == "GET" else request.form
        if (asked.get("client_id"), asked.get("redirect_uri")) != (CLIENT_ID, self.redirect_url):
            return Response("no such client, or not its address", HTTPStatus.BAD_REQUEST)
        if (asked.get("response_type"), asked.get("code_challenge_method")) != ("code", "S256"):
            return self._back(asked, error="invalid_request", error_description="only codes with S256")
        known = self._sessions.get(request.cookies.get(SESSION, ""))
        if request.method == "GET":
            return self._back(asked, code=self._code(known, asked)) if known else login_page(asked)
        if asked.get("answer") == "deny":
            described = {"error_description": self.denial} if self.denial else {}
            return self._back(asked, error="access_denied", **described)
        if asked["password"] != PASSWORD:
            return login_page(asked, "That is wrong.")
        answer = self._back(asked, code=self._code(asked["name"], asked))
        session = token_urlsafe()
        self._sessions[session] = asked["name"]
        answer.set_cookie(SESSION, session, httponly=True, samesite="Lax")
        return answer

    def _back(self, asked: Mapping[str, str], **answer: str) -> Response:
        query = urlencode({**answer, "state": asked.get("state", "")})
        return Response(status=HTTPStatus.FOUND, headers={"Location": f"{self.redirect_url}?{query}"})

    def _code(self, sub: str, asked: Mapping[str, str]) -> str:
        code = self._new()
        self._codes[code] = Code(sub, dict(asked))
        return code

    def _token(self, form: Mapping[str, str]) -> Response:
        if form.get("client_id") != CLIENT_ID:
            return told(HTTPStatus.UNAUTHORIZED, error="invalid_client")
        if form.get("grant_type") == "refresh_token":
            sub = self._refresh_tokens.pop(form["refresh_token"], None)
            return self._granted(sub) if sub else told(HTTPStatus.BAD_REQUEST, error="invalid_grant")
        code = self._codes.get(form.get("code", ""))
        if code is None or not is_for(code, form):
            return told(HTTPStatus.BAD_REQUEST, error="invalid_grant")
        if code.is_used:
            self._refresh_tokens.pop(code.refresh_token, None)
            return told(HTTPStatus.BAD_REQUEST, error="invalid_grant")
        code.is_used = True
        return self._granted(code.sub, code)

    def _granted(self, sub: str, code: Code | None = None) -> Response:
        access_token = self.access_token(sub)
        self.given.append(access_token)
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": self.life_s}
        if not self.gives_refresh_tokens:
            return told(HTTPStatus.OK, **answer)
        refresh_token = self._new()
        self._refresh_tokens[refresh_token] = sub
        if code:
            code.refresh_token = refresh_token
        return told(HTTPStatus.OK, **answer, refresh_token=refresh_token)

    def _logout(self, request: Request) -> Response:
        if request.args.get("post_logout_redirect_uri") != self.redirect_url:
            return Response("not an address of this client", HTTPStatus.BAD_REQUEST)
        self._sessions.pop(request.cookies.get(SESSION, ""), None)
        return Response(status=HTTPStatus.FOUND, headers={"Location": self.redirect_url})

    def _new(self) -> str:
        self.given.append(token_urlsafe(24))
        return self.given[-1]


def is_for(code: Code, form: Mapping[str, str]) -> bool:
    """Whether who brings it is who asked for it: the same address, and the verifier of the challenge."""
    challenge = base64url(sha256(form.get("code_verifier", "").encode()).digest())
    return (form.get("redirect_uri"), challenge) == (code.asked["redirect_uri"], code.asked["code_challenge"])


def login_page(asked: Mapping[str, str], told: str = "") -> Response:
    fields = (f'<input type="hidden" name="{escape(name)}" value="{escape(text)}">' for name, text in asked.items())
    page = FORM.format(told=f'<p role="alert">{escape(told)}</p>', fields="".join(fields))
    return Response(page, content_type="text/html; charset=utf-8")


def told(status: HTTPStatus, **content: Any) -> Response:
    return Response(json.dumps(content), status, content_type="application/json")


def base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def issuing(redirect_url: str, **options: Any) -> Iterator[Issuer]:
    """An issuer that answers until the block ends."""
    issuer = Issuer(redirect_url, **options)
    with served(issuer) as issuer.url:
        yield issuer


@contextmanager
def trusted(laptop: Laptop, issuer: Issuer) -> Iterator[None]:
    """The gateway verifies this issuer's tokens, and the console signs in at it, as by the template's parameters."""
    gateway = laptop.aws.session.client("apigatewayv2", endpoint_url=laptop.aws.url)
    functions = laptop.aws.session.client("lambda", endpoint_url=laptop.aws.url)
    place = {"ApiId": laptop.stack.only("AWS::ApiGatewayV2::Api")}
    (before,) = gateway.get_authorizers(**place)["Items"]
    place["AuthorizerId"] = before["AuthorizerId"]
    name = laptop.stack.ids["ConsoleFunction"]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    login = {"CONSOLE_ISSUER": issuer.url, "CONSOLE_LOGIN": "", "CONSOLE_CLIENT_ID": CLIENT_ID}
    gateway.update_authorizer(**place, JwtConfiguration={"Issuer": issuer.url, "Audience": [AUDIENCE]})
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {**variables, **login}})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        gateway.update_authorizer(**place, JwtConfiguration=before["JwtConfiguration"])
