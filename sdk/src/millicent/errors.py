"""Errors, grouped by what a caller can do about them.

* `ApiError`: the service answered with an error. Repeating the call does not change it; see its subclasses.
* `Unavailable`: no certain answer before the deadline. `Unreachable` if nothing was ever sent, `OutcomeUnknown` if
  a mutation may have been applied: send it again with the same key, or look the key up.
* `UnexpectedAnswer`: the answer is not Millicent's, or from a version that this client does not know.
* `BudgetError`: a budget is closed, or its journal cannot be used; see its subclasses.
* `EventError`: an event of the bus that this client cannot read, see its subclasses.
* `ConfigurationError`, `TokenError`: nothing was sent, because the URL or the token is missing or invalid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from millicent.amounts import readable
from millicent.models import Decision, FieldError, Problem


class MillicentError(Exception):
    """Base of every error of the client. `idempotency_key` is the key of the attempted mutation, if it was one."""

    idempotency_key: str | None = None


class ConfigurationError(MillicentError):
    """The service's URL or another setting is missing or invalid."""


class TokenError(MillicentError):
    """The token endpoint refused to issue a token."""


class TokenUnavailable(TokenError):
    """The token endpoint did not answer; a retry may help."""


class UnexpectedAnswer(MillicentError):
    """An answer that is not of this API. It is unknown whether a mutation was applied."""

    def __init__(self, message: str, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class BudgetError(MillicentError):
    """A budget cannot do what it was asked to."""


class BudgetClosed(BudgetError):
    """The budget is closed, or is that of the process that this one was forked from."""


class NotSettled(BudgetError):
    """The ledger had not answered for `spends` spends at the end, or has refused to record `rejected` ones for ever.

    Without a journal the former are lost. The latter are nowhere but in the log and with the budget's listener.
    """

    def __init__(self, message: str, spends: int, rejected: int = 0) -> None:
        super().__init__(message)
        self.spends = spends
        self.rejected = rejected


class JournalFailed(BudgetError):
    """The journal could not be written: the disk is full, or fails. The spend was not made."""


class JournalUnusable(BudgetError):
    """The file is no journal, or is damaged, or cannot be written. It was left as it is."""


class JournalInUse(JournalUnusable):
    """Another process, or another budget of this one, has the journal open."""


class JournalOfAnother(JournalUnusable):
    """The journal has the spends of another actor, or at another service."""


class EventError(MillicentError):
    """An event that `millicent.events.parse` cannot read."""


class UnknownEvent(EventError):
    """No event of Millicent, or of a kind that a later service has: skip it, or subscribe to less."""


class UnsupportedEventVersion(EventError):
    """A known event in a version that this client does not read: install a newer one, then have it delivered again."""


class MalformedEvent(EventError):
    """No JSON, or an event that lacks what its version has."""


class Unavailable(MillicentError):
    """No answer before the deadline."""

    def __init__(self, message: str, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class Unreachable(Unavailable):
    """No connection before the deadline: nothing was sent, nothing was applied."""


class OutcomeUnknown(Unavailable):
    """The mutation was sent and its answer was lost: it may or may not have been applied.

    Sending it again with `idempotency_key` is safe and finds out.
    """


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The parts of an error's answer besides its body."""

    idempotency_key: str | None = None
    request_id: str | None = None
    replayed: bool = False
    retry_after_s: float | None = None


class ApiError(MillicentError):
    """The service answered with an error. `code` is its stable name; `replayed`: this key was refused before.

    Its text includes the figures: the required and available amounts, the limit and when it resets.
    """

    def __init__(self, problem: Problem, circumstances: Circumstances) -> None:
        super().__init__("; ".join([_words(problem), *_named(figures_of(problem))]))
        self.problem = problem
        self.status = problem.status
        self.code = problem.code
        self.idempotency_key = circumstances.idempotency_key
        self.request_id = circumstances.request_id
        self.replayed = circumstances.replayed
        self.retry_after_s = circumstances.retry_after_s


class BadRequest(ApiError):
    """400, 413: the request is malformed."""


class Unauthenticated(ApiError):
    """401: the token is missing, invalid or expired."""


class Forbidden(ApiError):
    """403: the token lacks the scope, or the caller may not act for the actor."""


class NotFound(ApiError):
    """404: no such account, operation or route."""


class Refused(ApiError):
    """The ledger refused the operation and recorded that: final for this key, even after a funding."""


class InsufficientCredits(Refused):
    """402: `shortfall` of the `required` millicents are missing, here or in the parent account (`problem.limit`)."""

    def __init__(self, problem: Problem, circumstances: Circumstances) -> None:
        super().__init__(problem, circumstances)
        self.required = _given(problem.required, "required")
        self.available = _given(problem.available, "available")
        self.held = _given(problem.held, "held")
        self.shortfall = _given(problem.shortfall, "shortfall")
        self.largest_affordable = problem.largest_affordable


class LimitExceeded(InsufficientCredits):
    """402: a spending limit leaves less than `required`. `limit` names the limit and when it resets."""

    def __init__(self, problem: Problem, circumstances: Circumstances) -> None:
        super().__init__(problem, circumstances)
        self.limit = problem.limit


class Conflict(Refused):
    """409: the account's state does not allow it."""


class FundingConflict(Conflict):
    """409: the funded total is not the update's `old_amount`; it is `funded`."""

    def __init__(self, problem: Problem, circumstances: Circumstances) -> None:
        super().__init__(problem, circumstances)
        self.funded = _given(problem.funded, "funded")


class AccountFrozen(Conflict):
    """409: the account, or one above it, is frozen and allows no new spending."""


class WouldOverdraw(Conflict):
    """409: the funding update would overdraw the account beyond its limit."""


class HoldEnded(Conflict):
    """409: the hold was captured or released, or has expired; `code` says which."""


class ExceedsHold(Conflict):
    """409: the capture exceeds the hold, which is unchanged."""


class ExceedsCharge(Conflict):
    """409: the refund exceeds the unrefunded part of the charge."""


class ReferenceNotFound(NotFound, Refused):
    """404: the hold, charge or grant that the operation names does not exist; recorded, so final for the key."""


class ValidationFailed(ApiError):
    """422: the content is invalid; `errors` names each field."""

    @property
    def errors(self) -> tuple[FieldError, ...]:
        return self.problem.errors


class Unpriced(ValidationFailed):
    """422: no rate card has a price for `model` of `meter`. Nothing was recorded."""

    def __init__(self, problem: Problem, circumstances: Circumstances) -> None:
        super().__init__(problem, circumstances)
        self.meter = problem.meter
        self.model = problem.model


class RateVersionConflict(ApiError):
    """409: the version is not the next one of the rate card; `newest` is the newest version."""

    def __init__(self, problem: Problem, circumstances: Circumstances) -> None:
        super().__init__(problem, circumstances)
        self.newest = problem.newest


class KeyReused(ApiError):
    """422: the idempotency key belongs to an operation with other content."""


class Throttled(ApiError):
    """429, until the deadline. Nothing was applied."""


class AccountBusy(Throttled):
    """429: more changes of the account at once than it can take. Batches, or the queue, take many more a second."""


class ServerError(ApiError):
    """5xx. Only the cause of an `Unavailable`, since the client retries until its deadline."""


_BY_CODE: Final[Mapping[str | None, type[ApiError]]] = MappingProxyType(
    {
        "insufficient_credits": InsufficientCredits,
        "limit_exceeded": LimitExceeded,
        "account_frozen": AccountFrozen,
        "funding_conflict": FundingConflict,
        "would_overdraw": WouldOverdraw,
        "hold_captured": HoldEnded,
        "hold_released": HoldEnded,
        "hold_expired": HoldEnded,
        "exceeds_hold": ExceedsHold,
        "exceeds_charge": ExceedsCharge,
        "hold_not_found": ReferenceNotFound,
        "charge_not_found": ReferenceNotFound,
        "grant_not_found": ReferenceNotFound,
        "idempotency_key_reused": KeyReused,
        "unpriced": Unpriced,
        "rate_version_conflict": RateVersionConflict,
        "account_busy": AccountBusy,
    }
)
_BY_STATUS: Final[Mapping[int, type[ApiError]]] = MappingProxyType(
    {
        400: BadRequest,
        401: Unauthenticated,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        413: BadRequest,
        422: ValidationFailed,
        429: Throttled,
    }
)


_FIGURES: Final = ("required", "available", "held", "shortfall", "largest_affordable", "funded", "newest")
_WHAT_TO_DO: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "the token is missing, invalid or expired; a token lasts an hour",
        403: "the token lacks the scope that this route needs",
        404: "no such route; check the URL of the API",
    }
)
"""For answers of the gateway, which has no more detail than `Forbidden`."""


