"""Millicent: prepaid credits and metering.

    from millicent import Millicent

    with Millicent() as millicent:
        if millicent.check("user:alice").allowed:
            millicent.charge("user:alice", "1.375", meter="llm")

Amounts are millicents (1/1000 cent, $0.00001), exact: int, Decimal or decimal string in, Decimal out.
"""

from millicent.amounts import Amount
from millicent.client import Category, IfInsufficient, Millicent
from millicent.errors import (
    ApiError,
    BadRequest,
    ConfigurationError,
    Conflict,
    Forbidden,
    FundingConflict,
    InsufficientCredits,
    KeyReused,
    MillicentError,
    NotFound,
    OutcomeUnknown,
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
    "Category",
    "CheckResult",
    "ClientCredentials",
    "Clock",
    "ConfigurationError",
    "Conflict",
    "Draw",
    "Entry",
    "FieldError",
    "Forbidden",
    "FundingConflict",
    "Grant",
    "Health",
    "Hold",
    "IfInsufficient",
    "InsufficientCredits",
    "KeyReused",
    "Millicent",
    "MillicentError",
    "NotFound",
    "Operation",
    "OutcomeUnknown",
    "Problem",
    "Receipt",
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
