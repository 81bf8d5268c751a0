"""Schemas of what a type alone cannot say. Bounds and patterns are those of the code that reads the values."""

from typing import Any, Final, TypeAlias

from functions.rates.schema import MAX_NUMBER, MAX_PRICE_DECIMALS, MAX_PRICES, MAX_TIERS, PriceDocument, TierDocument
from shared.edge.charges import Money
from shared.edge.quantities import MAX_DECIMALS, MAX_UNITS
from shared.edge.usage_request import MAX_QUANTITIES, QUANTITY_NAME, RESERVED_NAMES, ModelName
from shared.edge.validation import Identifier
from shared.ledger import money
from shared.ledger.amounts import DECIMALS, MAX_AMOUNT_MICROCENTS, MAX_AMOUNT_MILLICENTS
from shared.pricing.usage import DEFAULT_TIER, ESTIMATE_PREFIX, SERVICE_TIERS

Json: TypeAlias = dict[str, Any]

MAX_DOLLARS: Final = MAX_AMOUNT_MICROCENTS // money.MICROCENTS_PER_DOLLAR
MAX_DECIMALS_WRITTEN: Final = 18
"""Of a number in a decimal string that is not an amount: those beyond what counts are zeros."""


def decimal_text(maximum: int, decimals: int, zeros: int = 0, *, above_0: bool = False) -> Json:
    """The schema of a decimal string from 0 to `maximum`, a power of ten.

    At most `decimals` of its decimals count, and `zeros` may follow them.
    """
    digits = len(str(maximum)) - 1
    fraction = rf"(\.([0-9]{{1,{decimals}}}0{{0,{zeros}}}))?" if zeros else rf"(\.[0-9]{{1,{decimals}}})?"
    below = rf"(0|[1-9][0-9]{{0,{digits - 1}}}){fraction}"
    at_most = rf"{maximum}(\.0{{1,{decimals + zeros}}})?"
    pattern = rf"({below}|{at_most})$"
    return {"type": "string", "pattern": ("^(?!0(\\.0+)?$)" if above_0 else "^") + pattern}


def number(maximum: int, decimals: int, *, above_0: bool = False) -> Json:
    """A JSON number, or the same as a decimal string.

    How many decimals the number may have is in words: multipleOf is computed in binary by most validators, and would
    refuse 1.001.
    """
    text = decimal_text(maximum, decimals, above_0=above_0)
    return {"anyOf": [{"type": "number", **_lowest(above_0=above_0), "maximum": maximum}, text]}


def _counted(maximum: int, decimals: int, *, above_0: bool = False) -> Json:
    """A number of which zeros may follow the decimals that count."""
    text = decimal_text(maximum, decimals, MAX_DECIMALS_WRITTEN - decimals, above_0=above_0)
    return {"anyOf": [{"type": "number", **_lowest(above_0=above_0), "maximum": maximum}, text]}


def _lowest(*, above_0: bool) -> Json:
    return {"exclusiveMinimum" if above_0 else "minimum": 0}


_AMOUNT: Final = "millicents (1/1000 cent), a number or a decimal string with at most three decimals, read exactly"
_NO_QUANTITY: Final = "|".join(sorted(RESERVED_NAMES - {"meter", "model", "service_tier"}))
_QUANTITY: Final = f"^(?!({_NO_QUANTITY})$){QUANTITY_NAME.pattern}$"
_NO_PRICE: Final = f"^(?!({ESTIMATE_PREFIX}|({'|'.join(sorted(RESERVED_NAMES))})$)){QUANTITY_NAME.pattern}$"
_ONE: Final[Json] = {"anyOf": [{"const": 1}, {"type": "string", "pattern": r"^1(\.0+)?$"}]}
CURRENCY_OF_RATE: Final[Json] = {
    "anyOf": [
        {"required": ["currency"], "properties": {"currency": {"type": "string"}}},
        {"properties": {"per_dollar": _ONE}},
    ]
}
"""Of an adjustment: a rate other than 1 is that of a currency."""
NO_ALIASES: Final[Json] = {"properties": {"aliases": {"maxItems": 0}}}
"""Of a rate card: only a card with a model has aliases."""
_TIER: Final[Json] = {"type": "string", "enum": list(SERVICE_TIERS), "default": DEFAULT_TIER}


