"""What DynamoDB's failures mean to the protocol."""

from typing import Any, Final, TypeAlias

from botocore.exceptions import ChecksumError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError
from pynamodb.exceptions import PynamoDBException

from shared.ledger.protocol import Busy, Unknown

CONDITION_FAILED: Final = "ConditionalCheckFailedException"
TRANSACTION_CANCELED: Final = "TransactionCanceledException"

FAILURES: Final = (PynamoDBException, ResponseParserError)
"""All that a call to DynamoDB through PynamoDB raises on account of the answer, or the want of one."""
Failure: TypeAlias = PynamoDBException | ResponseParserError

_THROTTLED: Final = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException", "Throttling"}
)
_IN_CONFLICT: Final = frozenset({"TransactionConflictException"})
# A transaction with our token is at work. Every call has a token of its own, so it can only be this very call, sent
# twice by the network: it may yet be written.
_IN_DOUBT: Final = frozenset({"TransactionInProgressException"})
_LOST: Final = (HTTPClientError, NoConnectionError, ChecksumError, IncompleteReadError, ResponseParserError)
_SERVER_ERROR: Final = 500


def translated(failure: Failure) -> Busy | Unknown:
    """What the failure of a call means. Raises it again where the deployer has to act: permissions, a missing table."""
    cause = getattr(failure, "cause", failure)
    if isinstance(cause, ClientError) and (meaning := _meaning(cause, failure)) is not None:
        return meaning
    if isinstance(cause, _LOST):
        return Unknown(failure)
    raise failure


def error_code(failure: PynamoDBException) -> str | None:
    """The code of DynamoDB's error, None where the call failed in another way.

    PynamoDB's own `cause_response_code` raises AttributeError on a timeout, whose `response` is None.
    """
    cause = failure.cause
    return cause.response["Error"].get("Code") if isinstance(cause, ClientError) else None


def _meaning(error: ClientError, failure: Failure) -> Busy | Unknown | None:
    code = error.response["Error"].get("Code", "")
    if code in _THROTTLED:
        return Busy(throttled=True, cause=failure)
    if code in _IN_CONFLICT:
        return Busy(cause=failure)
    if code in _IN_DOUBT or _http_status(error) >= _SERVER_ERROR or not _is_name(code):
        return Unknown(failure)
    return None


def _http_status(error: ClientError) -> int:
    # PynamoDB passes on the error without the status; the one that it came from has it.
    original: Any = error.__cause__ or error
    status: int = original.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status


def _is_name(code: str) -> bool:
    # botocore gives the status for a code where the answer names none: something before DynamoDB answered.
    return bool(code) and not code.isdigit()
