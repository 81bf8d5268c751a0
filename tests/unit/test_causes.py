from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.exceptions import GetError

from shared.ledger.errors import LedgerUnavailable
from shared.runtime.causes import causes_of


def refused(code: str = "ThrottlingException") -> ClientError:
    details: Any = {"Error": {"Code": code, "Message": "my secret"}, "ResponseMetadata": {"RequestId": "R1"}}
    return ClientError(details, "GetItem")


def raised_from(error: Exception, *causes: Exception) -> Exception:
    for each, cause in zip((error, *causes), causes, strict=False):
        each.__cause__ = cause
    return error


def test_the_innermost_cause_is_told_with_all_that_was_raised_from_it() -> None:
    error = raised_from(LedgerUnavailable("no answer"), OSError("a"), ReadTimeoutError(endpoint_url="http://there"))
    assert causes_of(error) == {
        "error": "LedgerUnavailable",
        "code": "ledger_unavailable",
        "cause": "ReadTimeoutError",
        "causes": ("OSError", "ReadTimeoutError"),
    }


def test_an_error_of_aws_is_told_by_its_code_and_request_id() -> None:
    told = causes_of(raised_from(LedgerUnavailable("no answer"), refused()))
    assert (told["aws_code"], told["aws_request_id"]) == ("ThrottlingException", "R1")


def test_the_cause_is_found_where_pynamodb_keeps_it() -> None:
    told = causes_of(raised_from(LedgerUnavailable("no answer"), GetError("failed", refused("InternalServerError"))))
    assert (told["causes"], told["aws_code"]) == (("GetError", "ClientError"), "InternalServerError")


def test_no_message_is_told() -> None:
    assert "my secret" not in str(causes_of(raised_from(ValueError("my secret"), refused())))


def test_an_error_without_a_cause_is_told_by_its_class() -> None:
    assert causes_of(ValueError("no")) == {"error": "ValueError"}


def test_of_no_error_nothing_is_told() -> None:
    assert causes_of(None) == {}


def test_errors_that_were_raised_from_each_other_are_told_once() -> None:
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    assert causes_of(first)["causes"] == ("KeyError",)
