"""Reasons why an operation is not recorded.

A refusal (insufficient credits, a funding conflict …) is not an error: it is an entry on the record, see `Reason` in
operations.py. The errors here mean that nothing was written, or that the outcome is not known yet.

    LedgerError
    ├── InvalidAmount, InvalidOperation       the request can never be recorded
    ├── IdempotencyKeyReused                  the key belongs to another operation
    ├── TooManyHolds, TooManyGrants           not now: the same key can succeed after one has ended
    ├── AccountNotFound, OperationNotFound    there is nothing to read
    ├── LedgerThrottled                       nothing was written; the same key again is safe
    │   └── AccountBusy                       the same: its tries were lost to other writers
    ├── LedgerUnavailable                     the outcome is unknown; the same key again is safe and finds out
    │   └── RecordDamaged                     nothing is written until an operator restores the account
    ├── shared/pricing/errors.py: Unpriced, RateVersionConflict
    └── shared/verification/errors.py: DigestNotFound, DigestExists, HeadsNotFound, NotInDigest
"""

from typing import ClassVar


class LedgerError(Exception):
    """Base of all ledger errors; `code` is the stable name in the API."""

    code: ClassVar[str]


class InvalidAmount(LedgerError, ValueError):
    """The amount is invalid. The message completes the sentence "<field> must be …"."""

    code = "invalid_amount"


class InvalidOperation(LedgerError):
    """The operation is invalid and can never be recorded; nothing was written."""

    code = "invalid_operation"

    def __init__(self, field: str, must_be: str) -> None:
        super().__init__(f"{field} must be {must_be}")
        self.field = field
        self.must_be = must_be


class TooManyHolds(LedgerError):
    """The account has the maximum of open holds. Nothing was recorded; the same key can succeed later."""

    code = "too_many_holds"


class TooManyGrants(LedgerError):
    """The account has the maximum of open grants, and no two can be merged. Nothing was recorded."""

    code = "too_many_grants"


class IdempotencyKeyReused(LedgerError):
    """The key belongs to an operation with other content."""

    code = "idempotency_key_reused"


class AccountNotFound(LedgerError):
    """The account does not exist: it has no entry."""

    code = "account_not_found"


class OperationNotFound(LedgerError):
    """No entry has this key."""

    code = "operation_not_found"


class LedgerThrottled(LedgerError):
    """The store rejected every attempt until the deadline; nothing was written."""

    code = "throttled"


class AccountBusy(LedgerThrottled):
    """Other writers of the account were first in every try; nothing was written. A limit of capacity, not a refusal."""

    code = "account_busy"


class LedgerUnavailable(LedgerError):
    """The deadline passed without a certain answer. A retry with the same key is safe and shows the outcome."""

    code = "ledger_unavailable"


class RecordDamaged(LedgerUnavailable):
    """The account exists but its state is missing. Nothing is written until an operator restores it."""

    def __init__(self, tenant: str, actor: str) -> None:
        super().__init__("the ledger cannot answer for this account; nothing was recorded; retry with the same key")
        self.tenant = tenant
        self.actor = actor
