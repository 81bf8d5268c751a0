"""Millicent in memory, for the tests of code that uses it: `pip install "millicent[testing]"`.

The client, the validation, the rules of the ledger and the answers are the real ones; in memory are the tables, the bus
and the clock. With pytest, the fixture `millicent` is an empty service for each test:

    def test_a_lost_answer_is_charged_once(millicent):
        millicent.fund("user:alice", 1000)
        millicent.fail_next("lost_answer")
        assert millicent.charge("user:alice", "137.5").replayed
        assert millicent.account("user:alice").spent == Decimal("137.5")

Without pytest: `with InMemoryMillicent() as millicent: ...`.
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

import httpx

from millicent.amounts import Amount
from millicent.client import Millicent
from millicent.models import Receipt
from millicent.retry import Clock, RetryPolicy, steady_now_s

Failure: TypeAlias = Literal["lost_answer", "throttled", "account_busy", "unavailable"]
Scope: TypeAlias = Literal["credits/read", "credits/charge", "credits/fund", "credits/admin", "credits/act"]

ALL_SCOPES: Final[tuple[Scope, ...]] = ("credits/read", "credits/charge", "credits/fund", "credits/admin")
"""Those that open calls. With `credits/act` an `actor` of `client` may act for others too: it is an operator."""
_BASE_URL: Final = "http://127.0.0.1"
"""Nothing is sent there. An address of this machine, so that no proxy of the environment's is asked."""
_SERVICE: Final = "millicent._service.in_memory.service"
_NEEDED: Final = 'install the extra: pip install "millicent[testing]"'


class ServiceClock(Protocol):
    """The service's clock. It stands until it is moved, and begins at the machine's time."""

    @property
    def now(self) -> datetime: ...

    def set(self, instant: datetime | str) -> None:
        """To a time with its offset, as `datetime` or RFC 3339 text. What is due by then is done.

        Raises ValueError for a time without an offset, and for one before now once something is recorded.
        """

    def advance(self, duration: timedelta | None = None, /, **parts: float) -> None:
        """By a `timedelta`, or by its parts: `advance(days=1, hours=2)`. What is due by then is done."""


class _Answer(Protocol):
    status: int
    headers: Mapping[str, str]
    body: str


class _Service(Protocol):
    clock: ServiceClock
    tokens: dict[str, Mapping[str, Any]]

    @property
    def events(self) -> list[dict[str, Any]]: ...

    def fail_next(self, failure: Failure, times: int = 1) -> None: ...

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: str | None) -> _Answer: ...


class InMemoryTransport(httpx.BaseTransport):
    """Hands requests to a service in memory, for a client of your own."""

    def __init__(self, service: _Service, answer_lost: type[Exception]) -> None:
        self._service = service
        self._answer_lost = answer_lost

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        target = request.url.raw_path.decode()
        try:
            answer = self._service.answer(request.method, target, headers, request.read().decode() or None)
        except self._answer_lost as lost:
            raise httpx.ReadError(str(lost), request=request) from lost
        return httpx.Response(answer.status, headers=dict(answer.headers), text=answer.body, request=request)


class InMemoryMillicent(Millicent):
    """A client of a service of its own, which is empty. Its token has all scopes and may act for every actor.

    A pause before another attempt takes no time, so a deadline of the client's is over at once.
    """

    def __init__(self, *, retry: RetryPolicy | None = None) -> None:
        module = _service_module()
        self._service: _Service = module.InMemoryService()
        self.transport = InMemoryTransport(self._service, module.AnswerLost)
        self._numbers = count(1)
        super().__init__(_BASE_URL, self.token(), retry=retry, transport=self.transport, clock=self._time())

    @property
    def clock(self) -> ServiceClock:
        return self._service.clock

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that was published, oldest first, as EventBridge delivers it; amounts are int or Decimal."""
        return self._service.events

    def fund(self, actor: str, amount: Amount, **terms: Any) -> Receipt:  # noqa: ANN401 - those of Millicent.grant
        """Grants credits, as `grant` does."""
        return self.grant(actor, amount, **terms)

    def fail_next(self, failure: Failure, times: int = 1) -> None:
        """What happens to the next requests, each attempt of the client being one.

        "lost_answer": the service carries the request out, but the connection breaks before its answer. "throttled":
        429, "unavailable": 503; both change nothing. "account_busy": 429 for what would change an account; what only
        reads is answered. Health and the documents never fail.
        """
        self._service.fail_next(failure, times)

    def client(self, *, scopes: Iterable[Scope] = ALL_SCOPES, actor: str | None = None) -> Millicent:
        """Another client of the same service, whose token has these scopes. With `actor` it is that end user's."""
        return Millicent(_BASE_URL, self.token(scopes, actor), transport=self.transport, clock=self._time())

    def _time(self) -> Clock:
        """Of a client. Holds last by the service's clock, as in a budget's eyes."""
        begun = self.clock.now
        return replace(_unhurried(), steady_now_s=lambda: steady_now_s() + (self.clock.now - begun).total_seconds())

    def token(self, scopes: Iterable[Scope] = ALL_SCOPES, actor: str | None = None) -> str:
        """A bearer token that this service takes, for clients that are made elsewhere."""
        name = f"in-memory-token-{next(self._numbers)}"
        claims = {"sub": actor or "tests", "client_id": "tests", "scope": " ".join(scopes)}
        self._service.tokens[name] = claims
        return name


def _service_module() -> Any:  # noqa: ANN401 - the copy of the service, which is there once a wheel is built
    try:
        return cast("Any", importlib.import_module(_SERVICE))
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith("millicent"):
            raise ModuleNotFoundError(
                "this is an editable install, which has no copy of the service; " + _NEEDED
            ) from missing
        raise ModuleNotFoundError(f"{missing.name} is not installed; {_NEEDED}") from missing


def _unhurried() -> Clock:
    """Time of the client's own, which passes only by pauses."""
    waited_s = 0.0

    def sleep(duration_s: float) -> None:
        nonlocal waited_s
        waited_s += duration_s

    return Clock(now_s=lambda: waited_s, sleep=sleep, uniform=lambda _, longest: longest)
