"""Usage as a model's provider reports it, read by the extractors of the `genai-prices` package.

The package says where each quantity is in a report, and which are parts of which. A report has one of several forms
(such as OpenAI's of chat, responses, embeddings and images): the form that leaves nothing unexplained is the right one.
What no form explains may be billed, so it is never dropped: `NotUnderstood` names it.

The package is imported when the first report needs it, as in genai_rates.py.
"""

# ruff: noqa: PLC0415 - see above

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from shared.adapters.genai_names import PROVIDERS, GenaiNames
from shared.adapters.report_spellings import respelled
from shared.ledger.frozen import dataclass

if TYPE_CHECKING:
    from genai_prices.types import Provider, UsageExtractor, UsageExtractorMapping

Number: TypeAlias = int | Decimal
Path: TypeAlias = tuple[str | int, ...]

PROVIDERS_READ: Final = ("anthropic", "aws", "google", "openai")
"""Named where a provider is not known; every provider of the package that has an extractor is read."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
MOST_UNITS: Final = 10**15
_NO_NUMBER: Final = f"must be a number from 0 to {MOST_UNITS}"
_TOTALS: Final = frozenset({"total_tokens", "totalTokens", "totalTokenCount", "total"})
_FREE: Final = frozenset({"web_fetch_requests"})
"""Anthropic bills no fetch of a page, only its tokens."""
_PARTS_IN_THEIR_WHOLE: Final = frozenset(
    {"accepted_prediction_tokens", "rejected_prediction_tokens", "prompt_cache_miss_tokens", "text_tokens"}
)
"""Billed in the whole that reports them too, at its price."""
_ALREADY_PRICED: Final = frozenset({"cost", "cost_in_usd_ticks", "cost_details", "is_byok"})
"""What the provider itself computed from the quantities."""
_NOT_BILLED: Final = _TOTALS | _FREE | _PARTS_IN_THEIR_WHOLE | _ALREADY_PRICED
_DEARER_MODALITIES: Final = ("audio", "image", "video")
_TIMES: Final = ("_time", "latency", "latencyms", "latency_ms")
_SAME_AS: Final[Mapping[str, str]] = {
    "prompt_cache_hit_tokens": "cache_read_tokens",
    "cacheReadInputTokenCount": "cache_read_tokens",
    "cacheWriteInputTokenCount": "cache_write_tokens",
}
"""Second names of a quantity: explained if they say the same number."""
_PRICED_AS_USUAL: Final[Mapping[str, frozenset[str]]] = {
    "speed": frozenset({"standard", ""}),
    "inference_geo": frozenset({"global", "not_available", ""}),
}
"""Texts that change the price, with the values that do not."""
_TOOLS: Final = ("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call")
_APART: Final = (
    "is billed apart from the usage: give the usage alone, and charge this by a quantity, such as web_searches"
)
_USUAL_TIERS: Final = frozenset({"", "auto", "standard", "default", "on_demand"})
_TIERS: Final[Mapping[str, str]] = {
    "batch": "batch",
    "flex": "flex",
    "priority": "priority",
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
}
_TIER_MEMBERS: Final = ("service_tier", "serviceTier", "trafficType")


@dataclass(frozen=True, slots=True)
class Report:
    """`reported` is the part of the report that says how much was used; `service_tier` is None for the usual one."""

    provider: str
    model: str | None
    quantities: Mapping[str, Number]
    service_tier: str | None
    reported: Mapping[str, Any]


class UnknownProvider(LookupError):
    """The package has no such provider, or does not know how it reports usage."""


class NotUnderstood(ValueError):
    """`path` is the place in the report, empty for the whole; the text says what is wrong with it."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(detail)
        self.path = path


@dataclass(frozen=True, slots=True)
class _Reading:
    """A report as one form reads it."""

    flavor: str
    model: str | None
    quantities: Mapping[str, Number]
    usage: Mapping[str, Any]
    place: Path
    explained: frozenset[Path]
    unexplained: tuple[Path, ...]

    @property
    def rank(self) -> tuple[int, int]:
        return len(self.unexplained), -len(self.explained)


def read_report(provider_name: str, raw: Mapping[str, Any]) -> Report:
    """The quantities in a provider's response, or in the `usage` of one. Raises UnknownProvider or NotUnderstood."""
    provider = _provider(provider_name)
    reading = _understood(provider, raw)
    _refuse_billed_apart(raw)
    return Report(
        provider=provider.id,
        model=reading.model,
        quantities=_with_overlaps(reading.quantities),
        service_tier=_tier(raw, reading),
        reported=reading.usage,
    )


def model_at(provider: str, model: str) -> str:
    """The model's name, with the provider before it if the name alone means another provider's model."""
    names, named = GenaiNames(), f"{provider}/{model}"
    return model if names.resolve(model) == names.resolve(named) else named


