"""What an error came from, for a log line: classes and codes, never a message, which could have content in it."""

from collections.abc import Iterator
from typing import Any

_CHAIN_MAX = 8
"""Longer chains are cut: what is nearest to the request and what is nearest to the network are among these."""


def causes_of(error: BaseException | None) -> dict[str, object]:
    """The error's class and stable code, and of what it was raised from the class, AWS's error code and request id.

    `cause` is the innermost error, `causes` are all in between and itself, the outermost first. A key without a value
    is left out; of no error there is none.
    """
    if error is None:
        return {}
    first, *inner = _chain(error)
    answers = [_answer_of(each) for each in (first, *inner)]
    told = {
        "error": type(first).__name__,
        "code": getattr(first, "code", None),
        "cause": type(inner[-1]).__name__ if inner else None,
        "causes": tuple(type(each).__name__ for each in inner),
        "aws_code": _last(answer.get("Error", {}).get("Code") for answer in answers),
        "aws_request_id": _last(answer.get("ResponseMetadata", {}).get("RequestId") for answer in answers),
    }
    return {name: value for name, value in told.items() if value}


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := _cause_of(chain[-1])) is not None and cause not in chain and len(chain) < _CHAIN_MAX:
        chain.append(cause)
    return chain


def _cause_of(error: BaseException) -> BaseException | None:
    """PynamoDB keeps the error of botocore beside its own instead of raising its own from it."""
    beside = getattr(error, "cause", None)
    return error.__cause__ or (beside if isinstance(beside, BaseException) else None)


def _answer_of(error: BaseException) -> dict[str, Any]:
    """AWS's answer, which botocore keeps beside its error. By its shape: not all who log have botocore at hand."""
    answer = getattr(error, "response", None)
    return answer if isinstance(answer, dict) else {}


def _last(values: Iterator[str | None]) -> str | None:
    return next((value for value in reversed(list(values)) if value), None)
