"""The roles of the functions: what their statements allow, and what they allow that nobody needs."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Final, TypeAlias

from tests.roles.calls import Need
from tests.template.loading import FUNCTIONS, listed
from tests.template.resolved import DEFAULT, Deployment

LEADING_KEYS: Final = {"ForAllValues:StringLike"}
"""The conditions that a statement may have: others would have to be evaluated here first."""
_KEYS: Final = "dynamodb:LeadingKeys"


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource, for partitions like `leading_keys`; None for all of them."""

    sid: str
    action: str
    resource: str
    leading_keys: str | None = None

    def allows(self, need: Need) -> bool:
        return (
            _is_like(need.action, self.action)
            and _is_like(need.resource, self.resource)
            # ForAllValues holds where there is no value at all, as of a scan.
            and (self.leading_keys is None or need.leading_key is None or _is_like(need.leading_key, self.leading_keys))
        )


Roles: TypeAlias = Mapping[str, Sequence[Grant]]
"""By the logical name of the function, such as Check."""
Used: TypeAlias = Mapping[str, Iterable[Need]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`missing` is needed and not allowed, `unused` is allowed and not needed: function and what of it."""

    missing: Sequence[tuple[str, Need]]
    unused: Sequence[tuple[str, Grant]]


def compared(roles: Roles, used: Used) -> Comparison:
    needs = {function: list(used.get(function, ())) for function in roles}
    return Comparison(
        missing=[
            (function, need)
            for function, of_function in needs.items()
            for need in of_function
            if not any(grant.allows(need) for grant in roles[function])
        ],
        unused=[
            (function, grant)
            for function, grants in roles.items()
            for grant in grants
            if not any(grant.allows(need) for need in needs[function])
        ],
    )


def roles_of(deployment: Deployment = DEFAULT) -> Roles:
    return {function: list(grants_of(deployment.statements(f"{function}Role"))) for function in FUNCTIONS}


def grants_of(statements: Iterable[Mapping[str, Any]]) -> Iterator[Grant]:
    for statement in statements:
        assert statement["Effect"] == "Allow", f"{statement['Sid']}: what is denied is not evaluated here"
        for action, resource, keys in product(
            listed(statement["Action"]), listed(statement["Resource"]), _leading_keys(statement)
        ):
            yield Grant(statement["Sid"], action, resource, keys)


def _leading_keys(statement: Mapping[str, Any]) -> Sequence[str | None]:
    conditions = statement.get("Condition")
    if conditions is None:
        return [None]
    ((operator, asked),) = conditions.items()
    assert operator in LEADING_KEYS, f"{statement['Sid']}: nothing is known of {operator}"
    assert set(asked) == {_KEYS}, f"{statement['Sid']}: nothing is known of {set(asked)}"
    return listed(asked[_KEYS])


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """`*` is anything, `?` any one character, as IAM has it."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _is_like(text: str, pattern: str) -> bool:
    return text == pattern or _pattern(pattern).fullmatch(text) is not None