def _provider(name: str) -> "Provider":
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    found = find_provider_by_id(get_snapshot().providers, PROVIDERS.get(name.lower(), name))
    if found is None or not found.extractors:
        raise UnknownProvider(name)
    return found


def _understood(provider: "Provider", raw: Mapping[str, Any]) -> _Reading:
    readings = list(_readings(provider, raw))
    if not readings:
        raise NotUnderstood((), f"must be usage as {provider.id} reports it: {_forms(provider)}")
    best = min(readings, key=lambda reading: reading.rank)
    if best.unexplained:
        path = best.unexplained[0]
        detail = f"is not understood as usage of {provider.id}; leave it out if it is not billed"
        raise NotUnderstood(best.place + path, detail if _may_be_billed(_at(best.usage, path)) else _NO_NUMBER)
    as_good = [each for each in readings if each.rank == best.rank]
    if any(_used(each.quantities) != _used(best.quantities) for each in as_good):
        forms = " or ".join(dict.fromkeys(each.flavor for each in as_good))
        raise NotUnderstood((), f"must not be readable in several ways ({forms}); give the quantities instead")
    return best


def _refuse_billed_apart(raw: Mapping[str, Any]) -> None:
    """A whole response may show work of tools, which its usage does not count."""
    for path, value in (
        *(((*path, "type"), item.get("type")) for path, item in _members(raw, "output")),
        *(((*path, "groundingMetadata"), item.get("groundingMetadata")) for path, item in _members(raw, "candidates")),
    ):
        if value in _TOOLS or (isinstance(value, Mapping) and value.get("webSearchQueries")):
            raise NotUnderstood(path, _APART)


