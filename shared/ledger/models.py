"""The model of an amount: whose work was paid for. Limits, usage and filters know it beside app and meter.

It is set when usage is priced, as an input that is on the record, so that a replay needs neither cards nor price lists.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_BUILT_IN: Final = "genai-prices@"
_IN_PARTS: Final = 3
"""`genai-prices@<version>/<provider>/<model>`; an older reference has no provider and no model."""
_OF_A_PATTERN: Final = frozenset("*?")


class Through(NamedTuple):
    """Through which app, on which meter and of which model an amount was spent; None where that was not said."""

    app: str | None = None
    meter: str | None = None
    model: str | None = None


UNNAMED: Final = Through()


def model_of(usage: Mapping[str, Any] | None, rate_card: str | None) -> str | None:
    """The model whose price was taken, else the model that the usage names.

    So the spelling of a name (`openai/gpt-4o`, `gpt-4o`) makes no other model of it.
    """
    if usage is None:
        return None
    named: str | None = usage.get("model")
    return (rate_card and _priced_as(rate_card, usage.get("meter"))) or named


def _priced_as(rate_card: str, meter: str | None) -> str | None:
    """The model in a card's reference; None where it names none, or a pattern of many."""
    if rate_card.startswith(_BUILT_IN):
        parts = rate_card.split("/", _IN_PARTS - 1)
        return parts[-1] if len(parts) == _IN_PARTS else None
    model = rate_card.removeprefix(f"{meter}/").rpartition("@")[0]
    is_one = rate_card.startswith(f"{meter}/") and _OF_A_PATTERN.isdisjoint(model)
    return model if is_one else None
