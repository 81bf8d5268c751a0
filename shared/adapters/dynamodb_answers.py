"""Translates DynamoDB's failures into outcomes of the protocol."""

from typing import Any, Final

from botocore.exceptions import ChecksumError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError

from shared.adapters.pynamo import PynamoDBException
from shared.ledger.protocol import Busy, Unknown

CONDITION_FAILED: Final = "ConditionalCheckFailedException"
TRANSACTION_CANCELED: Final = "TransactionCanceledException"

FAILURES: Final = PynamoDBException
"""Every error that a DynamoDB call through PynamoDB raises for a failed or missing answer."""

_THROTTLED: Final = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException", "Throttling"}
)
_IN_CONFLICT: Final = frozenset({"TransactionConflictException"})
# A transaction with the same token is in progress. Every call has its own token, so this is the same call, sent twice
# by the network: it may still be written.
_IN_DOUBT: Final = frozenset({"TransactionInProgressException"})
_LOST: Final = (HTTPClientError, NoConnectionError, ChecksumError, IncompleteReadError)
_SERVER_ERROR: Final = 500


def translated(failure: PynamoDBException) -> Busy | Unknown:
    """The outcome that a failed call means.

    Raises the failure again if the deployer has to act: permissions, a missing table.
    """
    cause = failure.cause
    if isinstance(cause, ClientError) and (meaning := _meaning(cause, failure)) is not None:
        return meaning
    if is_lost(cause):
        return Unknown(failure)
    raise failure


def is_lost(cause: BaseException | None) -> bool:
    """Whether the answer was lost on its way, or damaged, or nobody could be asked. So for every service of AWS."""
    return isinstance(cause, _LOST)


def is_failed(error: ClientError) -> bool:
    """Whether the service failed, whoever asks for what. So for every service of AWS."""
    return _http_status(error) >= _SERVER_ERROR


def error_code(failure: PynamoDBException) -> str | None:
    """DynamoDB's error code, or None if the call failed in another way.

    PynamoDB's own `cause_response_code` raises AttributeError on a timeout, whose `response` is None.
    """
    cause = failure.cause
    return cause.response["Error"].get("Code") if isinstance(cause, ClientError) else None


def _meaning(error: ClientError, failure: PynamoDBException) -> Busy | Unknown | None:
    code = error.response["Error"].get("Code", "")
    if code in _THROTTLED:
        return Busy(throttled=True, cause=failure)
    if code in _IN_CONFLICT:
        return Busy(cause=failure)
    if code in _IN_DOUBT or is_failed(error) or not _is_name(code):
        return Unknown(failure)
    return None


def _http_status(error: ClientError) -> int:
    # PynamoDB passes on the error without the HTTP status; the original error has it.
    original: Any = error.__cause__ or error
    status: int = original.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status


def _is_name(code: str) -> bool:
    # botocore uses the status as the code if the answer names none: a proxy answered before DynamoDB did.
    return bool(code) and not code.isdigit()
