"""The service in memory: an HTTP gateway in front of the functions, and a world for them to work in."""

import importlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from in_memory.accounts import MemoryAccounts
from in_memory.activity import MemoryActivityFeed, MemoryOpenHolds
from in_memory.audit import MemoryAuditTrail
from in_memory.boards import PresentBoards
from in_memory.bus import MemoryBus, size_bytes
from in_memory.clock import SettableClock, new_id
from in_memory.due import MemoryDueAccounts
from in_memory.ledger import MemoryLedger
from in_memory.present import unhurried, within
from in_memory.rates import MemoryRateStore
from in_memory.routes import Route, route_of
from in_memory.terms import MemoryTermsStore
from in_memory.usage import MemoryUsageBook
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.protocol import Busy, Command, CommandOutcome, Commit, Unknown
from shared.ledger.records import record_of
from shared.ledger.reducer import Change
from shared.usecases.do_what_is_due import Plan, do_what_is_due
from shared.usecases.publish_entries import StreamRecord, publish_entries

Failure: TypeAlias = Literal["lost_answer", "throttled", "account_busy", "unavailable"]

JSON: Final = "application/json"
ADMIN_SCOPE: Final = "credits/admin"
_PREFIX: Final = __name__.removesuffix("in_memory.service")
"""What the names of all packages begin with, where this is a copy inside of another."""
_FAULTS: Final[Mapping[Failure, Busy | Unknown]] = {
    "throttled": Busy(throttled=True),
    "account_busy": Busy(),
    "unavailable": Unknown(),
}
_TIMEOUT_MS: Final = 900_000


class AnswerLost(Exception):
    """The request was carried out, and its answer does not arrive."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:in-memory"

    def get_remaining_time_in_millis(self) -> int:
        return _TIMEOUT_MS


class InMemoryService:
    """Answers HTTP requests as the deployed service does, and implements present.World.

    `tokens` are the claims of each token that the gateway takes; `new_request_id` names requests. Threads may share it:
    one request is answered at a time.
    """

    def __init__(self, new_request_id: Callable[[], str] = new_id) -> None:
        self.fault: Busy | Unknown | None = None
        self.tokens: dict[str, Mapping[str, Any]] = {}
        self.new_request_id = new_request_id
        self.clock = SettableClock(self._do_what_is_due, lambda: not self.ledger.written)
        self.ledger = StreamedLedger(lambda: self.fault)
        self.accounts = MemoryAccounts(self.ledger)
        self.trail = MemoryAuditTrail()
        self.book = MemoryUsageBook()
        self.boards = PresentBoards(self.book, self.clock.now_ms)
        self.rates = MemoryRateStore()
        self.terms = MemoryTermsStore()
        self.feed = MemoryActivityFeed(self.clock.now_ms)
        self.holds = MemoryOpenHolds(self.ledger)
        self.bus = MemoryBus(self.ledger, self.trail, self.book, self.feed)
        self._failures: deque[Failure] = deque()
        self._published = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        """Everything that was published on the bus, oldest first, each as a consumer gets it."""
        return self.bus.events

    def fail_next(self, failure: Failure, times: int = 1) -> None:
        """What happens to the next requests, the open ones (health and documents) left out.

        "lost_answer": carried out, but no answer arrives. "throttled": 429, "unavailable": 503; both change nothing.
        "account_busy": 429 for what would change an account, what only reads is answered.
        """
        if failure not in {"lost_answer", *_FAULTS}:
            raise ValueError(f"{failure!r} is not one of lost_answer, {', '.join(_FAULTS)}")
        self._failures.extend([failure] * times)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: str | None) -> Answer:
        """`target` is the path with its query, `headers` have names in lower case. Raises AnswerLost."""
        with within(self):
            path, query = urlsplit(target).path, urlsplit(target).query
            route = route_of(method, path)
            if route is None:
                return _gateway(404, "Not Found")
            claims = self._claims(headers)
            if route.scope is not None and claims is None:
                return _gateway(401, "Unauthorized")
            if route.scope is not None and not {route.scope, ADMIN_SCOPE} & set(str((claims or {})["scope"]).split()):
                return _gateway(403, "Forbidden")
            return self._answer(route, _event(method, path, query, headers, body, self._context(claims)))

    def _answer(self, route: Route, event: dict[str, Any]) -> Answer:
        failure = self._failures.popleft() if self._failures and route.scope is not None else None
        self.fault = None if failure is None else _FAULTS.get(failure)
        try:
            answer = self._invoke(route.function, event)
        finally:
            self.fault = None
            self._publish()
        if failure == "lost_answer":
            raise AnswerLost("the connection broke before an answer came (fail_next)")
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    def _invoke(self, function: str, event: dict[str, Any]) -> Any:  # noqa: ANN401 - what a handler returns
        handler = importlib.import_module(f"{_PREFIX}functions.{function}.handler")
        return handler.lambda_handler(event, Context(function, event["requestContext"]["requestId"]))

    def _claims(self, headers: Mapping[str, str]) -> Mapping[str, Any] | None:
        return self.tokens.get(headers.get("authorization", "").removeprefix("Bearer "))

    def _context(self, claims: Mapping[str, Any] | None) -> dict[str, Any]:
        authorizer = {} if claims is None else {"authorizer": {"jwt": {"claims": dict(claims), "scopes": None}}}
        return {"requestId": self.new_request_id(), "stage": "$default", **authorizer}

    def _publish(self) -> None:
        """What the stream and the outbox do with new rows."""
        new, self._published = self.ledger.written[self._published :], len(self.ledger.written)
        records = [StreamRecord(str(number), record_of(entry), entry.hash, entry) for number, entry in enumerate(new)]
        publish_entries(records, self.bus, _NoFailures(), size_bytes=size_bytes, pause=lambda _: None)

    def _do_what_is_due(self) -> None:
        with within(self):
            plan = Plan(0, f"due-{self.new_request_id()}", self.clock.now_ms, is_time_up=lambda: False)
            do_what_is_due(None, MemoryDueAccounts(self.ledger), self.ledger, plan)
            self._publish()


class StreamedLedger(MemoryLedger):
    """`written` are the entries in the order in which they were written. Steps fail while there is a fault."""

    def __init__(self, fault: Callable[[], Busy | Unknown | None]) -> None:
        super().__init__(pace=unhurried())
        self.written: list[Entry] = []
        self._fault = fault

    def execute(self, command: Command) -> CommandOutcome:
        fault = self._fault()
        is_hit = fault is not None and (fault != Busy() or isinstance(command, Commit))
        return fault if fault is not None and is_hit else super().execute(command)

    def _write(self, change: Change) -> None:
        super()._write(change)
        self.written += change.entries


class _NoFailures:
    """Implements ports.FailureQueue."""

    def send(self, record: object, why: str) -> None:
        raise AssertionError(f"an entry cannot be published: {why}: {record}")


def _gateway(status: int, message: str) -> Answer:
    """How API Gateway words a refusal of its own."""
    return Answer(status, {"Content-Type": JSON}, f'{{"message":"{message}"}}')


def _event(
    method: str, path: str, query: str, headers: Mapping[str, str], body: str | None, context: dict[str, Any]
) -> dict[str, Any]:
    """Payload format 2.0, as the gateway sends it once it has verified the token."""
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": dict(headers),
        "requestContext": {
            **context,
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1", "userAgent": "in-memory"},
        },
        "isBase64Encoded": False,
    }
    if parameters := _parameters(query):
        event["queryStringParameters"] = parameters
    return event if body is None else event | {"body": body}


def _parameters(query: str) -> dict[str, str]:
    """One that is given several times comes as one, with commas."""
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters
