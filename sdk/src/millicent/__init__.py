"""Millicent: prepaid credits and metering.

    from millicent import Millicent

    with Millicent() as millicent:
        if millicent.check("user:alice").allowed:
            millicent.charge("user:alice", "1.375", meter="llm")

Amounts are millicents (1/1000 cent, $0.00001), exact: int, Decimal or decimal string in, Decimal out.
"""

from millicent.amounts import Amount
from millicent.client import BatchCharge, Category, Holding, IfInsufficient, Millicent, Overrun
from millicent.errors import (
    ApiError,
    BadRequest,
    ConfigurationError,
    Conflict,
    ExceedsCharge,
    ExceedsHold,
    Forbidden,
    FundingConflict,
    HoldEnded,
    InsufficientCredits,
    KeyReused,
    MillicentError,
    NotFound,
    OutcomeUnknown,
    ReferenceNotFound,
    Refused,
    ServerError,
    Throttled,
    TokenError,
    TokenUnavailable,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    ValidationFailed,
    WouldOverdraw,
)
from millicent.keys import new_key
from millicent.models import (
    Account,
    AuditTrail,
    Balance,
    BatchResult,
    CheckResult,
    Draw,
    Entry,
    FieldError,
    Grant,
    Health,
    Hold,
    Operation,
    Problem,
    Receipt,
)
from millicent.retry import Clock, RetryPolicy
from millicent.tokens import ClientCredentials, Token, TokenSource

__all__ = [
    "Account",
    "Amount",
    "ApiError",
    "AuditTrail",
    "BadRequest",
    "Balance",
    "BatchCharge",
    "BatchResult",
    "Category",
    "CheckResult",
    "ClientCredentials",
    "Clock",
    "ConfigurationError",
    "Conflict",
    "Draw",
    "Entry",
    "ExceedsCharge",
    "ExceedsHold",
    "FieldError",
    "Forbidden",
    "FundingConflict",
    "Grant",
    "Health",
    "Hold",
    "HoldEnded",
    "Holding",
    "IfInsufficient",
    "InsufficientCredits",
    "KeyReused",
    "Millicent",
    "MillicentError",
    "NotFound",
    "Operation",
    "OutcomeUnknown",
    "Overrun",
    "Problem",
    "Receipt",
    "ReferenceNotFound",
    "Refused",
    "RetryPolicy",
    "ServerError",
    "Throttled",
    "Token",
    "TokenError",
    "TokenSource",
    "TokenUnavailable",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "ValidationFailed",
    "WouldOverdraw",
    "new_key",
]
