"""One call of the API, sent until it has a certain answer or its deadline passes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeAlias, TypeVar

import httpx
import msgspec

from millicent import ids
from millicent.errors import (
    ApiError,
    Circumstances,
    ConfigurationError,
    Forbidden,
    MillicentError,
    OutcomeUnknown,
    Throttled,
    TokenUnavailable,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    error_from,
)
from millicent.models import Problem
from millicent.retry import Clock, RetryPolicy, retry_after_s
from millicent.tokens import fits_header

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
REQUEST_ID_HEADER: Final = "X-Request-Id"

Params: TypeAlias = Mapping[str, str | int | None]
_Member = TypeVar("_Member")

_NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, TokenUnavailable)
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Call:
    """A mutation has its idempotency `key`, or each of its parts has one (`is_batch`); a call without a key changes
    nothing.

    Members that are None are not sent. `accept` is the media type of the answer, if it is not JSON.
    """

    method: str
    path: str
    body: Mapping[str, object] | None = None
    params: Params = field(default_factory=dict)
    key: str | None = None
    is_batch: bool = False
    accept: str | None = None


class _Gateway(msgspec.Struct):
    """An error of an API gateway, which does not use problem details."""

    message: str | None = None


_decode_gateway: Final = msgspec.json.Decoder(_Gateway).decode


class _Inconclusive(Exception):
    """An attempt with an open outcome. `may_have_applied`: it reached, or may have reached, the ledger."""

    def __init__(self, cause: Exception, *, may_have_applied: bool, pause_s: float = 0.0) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.may_have_applied = may_have_applied
        self.pause_s = pause_s


class Transport:
    """Sends calls through `http` under `policy`."""

    def __init__(self, http: httpx.Client, policy: RetryPolicy, clock: Clock) -> None:
        self._http = http
        self._policy = policy
        self._clock = clock

    def send(self, call: Call) -> httpx.Response:
        """The successful answer. The same request, with the same key, is sent as often as needed.

        Raises ApiError for a definite error, Unavailable if the deadline passes without a certain answer, and
        ConfigurationError, before anything is sent, for a key that does not fit into a header.
        """
        if call.key is not None and not fits_header(call.key):
            raise ConfigurationError(f"{call.key!r} is not a key: take {ids.REQUIREMENT}")
        deadline_s = self._clock.now_s() + self._policy.deadline_s
        may_have_applied = False
        for attempt in count():
            try:
                return self._attempt(call, deadline_s)
            except _Inconclusive as failure:
                may_have_applied |= failure.may_have_applied
                if not self._pause(attempt, failure, deadline_s):
                    raise _given_up(call, failure, may_have_applied) from failure.cause
            except (Unauthenticated, Forbidden) as refusal:
                # This error came before the ledger was asked: it says nothing about an earlier attempt.
                if not may_have_applied:
                    raise
                raise _outcome_unknown(call, refusal) from refusal
        raise AssertionError("unreachable: count() has no end")

    def _attempt(self, call: Call, deadline_s: float) -> httpx.Response:
        try:
            response = self._http.send(self._request(call, deadline_s))
        except _NOTHING_SENT as failure:
            raise _Inconclusive(failure, may_have_applied=False) from failure
        except httpx.RequestError as failure:
            raise _Inconclusive(failure, may_have_applied=True) from failure
        if response.is_success:
            return response
        raise _failure(call, response)

    def _request(self, call: Call, deadline_s: float) -> httpx.Request:
        return self._http.build_request(
            call.method,
            call.path,
            params=_present(call.params),
            content=_encode(_present(call.body)) if call.body is not None else None,
            headers=_headers(call),
            timeout=max(min(self._policy.attempt_timeout_s, deadline_s - self._clock.now_s()), 0.001),
        )

    def _pause(self, attempt: int, failure: _Inconclusive, deadline_s: float) -> bool:
        """False, at once, if the next attempt would come after the deadline."""
        jitter_s = self._clock.uniform(0.0, self._policy.longest_pause_s(attempt))
        pause_s = max(jitter_s, failure.pause_s)
        if self._clock.now_s() + pause_s >= deadline_s:
            return False
        self._clock.sleep(pause_s)
        return True


def _present(members: Mapping[str, _Member | None]) -> dict[str, _Member]:
    return {name: value for name, value in members.items() if value is not None}


def _headers(call: Call) -> dict[str, str]:
    headers = {"Content-Type": "application/json"} if call.body is not None else {}
    return headers | _present({KEY_HEADER: call.key, "Accept": call.accept})


def _failure(call: Call, response: httpx.Response) -> Exception:
    if not response.is_error:
        return UnexpectedAnswer(f"unexpected status {response.status_code} from the service", call.key)
    try:
        error = error_from(_problem(response), _circumstances(call, response))
    except ValueError as incomplete:
        return UnexpectedAnswer(f"the service answered {response.status_code}, but {incomplete}", call.key)
    if not _is_worth_another_attempt(response):
        return error
    return _Inconclusive(
        error,
        may_have_applied=response.status_code != httpx.codes.TOO_MANY_REQUESTS,
        pause_s=error.retry_after_s or 0.0,
    )


def _is_worth_another_attempt(response: httpx.Response) -> bool:
    return response.is_server_error or response.status_code in {
        httpx.codes.REQUEST_TIMEOUT,
        httpx.codes.TOO_MANY_REQUESTS,
    }


def _problem(response: httpx.Response) -> Problem:
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        return Problem(status=response.status_code, title=response.reason_phrase, detail=_gateway_message(response))
    # The status line decides, even if the body says otherwise.
    return msgspec.structs.replace(problem, status=response.status_code)


def _gateway_message(response: httpx.Response) -> str | None:
    try:
        return _decode_gateway(response.content).message
    except msgspec.DecodeError:
        return None


def _circumstances(call: Call, response: httpx.Response) -> Circumstances:
    return Circumstances(
        idempotency_key=call.key,
        request_id=response.headers.get(REQUEST_ID_HEADER),
        replayed=is_replayed(response),
        retry_after_s=retry_after_s(response.headers),
    )


def is_replayed(response: httpx.Response) -> bool:
    """Whether the answer is a replay of an earlier one."""
    return str(response.headers.get(REPLAYED_HEADER, "")).lower() == "true"


def _given_up(call: Call, failure: _Inconclusive, may_have_applied: bool) -> MillicentError:
    if isinstance(failure.cause, Throttled) and not may_have_applied:
        return failure.cause
    if not may_have_applied:
        return Unreachable(f"the service cannot be reached: {_words(failure.cause)}", call.key)
    if call.key is None and not call.is_batch:
        return Unavailable(f"the service did not answer in time: {_words(failure.cause)}")
    return _outcome_unknown(call, failure.cause)


def _outcome_unknown(call: Call, cause: Exception) -> MillicentError:
    return OutcomeUnknown(
        f"it is unknown whether this was recorded ({_words(cause)}); retry with the same key",
        call.key,
    )


def _words(cause: Exception) -> str:
    prefix = f"{cause.status} " if isinstance(cause, ApiError) else ""
    return prefix + (str(cause) or type(cause).__name__)