def _members(raw: Mapping[str, Any], name: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    members = raw.get(name)
    for index, member in enumerate(members if isinstance(members, list) else ()):
        if isinstance(member, Mapping):
            yield (name, index), member


def _used(quantities: Mapping[str, Number]) -> Mapping[str, Number]:
    return {name: number for name, number in quantities.items() if number}


def _readings(provider: "Provider", raw: Mapping[str, Any]) -> Iterator[_Reading]:
    refusals: list[NotUnderstood] = []
    found = False
    for spelled in respelled(provider.id, raw):
        for extractor in provider.extractors or ():
            try:
                reading = _reading(extractor, spelled)
            except NotUnderstood as refused:
                refusals.append(refused)
                continue
            if reading is not None:
                found = True
                yield reading
    if refusals and not found:
        raise refusals[0]


def _reading(extractor: "UsageExtractor", raw: Mapping[str, Any]) -> _Reading | None:
    """None if the report does not have this form. Raises NotUnderstood for an impossible number."""
    document, usage, place = _with_root(raw, extractor.root)
    if usage is None or not _has_required(extractor.mappings, usage):
        return None
    places = (_place_in(usage, mapping.path) for mapping in extractor.mappings)
    explained = frozenset(path for path in places if path is not None)
    for path in explained:
        _require_number(_at(usage, path), place + path)
    try:
        model, extracted = extractor.extract(document)
    except ValueError:
        return None
    quantities = {name: _exact(value) for name, value in vars(extracted).items()}
    return _Reading(
        flavor=extractor.api_flavor,
        model=model or _text(raw, "model"),
        quantities=quantities,
        usage=usage,
        place=place,
        explained=explained,
        unexplained=tuple(_unexplained(usage, explained, quantities)),
    )


def _with_root(raw: Mapping[str, Any], root: object) -> tuple[Mapping[str, Any], Mapping[str, Any] | None, Path]:
    """The report as the extractor expects it, its usage, and the place of the usage in what was given.

    `raw` may be the whole response, or any of the objects on the way to its usage.
    """
    steps = [root] if isinstance(root, str) else [step for step in root if isinstance(step, str)]  # type: ignore[attr-defined]
    for given in range(len(steps) + 1):
        usage = _at(raw, tuple(steps[given:]))
        if isinstance(usage, Mapping):
            document: Mapping[str, Any] = raw
            for step in reversed(steps[:given]):
                document = {step: document}
            return document, usage, tuple(steps[given:])
    return raw, None, ()


def _has_required(mappings: Iterable["UsageExtractorMapping"], usage: Mapping[str, Any]) -> bool:
    paths = [(mapping.required, _place_in(usage, mapping.path) is not None) for mapping in mappings]
    return any(present for _, present in paths) and all(present for required, present in paths if required)


def _place_in(usage: object, wanted: object) -> Path | None:
    """Where the value of a mapping is; None if it is absent or null."""
    place: list[str | int] = []
    for step in [wanted] if isinstance(wanted, str) else wanted:  # type: ignore[attr-defined]
        if isinstance(step, str):
            if not isinstance(usage, Mapping) or usage.get(step) is None:
                return None
            place.append(step)
            usage = usage[step]
        else:
            items: list[Any] = usage if isinstance(usage, list) else []
            chosen = step.extract(items)
            if chosen is None:
                return None
            place.append(next(index for index, each in enumerate(items) if each is chosen))
            usage = chosen
    return tuple(place)


def _at(value: object, path: Path) -> object:
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
        else:
            return None
    return value


def _require_number(value: object, path: Path) -> None:
    if isinstance(value, str | bool) or not _may_be_billed(value):
        raise NotUnderstood(path, _NO_NUMBER)


def _may_be_billed(value: object) -> bool:
    """Whether a provider could mean this: a quantity, or the name of a way of billing."""
    if isinstance(value, str):
        return not _NUMBER.fullmatch(value)
    return isinstance(value, int | Decimal) and 0 <= value <= MOST_UNITS


def _unexplained(
    usage: Mapping[str, Any], explained: frozenset[Path], quantities: Mapping[str, Number]
) -> Iterator[Path]:
    for path, value in _leaves(usage, ()):
        if path not in explained and not _is_known(usage, path, value, quantities):
            yield path


def _leaves(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(member, (*path, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _leaves(member, (*path, index))
    else:
        yield path, value


def _is_known(usage: Mapping[str, Any], path: Path, value: object, quantities: Mapping[str, Number]) -> bool:
    """Whether a value of a report without a mapping says nothing that is billed beside the mapped ones."""
    name = next(step for step in reversed(path) if isinstance(step, str))
    if isinstance(value, str) and name in _PRICED_AS_USUAL:
        return value.lower() in _PRICED_AS_USUAL[name]
    if not _is_number(value):
        return True
    if not (isinstance(value, str) or _may_be_billed(value)):
        return False
    if name in _SAME_AS:
        return quantities.get(_SAME_AS[name]) == value
    return (
        name in _NOT_BILLED or name.lower().endswith(_TIMES) or _is_repeated(usage, path) or path[0] in _ALREADY_PRICED
    )


def _is_number(value: object) -> bool:
    """Whether a value is a number other than 0, or the text of one."""
    if isinstance(value, str):
        return bool(_NUMBER.fullmatch(value)) and Decimal(value) != 0
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value != 0


def _is_repeated(usage: Mapping[str, Any], path: Path) -> bool:
    """Anthropic lists the parts of one answer, which its sums include; those of a compaction are not in the sums."""
    return path[0] == "iterations" and _at(usage, (*path[:2], "type")) == "message"


def _exact(value: object) -> Number:
    if isinstance(value, int | Decimal):
        return value
    raise TypeError(f"a quantity of a report is exact: not {type(value).__name__}")


def _with_overlaps(quantities: Mapping[str, Number]) -> Mapping[str, Number]:
    """Without a reading from a cache of a modality, if those of the others are all that there was: there was none."""
    read = sum(quantities.get(f"cache_{each}_read_tokens", 0) for each in ("text", *_DEARER_MODALITIES))
    if not read or read != quantities.get("cache_read_tokens"):
        return quantities
    none = {f"cache_{each}_read_tokens": 0 for each in _DEARER_MODALITIES if quantities.get(f"input_{each}_tokens")}
    return {**none, **quantities}


def _tier(raw: Mapping[str, Any], reading: _Reading) -> str | None:
    """The service tier by which the provider bills. Raises NotUnderstood for one that is not known."""
    for place, holder in ((reading.place, reading.usage), ((), raw)):
        for member in _TIER_MEMBERS:
            value = holder.get(member)
            value = value.get("type") if isinstance(value, Mapping) else value
            if isinstance(value, str) and value.lower() not in _USUAL_TIERS:
                if value.lower() not in _TIERS:
                    raise NotUnderstood((*place, member), f"must be a known service tier: {', '.join(_tier_names())}")
                return _TIERS[value.lower()]
    return None


@cache
def _tier_names() -> tuple[str, ...]:
    return ("default", *dict.fromkeys(_TIERS.values()))


def _text(document: Mapping[str, Any], member: str) -> str | None:
    value = document.get(member)
    return value if isinstance(value, str) and value else None


def _forms(provider: "Provider") -> str:
    """What each form of a report must have."""
    forms = {
        ", ".join(dict.fromkeys(_dotted(mapping.path) for mapping in each.mappings if mapping.required))
        or f"{_dotted(each.mappings[0].path)} and others"
        for each in provider.extractors or ()
    }
    return "; or ".join(sorted(forms))


def _dotted(path: object) -> str:
    return path if isinstance(path, str) else ".".join(step for step in path if isinstance(step, str))  # type: ignore[attr-defined]
