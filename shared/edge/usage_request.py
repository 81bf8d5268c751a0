"""Usage in a request: `usage` instead of an amount, validated strictly."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.quantities import UNITS, is_number_of_units, quantity
from shared.edge.reported_usage import MODEL, MODEL_NAME, is_model_name, reported_usage, tier_at_fault
from shared.edge.validation import schema_named
from shared.ledger import ids
from shared.pricing.usage import NAMES, Usage, tier_named

MAX_QUANTITIES: Final = 16
QUANTITY_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED_NAMES: Final = frozenset({*NAMES, "raw"})
"""Members of usage, which cannot be names of quantities."""

MEMBERS: Final = frozenset({"meter", "model", "service_tier"})
"""Members of usage beside its quantities."""

CARD_MODEL: Final = r"\A[A-Za-z0-9_.:@/~+*-]{1,128}\Z"

CardModelName: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=CARD_MODEL,
        description="1 to 128 characters from A-Z a-z 0-9 _ . : @ / ~ + -, or * for any of them",
    ),
]
ModelName: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=MODEL, description="1 to 128 characters from A-Z a-z 0-9 _ . : @ / ~ + -")
]
UsageDocument: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="a JSON object with meter, model and quantities, or with provider and raw",
        extra_json_schema=schema_named("Usage"),
    ),
]
QuantitiesDocument: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="a JSON object with meter, model and quantities", extra_json_schema=schema_named("UsageQuantities")
    ),
]
"""Of usage that is to come, which no provider has reported."""

_NAME: Final = "must have quantity names of 1 to 64 characters from a-z, 0-9 and _, starting with a letter"


def read_usage(document: UsageDocument | msgspec.UnsetType, path: str = "$.usage") -> Usage | None:
    """None if the field is not in the request. Raises ValidationFailed, which names every invalid member."""
    return None if isinstance(document, msgspec.UnsetType) else usage_of(document, path)


def usage_of(document: UsageDocument, path: str = "$.usage") -> Usage:
    """Raises ValidationFailed, which names every invalid member."""
    if "raw" in document or "provider" in document:
        return reported_usage(document, path)
    quantities = {name: value for name, value in document.items() if name not in MEMBERS}
    if faults := list(_faults(document, quantities, path)):
        raise ValidationFailed(faults)
    return Usage(
        meter=document["meter"],
        model=document.get("model"),
        quantities={name: quantity(each) for name, each in quantities.items()},
        service_tier=tier_named(document.get("service_tier")),
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
    if not ids.is_id(document.get("meter")):
        yield FieldError(f"{path}.meter", f"must be {ids.REQUIREMENT}")
    if "model" in document and not is_model_name(document["model"]):
        yield FieldError(f"{path}.model", MODEL_NAME)
    yield from tier_at_fault(document, path)
    if len(quantities) > MAX_QUANTITIES:
        yield FieldError(path, f"must have at most {MAX_QUANTITIES} quantities")
    for name, value in quantities.items():
        if not QUANTITY_NAME.fullmatch(name) or name in RESERVED_NAMES:
            yield FieldError(path, f"{_NAME}: not {name[:64]!r}")
        elif not is_number_of_units(value):
            yield FieldError(f"{path}.{name}", UNITS)
