"""Amounts in answers: numbers, or decimal strings for clients whose numbers are not exact above 2^53 microcents.

A request asks for strings with `?amounts=string`, or with a parameter of its Accept header: `Accept: application/json;
amounts=string`. The query wins if both are given.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from shared.edge.errors import FieldError, ValidationFailed

AmountsAs: TypeAlias = Literal["number", "string"]

PARAMETER: Final = "amounts"
AMOUNTS: Final = frozenset(
    {
        "amount",
        "available",
        "available_after",
        "available_before",
        "captured",
        "charged",
        "funded",
        "held",
        "held_after",
        "held_before",
        "hold",
        "largest_affordable",
        "low_balance",
        "low_balance_thresholds",
        "minimum",
        "net",
        "not_restored",
        "overdraft_limit",
        "refunded",
        "remaining",
        "required",
        "rollover_maximum",
        "rollover_minimum",
        "shortfall",
        "spendable",
        "spent",
        "threshold",
        "used",
    }
)
"""Members of answers that are amounts or lists of amounts (`hold` is one in a quote, an object elsewhere).

They are those of the client's models; a test compares them.
"""

_OF_THE_CALLER: Final = frozenset({"metadata", "usage"})
"""Members that contain the caller's own data."""
_MEDIA_TYPES: Final = frozenset({"application/json", "application/problem+json"})
_QUOTED: Final = re.compile(r'"([^"]*)"')


def amounts_asked(query: Mapping[str, str], accept: str | None) -> AmountsAs:
    """The form of the amounts that a request wants. Raises ValidationFailed, which names the place."""
    if PARAMETER in query:
        return _known(query[PARAMETER], f"query.{PARAMETER}")
    for given in _parameters(accept or ""):
        return _known(given, "header.Accept")
    return "number"


def with_texts(content: object) -> object:
    """The content of an answer with its amounts as decimal strings, otherwise unchanged."""
    if isinstance(content, Mapping):
        return {name: _member(name, each) for name, each in content.items()}
    return [with_texts(each) for each in content] if isinstance(content, list | tuple) else content


def _member(name: str, value: object) -> object:
    if name in _OF_THE_CALLER:
        return value
    if name not in AMOUNTS:
        return with_texts(value)
    return [_text(each) for each in value] if isinstance(value, list | tuple) else _text(value)


def _text(amount: Any) -> object:  # noqa: ANN401 - what an answer may hold
    is_number = isinstance(amount, int | Decimal) and not isinstance(amount, bool)
    return f"{Decimal(amount):f}" if is_number else with_texts(amount)


def _parameters(accept: str) -> Iterator[str]:
    for media_range in accept.split(","):
        media_type, *parameters = (part.strip() for part in media_range.split(";"))
        if media_type.lower() not in _MEDIA_TYPES:
            continue
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == PARAMETER:
                yield _QUOTED.sub(r"\1", value.strip())


def _known(given: str, path: str) -> AmountsAs:
    for known in get_args(AmountsAs):
        if given == known:
            return known  # type: ignore[no-any-return]  # one of its words
    named = "one of" if path.startswith("query.") else f"without {PARAMETER}, or with {PARAMETER}= one of"
    raise ValidationFailed([FieldError(path, f"must be {named} {', '.join(get_args(AmountsAs))}")])
