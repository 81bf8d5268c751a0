"""Findings of schemathesis that are none, each with its reason: rules that no JSON Schema can state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

REJECTED: Final = "positive_data_acceptance"
"""The check that a request of the described form is not answered 422."""


@dataclass(frozen=True, slots=True)
class KnownException:
    """A problem that requests of the described form are answered with.

    `where` is the path of one of its `errors`, up to its `[`, `detail` a part of what that says; None fits all.
    """

    reason: str
    code: str = "validation_failed"
    where: str | None = None
    detail: str | None = None

    def fits(self, problem: Mapping[str, Any]) -> bool:
        if problem.get("code") != self.code:
            return False
        if self.where is None and self.detail is None:
            return True
        return all(self._is_of_this(error) for error in problem["errors"])

    def _is_of_this(self, error: Mapping[str, str]) -> bool:
        return (self.where is None or error["path"].startswith(self.where)) and (self.detail or "") in error["detail"]


KNOWN: Final = (
    KnownException("how deep a JSON object is, and how large the numbers anywhere in it", where="$.metadata"),
    KnownException("what the account, its holds and its grants are like decides, or the clock", "invalid_operation"),
    KnownException("which meters and models have a price, the rate cards say", "unpriced"),
    KnownException(
        "multipleOf is computed in binary by most validators, and would refuse 1.001: how many decimals a JSON number "
        "may have is in words",
        detail="decimals",
    ),
    KnownException(
        "12.0 is an integer to JSON Schema; to the service a whole number is one that is written so",
        detail="must be a whole number",
    ),
    KnownException(
        "a cursor is opaque: only what a page gave is one", where="query.after", detail="of an earlier page"
    ),
    KnownException("the days from `from` to `to` are counted", where="query.from", detail="366 up to `to`"),
    KnownException(
        "a query parameter cannot be required by another", where="query.meter", detail="where model is given"
    ),
    KnownException("the last day that can be written down has no end", where="query.digest"),
    KnownException("two fields are compared", where="$.meter", detail="must equal the meter of the usage"),
    KnownException("two fields are compared", where="$.minimum_amount", detail="at most amount"),
    KnownException("limits are compared with each other", where="$.limits[", detail="must differ from every other"),
    KnownException("prices are compared with each other", where="$.prices"),
    KnownException("an offset can carry a time beyond the last year", detail="before the year 10000"),
)


def is_known(check: str, problem: Mapping[str, Any]) -> bool:
    """Whether a finding of the check, in an answer with this problem, is one of the known exceptions."""
    if check != REJECTED or "errors" not in problem:
        return check == REJECTED and any(known.fits(problem) for known in KNOWN)
    errors = problem["errors"]
    return all(any(known.fits({**problem, "errors": [error]}) for known in KNOWN) for error in errors)