def figures_of(problem: Problem) -> dict[str, str]:
    """The figures that explain a refusal, for people."""
    given = {name: getattr(problem, name) for name in _FIGURES}
    figures = {name.replace("_", " "): _figure(value) for name, value in given.items() if value is not None}
    return figures | ({} if problem.limit is None else _figures_of_limit(problem.limit))


def error_from(problem: Problem, circumstances: Circumstances) -> ApiError:
    """The error of a problem. Raises ValueError if a member that its code requires is missing."""
    by_status = ServerError if problem.status >= 500 else _BY_STATUS.get(problem.status, ApiError)  # noqa: PLR2004
    return _BY_CODE.get(problem.code, by_status)(problem, circumstances)


def _words(problem: Problem) -> str:
    said = problem.detail or problem.title or f"the service answered {problem.status}"
    advice = _WHAT_TO_DO.get(problem.status)
    return said if problem.code is not None or advice is None else f"{said}: {advice}"


def _named(figures: Mapping[str, str]) -> list[str]:
    return [", ".join(f"{name} {value}" for name, value in figures.items())] if figures else []


def _figure(value: Decimal | int) -> str:
    return readable(value) if isinstance(value, Decimal) else str(value)


def _figures_of_limit(limit: Decision) -> dict[str, str]:
    """A limit as text, `300.000 every day, app chat` or `… in any PT5H`; only an account if its balance decided."""
    if limit.amount is None:
        return {} if limit.account is None else {"account": limit.account}
    rolls = (limit.window or "").startswith("P")
    window = f" {'in any' if rolls else 'every'} {limit.window}" if limit.window else ""
    named = {name: getattr(limit, name) for name in ("app", "meter", "model")}
    scope = "".join(f", {name} {value}" for name, value in named.items() if value is not None)
    resets = limit.resets_at.isoformat(timespec="seconds").replace("+00:00", "Z") if limit.resets_at else None
    figures = {
        "limit": f"{readable(limit.amount)}{window}{scope}",
        "used": None if limit.used is None else readable(limit.used),
        "of": limit.account,
        "resets": resets,
    }
    return {name: value for name, value in figures.items() if value is not None}


def _given(amount: Decimal | None, name: str) -> Decimal:
    if amount is None:
        raise ValueError(f"the problem lacks its {name} amount")
    return amount
