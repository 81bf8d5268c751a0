"""Usage objects as providers report them: whose they are, by the names of their members."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from millicent.replay import cells

_PROVIDERS: Final = (
    ("google", ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")),
    ("aws", ("inputTokens", "outputTokens")),
    ("openai", ("prompt_tokens", "input_tokens_details", "output_tokens_details", "total_tokens")),
    (
        "anthropic",
        ("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use", "input_tokens"),
    ),
)

_PLAIN: Final[Mapping[str, str]] = {
    "input_tokens": "input_tokens",
    "prompt_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "completion_tokens": "output_tokens",
}


def plain_quantities(usage: Mapping[str, Any]) -> dict[str, int] | None:
    """The tokens of input and output if the usage has nothing else: then it is the same with every provider."""
    used = {name: value for name, value in usage.items() if not _is_nothing(value) or name in _PLAIN}
    total = used.pop("total_tokens", None)
    if not used or not used.keys() <= _PLAIN.keys():
        return None
    try:
        quantities = {_PLAIN[name]: cells.count(value) for name, value in used.items()}
        is_whole = total is None or cells.count(total) == sum(quantities.values())
    except cells.BadCell:
        return None
    return quantities if is_whole and len(quantities) == len(used) else None


def _is_nothing(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return all(map(_is_nothing, value.values()))
    return cells.is_nothing(value)


def provider_of(usage: Mapping[str, Any], model: str | None) -> str | None:
    """The provider whose usage has these members; None if it is nobody's."""
    if {"prompt_tokens", "cache_read_input_tokens"} <= usage.keys():
        return None
    if model and "/" not in model and model.startswith("claude") and "input_tokens" in usage:
        return "anthropic"
    return next((provider for provider, members in _PROVIDERS if usage.keys() & set(members)), None)


def as_reported(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """In JSON's own types, with the numbers of a CSV as numbers, and without what is null."""
    if isinstance(value, Mapping):
        return {name: as_reported(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [as_reported(member) for member in value]
    if isinstance(value, str) and value.replace(".0", "", 1).isdecimal() and value.isascii():
        return int(Decimal(value))
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
