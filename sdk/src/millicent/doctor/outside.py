"""What callers see: tokens, refusals, the clock, and one charge on its way through the whole pipeline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeAlias

import httpx

from millicent.aws import Stack
from millicent.client import Millicent
from millicent.doctor.findings import Finding, failed, ok, skipped
from millicent.endpoint import Endpoint
from millicent.errors import MillicentError, NotFound
from millicent.models import Entry, Receipt
from millicent.retry import Clock, RetryPolicy
from millicent.tokens import ClientCredentials, TokenSource

Role: TypeAlias = Literal["read", "charge", "fund"]
ROLES: Final[tuple[Role, ...]] = ("read", "charge", "fund")

ACTOR: Final = "doctor:millicent"
SMALLEST: Final = "0.001"
"""One microcent: it is granted and then charged, so the account stays empty."""
POLL_S: Final = 0.5
SKEW_MAX_S: Final = 30
_TOKEN_ADVICE: Final = "give a token with all scopes: --token or MILLICENT_TOKEN"  # noqa: S105 - no token


@dataclass(frozen=True, kw_only=True)
class Service:
    """The API of the stack, and a token for each role; one that cannot be had is absent."""

    base_url: str
    tokens: Mapping[Role, TokenSource]
    deadline_s: float
    clock: Clock = field(default_factory=Clock)
    transport: httpx.BaseTransport | None = None

    def client(self, role: Role) -> Millicent:
        retry = RetryPolicy(deadline_s=self.deadline_s)
        return Millicent(self.base_url, self.tokens[role], retry=retry, transport=self.transport, clock=self.clock)

    def ask(self, method: str, path: str, token: str | None = None, body: object = None) -> httpx.Response:
        """One attempt, by itself. Raises httpx.HTTPError."""
        headers = {"Idempotency-Key": "doctor-refused"} if method == "POST" else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        # A proxy of the environment's cannot reach this machine's own loopback.
        is_near = Endpoint(httpx.URL(self.base_url), None).is_on_this_machine
        connection = httpx.Client(
            base_url=self.base_url, transport=self.transport, timeout=self.deadline_s, trust_env=not is_near
        )
        with connection as http:
            return http.request(method, path, headers=headers, json=body)


def credentials_of(stack: Stack) -> dict[Role, TokenSource]:
    """Tokens of the stack's machine clients; none where the stack has another issuer."""
    pool = stack.outputs.get("UserPoolId")
    if pool is None:
        return {}
    cognito = stack.client("cognito-idp")
    # An emulator exchanges tokens at its own address, whatever domain the stack names.
    own = None if ".amazonaws.com" in cognito.meta.endpoint_url else f"{cognito.meta.endpoint_url}/oauth2/token"
    return {role: _credentials(stack, pool, role, own or stack.output("TokenEndpoint")) for role in ROLES}


def _credentials(stack: Stack, pool: str, role: Role, token_url: str) -> ClientCredentials:
    client_id = stack.output(f"{role.title()}ClientId")
    described = stack.call("cognito-idp", "describe_user_pool_client", UserPoolId=pool, ClientId=client_id)
    return ClientCredentials(token_url, client_id, described["UserPoolClient"]["ClientSecret"], scope=f"credits/{role}")


def identity(service: Service) -> Finding:
    """Each role can have a token."""
    if not service.tokens:
        return skipped("identity", "the stack has no user pool, and no token was given", _TOKEN_ADVICE)
    try:
        for token in service.tokens.values():
            token.token()
    except MillicentError as refused:
        advice = "compare the stack's user pool, its domain and its clients with the template"
        return failed("identity", str(refused), advice)
    return ok("identity", f"tokens for {', '.join(service.tokens)}")


def health(service: Service) -> Finding:
    answer = service.ask("GET", "/v1/health")
    if answer.status_code == httpx.codes.OK:
        return ok("health", service.base_url)
    return failed("health", f"{answer.status_code} from {answer.url}", "read the log of the accounts function")