def schemas(typed: Any, form: Any) -> Json:  # noqa: ANN401 - functions of the document
    """By name. `typed` gives the schema of an annotation, `form` that of a struct."""
    return {
        "Amount": {
            "description": _AMOUNT[0].upper() + _AMOUNT[1:] + ".",
            **number(MAX_AMOUNT_MILLICENTS, DECIMALS),
            "examples": [42.125, "42.125"],
        },
        "PositiveAmount": {
            "description": f"More than 0 {_AMOUNT}.",
            **number(MAX_AMOUNT_MILLICENTS, DECIMALS, above_0=True),
            "examples": [42.125, "42.125"],
        },
        "Money": form(Money),
        "MoneyText": {
            "description": f"An amount of a currency with at most {money.MAX_DECIMALS} decimals, read exactly.",
            "anyOf": [
                {"type": "number", "minimum": 0, "exclusiveMaximum": 10**money.MAX_WHOLE_DIGITS},
                {"type": "string", "pattern": f"^{money.DECIMAL_TEXT}$", "maxLength": money.MAX_TEXT},
            ],
            "examples": ["1.23", 1.23],
        },
        "Dollars": {
            "description": f"Dollars, from 0 to {MAX_DOLLARS}, of any precision up to {money.MAX_DECIMALS} decimals; "
            "read exactly and rounded once, half up, to 1/1000 millicent.",
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": MAX_DOLLARS},
                {"type": "string", "pattern": f"^{money.DECIMAL_TEXT}$", "maxLength": money.MAX_TEXT},
            ],
            "examples": ["0.00001375", 0.00001375],
        },
        "Millicents": {
            "description": "Millicents (1/1000 cent), exact to three decimals. A number, to be read as a decimal; a "
            "decimal string where the request asks for amounts=string.",
            "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]{1,3})?$"}],
            "examples": [42.125, "42.125"],
        },
        "Usage": {
            "description": "Quantities. Or a report: how much was used as the provider of the model says it.",
            "type": "object",
            "anyOf": [
                {"$ref": "#/components/schemas/UsageQuantities"},
                {"$ref": "#/components/schemas/UsageReport"},
            ],
            "examples": [{"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}],
        },
        "UsageQuantities": {
            "description": f"A meter, a model and at most {MAX_QUANTITIES} quantities by name, each with at most "
            f"{MAX_DECIMALS} decimals.",
            "type": "object",
            "properties": {"meter": typed(Identifier), "model": typed(ModelName), "service_tier": _TIER},
            "required": ["meter"],
            "propertyNames": {"pattern": _QUANTITY},
            "maxProperties": MAX_QUANTITIES + 3,
            "additionalProperties": _counted(MAX_UNITS, MAX_DECIMALS),
            "examples": [{"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "max_output_tokens": 44}],
        },
        "UsageReport": {
            "description": "`raw` is the provider's response, or the usage in it. The meter is llm unless given; the "
            "model is the one in the response unless given.",
            "type": "object",
            "properties": {
                "provider": {"type": "string", "minLength": 1},
                "raw": {"type": "object"},
                "meter": typed(Identifier),
                "model": typed(ModelName),
                "service_tier": _TIER,
            },
            "required": ["provider", "raw"],
            "additionalProperties": False,
            "examples": [
                {
                    "provider": "openai",
                    "model": "gpt-4o",
                    "raw": {"prompt_tokens": 374, "completion_tokens": 44, "total_tokens": 418},
                }
            ],
        },
        "Number": {
            "description": f"From 0 to 10^15, with at most {MAX_PRICE_DECIMALS} decimals; as a string it is exact.",
            **_counted(MAX_NUMBER, MAX_PRICE_DECIMALS),
            "examples": ["0.25"],
        },
        "PositiveNumber": {
            "description": f"Above 0, to 10^15, with at most {MAX_PRICE_DECIMALS} decimals; as a string it is exact.",
            **_counted(MAX_NUMBER, MAX_PRICE_DECIMALS, above_0=True),
            "examples": ["1.08"],
        },
        "Prices": {
            "description": "Prices by quantity.",
            "type": "object",
            "propertyNames": {"pattern": _NO_PRICE},
            "maxProperties": MAX_PRICES,
            "additionalProperties": {"$ref": "#/components/schemas/PriceDocument"},
        },
        "Tiers": {
            "description": "In rising order of their bounds.",
            "type": "array",
            "maxItems": MAX_TIERS,
            "items": {"$ref": "#/components/schemas/TierDocument"},
        },
        "PriceDocument": form(PriceDocument),
        "TierDocument": form(TierDocument),
    }
