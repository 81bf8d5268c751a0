"""Usage in a request: `usage` instead of an amount, validated strictly."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.validation import is_identifier, schema_named
from shared.pricing.adjustments import DEFAULT_TIER
from shared.pricing.usage import NAMES, Quantity, Usage

MAX_QUANTITIES: Final = 16
MAX_UNITS: Final = 10**15
MAX_DECIMALS: Final = 6
QUANTITY_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
MODEL: Final = r"\A[A-Za-z0-9_.:@/~+-]{1,128}\Z"

ServiceTier: TypeAlias = Literal["default", "batch", "flex", "priority"]
SERVICE_TIERS: Final[tuple[str, ...]] = get_args(ServiceTier)

ModelName: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=MODEL, description="1 to 128 characters from A-Z a-z 0-9 _ . : @ / ~ + -")
]
UsageDocument: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(description="a JSON object with meter, model and quantities", extra_json_schema=schema_named("Usage")),
]

_NUMBER: Final = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
_UNITS: Final = f"must be a number or a decimal string from 0 to {MAX_UNITS}, with at most six decimals"
_NAME: Final = "must have quantity names of 1 to 64 characters from a-z, 0-9 and _, starting with a letter"


def read_usage(document: UsageDocument | msgspec.UnsetType, path: str = "$.usage") -> Usage | None:
    """None if the field is not in the request. Raises ValidationFailed, which names every invalid member."""
    return None if isinstance(document, msgspec.UnsetType) else usage_of(document, path)


def usage_of(document: UsageDocument, path: str = "$.usage") -> Usage:
    """Raises ValidationFailed, which names every invalid member."""
    quantities = {name: value for name, value in document.items() if name not in NAMES}
    if faults := list(_faults(document, quantities, path)):
        raise ValidationFailed(faults)
    tier = document.get("service_tier")
    return Usage(
        meter=document["meter"],
        model=document.get("model"),
        quantities={name: _quantity(each) for name, each in quantities.items()},
        service_tier=None if tier == DEFAULT_TIER else tier,
    )


def metered_by(meter: str | None, usage: Usage | None, root: str = "$") -> str | None:
    """The meter of an entry: the usage's meter, which must not differ from `meter`. Raises ValidationFailed."""
    if usage is None or meter == usage.meter:
        return meter
    if meter is not None:
        raise ValidationFailed([FieldError(f"{root}.meter", "must equal the meter of the usage, or be omitted")])
    return usage.meter


def given(amount: int | msgspec.UnsetType) -> int | None:
    """None if the field is not in the request."""
    return None if isinstance(amount, msgspec.UnsetType) else int(amount)


def one_of(members: Mapping[str, object], root: str = "$", *, or_none: bool = False) -> None:
    """Raises ValidationFailed unless exactly one of the members is given; with `or_none`, at most one."""
    present = [name for name, value in members.items() if value is not msgspec.UNSET]
    if not present and not or_none:
        amount, usage, *_ = members
        raise ValidationFailed([FieldError(f"{root}.{amount}", f"is required, or {usage} instead")])
    if len(present) > 1:
        first, *more = present
        detail = f"must not be given together with {first}"
        raise ValidationFailed([FieldError(f"{root}.{name}", detail) for name in more])


def _faults(document: Mapping[str, Any], quantities: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    if not is_identifier(document.get("meter")):
        yield FieldError(f"{path}.meter", "must be 1 to 128 characters from A-Z a-z 0-9 _ . : @ -")
    if "model" in document and not (isinstance(document["model"], str) and re.match(MODEL, document["model"])):
        yield FieldError(f"{path}.model", "must be 1 to 128 characters from A-Z a-z 0-9 _ . : @ / ~ + -")
    if "service_tier" in document and document["service_tier"] not in SERVICE_TIERS:
        yield FieldError(f"{path}.service_tier", f"must be one of {', '.join(SERVICE_TIERS)}")
    if len(quantities) > MAX_QUANTITIES:
        yield FieldError(path, f"must have at most {MAX_QUANTITIES} quantities")
    for name, value in quantities.items():
        if not QUANTITY_NAME.fullmatch(name):
            yield FieldError(path, f"{_NAME}: not {name[:64]!r}")
        elif not _is_number_of_units(value):
            yield FieldError(f"{path}.{name}", _UNITS)


def _is_number_of_units(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return False
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return False
    number = Decimal(value)
    return number.is_finite() and 0 <= number <= MAX_UNITS and number == round(number, MAX_DECIMALS)


def _quantity(value: int | Decimal | str) -> Quantity:
    number = Decimal(value)
    whole = int(number)
    return whole if whole == number else f"{number.normalize():f}"
