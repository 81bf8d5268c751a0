"""Usage as its provider reports it: `provider` and `raw` instead of quantities.

It becomes quantities here, before it is an operation, so a record says what was counted and nothing of what was said.
What identifies the operation is the digest of the report, since a later release may read it differently.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from shared.adapters.genai_usage import PROVIDERS_READ, NotUnderstood, Report, UnknownProvider, model_at, read_report
from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.quantities import UNITS, is_number_of_units, quantity
from shared.ledger import ids
from shared.ledger.canonical import canonical_json, sha256_hex
from shared.pricing.usage import SERVICE_TIERS, Quantity, Usage, tier_named

MODEL: Final = r"\A[A-Za-z0-9_.:@/~+-]{1,128}\Z"
MODEL_NAME: Final = "must be 1 to 128 characters from A-Z a-z 0-9 _ . : @ / ~ + -"
METER: Final = "llm"
"""The meter where none is given: that of language models."""
_BESIDE_RAW: Final = "beside raw there are only provider, meter, model and service_tier"
MEMBERS: Final = frozenset({"provider", "raw", "meter", "model", "service_tier"})


def reported_usage(document: Mapping[str, Any], path: str) -> Usage:
    """Raises ValidationFailed, which names every invalid member, or the place in the report that is not understood."""
    if faults := list(_faults(document, path)):
        raise ValidationFailed(faults)
    report = _report(document, path)
    meter, model = document.get("meter", METER), _model(document, report, path)
    tier = _tier(document, report, path)
    return Usage(
        meter=meter,
        model=model_at(report.provider, model),
        quantities=_quantities(report, path),
        provider=report.provider,
        raw_digest=_digest(meter, model, tier, report),
        service_tier=tier,
    )


def _faults(document: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    provider = document.get("provider")
    if "provider" not in document:
        yield FieldError(f"{path}.provider", "is required beside raw")
    elif not isinstance(provider, str) or not provider:
        yield FieldError(f"{path}.provider", "must be the name of a provider of models")
    if "raw" not in document:
        yield FieldError(f"{path}.raw", "is required beside provider")
    elif not isinstance(document["raw"], Mapping):
        yield FieldError(
            f"{path}.raw", "must be a JSON object: the response, or the usage in it, as the provider sent it"
        )
    if "meter" in document and not ids.is_id(document["meter"]):
        yield FieldError(f"{path}.meter", f"must be {ids.REQUIREMENT}")
    if "model" in document and not is_model_name(document["model"]):
        yield FieldError(f"{path}.model", MODEL_NAME)
    yield from tier_at_fault(document, path)
    for name in document.keys() - MEMBERS:
        yield FieldError(f"{path}.{name[:64]}", f"must be omitted: {_BESIDE_RAW}")


def tier_at_fault(document: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    if "service_tier" in document and document["service_tier"] not in SERVICE_TIERS:
        yield FieldError(f"{path}.service_tier", f"must be one of {', '.join(SERVICE_TIERS)}")


def _report(document: Mapping[str, Any], path: str) -> Report:
    try:
        report = read_report(document["provider"], document["raw"])
    except UnknownProvider:
        known = ", ".join(PROVIDERS_READ)
        detail = f"must be a provider whose reports are known, such as {known}; give the quantities otherwise"
        raise ValidationFailed([FieldError(f"{path}.provider", detail)]) from None
    except NotUnderstood as refused:
        raise ValidationFailed([FieldError(_place(f"{path}.raw", refused.path), str(refused))]) from None
    return report


def _tier(document: Mapping[str, Any], report: Report, path: str) -> str | None:
    """The tier that the caller or the report names: results of a batch do not say that they are of one."""
    asked = tier_named(document.get("service_tier"))
    if "service_tier" in document and report.service_tier not in {None, asked}:
        detail = f"must be {report.service_tier}, as in raw, or be omitted"
        raise ValidationFailed([FieldError(f"{path}.service_tier", detail)])
    return asked or report.service_tier


def _place(root: str, path: tuple[str | int, ...]) -> str:
    return root + "".join(f"[{step}]" if isinstance(step, int) else f".{step[:64]}" for step in path)


def _model(document: Mapping[str, Any], report: Report, path: str) -> str:
    model = document.get("model", report.model)
    if model is None:
        raise ValidationFailed([FieldError(f"{path}.model", "is required, since raw does not name the model")])
    if not is_model_name(model):
        raise ValidationFailed([FieldError(f"{path}.raw.model", MODEL_NAME)])
    return str(model)


def is_model_name(value: object) -> bool:
    return isinstance(value, str) and re.match(MODEL, value) is not None


def _quantities(report: Report, path: str) -> Mapping[str, Quantity]:
    """What was used. A quantity of 0 says nothing, unless it is the only one or says that two others do not overlap."""
    for name, number in report.quantities.items():
        if not is_number_of_units(number):
            raise ValidationFailed([FieldError(f"{path}.raw", f"{UNITS}: not its {name}")])
    used = {name: quantity(number) for name, number in report.quantities.items() if number or _tells(name, report)}
    return used or {next(iter(report.quantities)): 0}


def _tells(name: str, report: Report) -> bool:
    """Whether this counts what was read from a cache of a modality, and there was some of both."""
    found = re.fullmatch(r"cache_([a-z]+)_read_tokens", name)
    wholes = ("cache_read_tokens", f"input_{found[1]}_tokens") if found else ()
    return found is not None and all(report.quantities.get(whole) for whole in wholes)


def _digest(meter: str, model: str, tier: str | None, report: Report) -> str:
    asked = {"meter": meter, "model": model, "provider": report.provider, "usage": _exact(report.reported)}
    if tier is not None:
        asked["service_tier"] = tier
    return sha256_hex(canonical_json(asked))


def _exact(value: object) -> object:
    """One spelling for each number."""
    match value:
        case Mapping():
            return {name: _exact(member) for name, member in value.items() if member is not None}
        case list():
            return [_exact(member) for member in value]
        case Decimal():
            return int(value) if value == int(value) else str(value.normalize())
        case _:
            return value