def clock(service: Service, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Finding:
    """The service's clock beside this machine's, to the second that the header Date has."""
    answered = service.ask("GET", "/v1/health").headers.get("Date")
    if answered is None:
        return skipped("clock", "the answer has no header Date", "ask the API itself, not through a proxy")
    skew_s = round((now() - parsedate_to_datetime(answered)).total_seconds())
    if abs(skew_s) > SKEW_MAX_S:
        advice = "set this machine's clock: tokens and expires_at are judged by the service's"
        return failed("clock", f"this machine is {skew_s:+} s from the service", advice)
    return ok("clock", f"this machine is {skew_s:+} s from the service")


def without_a_token(service: Service) -> Finding:
    answer = service.ask("GET", f"/v1/accounts/{ACTOR}")
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return ok("no-token", "refused with 401")
    advice = "the routes are open: compare the authorizer of the API with the template, and close it now"
    return failed("no-token", f"answered {answer.status_code}, not 401", advice)


def without_the_scope(service: Service) -> Finding:
    """A token that may only read is not let charge."""
    if not isinstance(service.tokens.get("read"), ClientCredentials):
        return skipped("missing-scope", "no token is known to lack a scope", "the stack's own clients have such tokens")
    answer = service.ask("POST", "/v1/cost", service.tokens["read"].token(), {"actor": ACTOR, "cost": SMALLEST})
    if answer.status_code == httpx.codes.FORBIDDEN:
        return ok("missing-scope", "a charge with a token to read is refused with 403")
    advice = "compare the scopes of the API's routes with the template"
    return failed("missing-scope", f"a charge with a token to read was answered {answer.status_code}, not 403", advice)


@dataclass
class Pipeline:
    """Grants and charges a microcent, then waits until the record has it everywhere."""

    service: Service
    charged: Receipt | None = None

    def charge(self) -> Finding:
        if not self.service.tokens:
            return skipped("charge", "there is no token", _TOKEN_ADVICE)
        try:
            with self.service.client("fund") as fund:
                fund.grant(ACTOR, SMALLEST, reason="millicent doctor")
            with self.service.client("charge") as charge:
                self.charged = charge.charge(ACTOR, SMALLEST, meter="doctor")
        except MillicentError as refused:
            return failed("charge", str(refused), "read the logs of the funding and cost functions by the request's id")
        return ok("charge", f"{SMALLEST} granted to {ACTOR} and charged, seq {self.charged.entry.seq}")

    def audit(self) -> Finding:
        """The outbox, the bus and the audit table."""
        return self._followed(
            "audit",
            lambda client, entry: entry.hash in {each.hash for each in client.audit(ACTOR, max_rows=10).items},
            "see outbox-delay and audit-delay in docs/operations.md",
        )

    def usage(self) -> Finding:
        """The rule of the usage queue and the sums."""
        return self._followed(
            "usage",
            lambda client, entry: client.usage(ACTOR).counted_through >= entry.seq,
            "see usage-delay in docs/operations.md",
        )

    def _followed(self, check: str, is_there: Callable[[Millicent, Entry], bool], advice: str) -> Finding:
        if self.charged is None:
            return skipped(check, "nothing was charged", "first the charge has to go through")
        clock, entry = self.service.clock, self.charged.entry
        began_s = clock.now_s()
        with self.service.client("read") as client:
            while True:
                try:
                    if is_there(client, entry):
                        return ok(check, f"seq {entry.seq} is there after {clock.now_s() - began_s:.1f} s")
                except NotFound:
                    pass
                except MillicentError as refused:
                    return failed(check, str(refused), advice)
                if clock.now_s() - began_s >= self.service.deadline_s:
                    return failed(check, f"seq {entry.seq} is not there after {self.service.deadline_s:g} s", advice)
                clock.sleep(POLL_S)
