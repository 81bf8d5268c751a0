"""The names of language models, from the data of `genai-prices`. Implements catalogue.Catalogue.

The library finds a model by the beginning or a part of its name, so it also finds look-alikes:
`gemini-2.5-pro-of-nobody`, or `claude-opus-4.6-fast`, which costs six times as much. Here a name must be the model's
id, or equal a name in the data; or the library must find the model, and the name must be one of the data's names plus a
date or a version, as providers append them to the names that they publish. `:free`, `:batch`, `-fast` and the like are
never appended to another name: they are names of their own, where the data has them.
"""

# ruff: noqa: PLC0415 - see genai_rates.py

import re
from collections.abc import Container, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from shared.pricing.catalogue import ModelIdentity

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

    Found: TypeAlias = tuple[Provider, ModelInfo]

NAMES_KEPT: Final = 4096
"""The number of names, known or not, whose answer is cached."""

PROVIDERS: Final = {
    "amazon-bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "azure_ai": "azure",
    "azure-openai": "azure",
    "fireworks-ai": "fireworks",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "vertex": "google",
    "vertex_ai": "google",
    "github_copilot": "github-copilot",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "together-ai": "together",
    "together_ai": "together",
    "voyage": "voyageai",
    "xai": "x-ai",
    "z-ai": "zai",
}
"""What gateways call the providers, where it is not the provider's id."""

MAKERS: Final = (
    "openai", "anthropic", "google", "x-ai", "mistral", "deepseek", "perplexity", "cohere", "meta", "moonshotai",
    "minimax", "zai", "voyageai", "elevenlabs",
)  # fmt: skip
"""A name without a provider means the model of its maker, not that of a host which sells it too."""

_VERTEX: Final = re.compile(r"(?:.*/)?publishers/[^/]+/models/(?P<name>[^/]+)")
_GEMINI: Final = re.compile(r"models/(?P<name>gemini[^/]*)")
_BEDROCK: Final = re.compile(
    r"(?:bedrock/)?arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:(?:inference-profile|foundation-model)/(?P<name>[^/]+)"
)
_BEDROCK_ROUTE: Final = re.compile(r"(?:(?:converse|invoke|[a-z]{2}(?:-[a-z]+)+-\d)/)?(?P<name>.+)")
_FINE_TUNED: Final = re.compile(r"(?P<base>ft:[^:]+):[^:]*:[^:]*(?::[^:]*)?")
_COMPACT_DATE: Final = re.compile(r"-(20\d\d)(\d\d)(\d\d)$")

_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_DAY: Final = r"(?:0[1-9]|[12]\d|3[01])"
_APPENDED: Final = re.compile(
    rf"""(?:
      [-@]20\d\d-?{_MONTH}-?{_DAY}              # a date: -2024-08-06, -20250514, @20250514
    | -(?:\d\d{_MONTH}|{_MONTH}{_DAY})          # a month or a day: -2506, -0613
    | -{_MONTH}-(?:{_DAY}|20\d\d)               # -preview-05-06, -preview-09-2025
    | -preview
    | -\d\d\d                                   # -001
    | -v\d+(?::\d+)? | :\d                      # a version of Bedrock: -v1:0, -v2, :0
    | [-@]latest | @default
    | -[0-9a-f]{{32}}                           # the id of a fine-tuned model of Azure
    )$""",
    re.VERBOSE,
)
_MOST_APPENDED: Final = 4
"""How many of them are looked for, the name as it is included."""
_REGION: Final = re.compile(r"^(?:us|us-gov|eu|apac|jp|au|in|ca|sa|me|af)\.")
"""Not `global`: the models of Bedrock that are served everywhere have prices of their own."""
_VENDOR: Final = re.compile(r"^(?:amazon|anthropic)\.")


class GenaiNames:
    """Implements catalogue.Catalogue."""

    def resolve(self, name: str) -> ModelIdentity | None:
        found = found_as(name)
        return None if found is None else ModelIdentity(found[0].id, found[1].id)

    def provider(self, name: str) -> str | None:
        folded = name.lower()
        own = PROVIDERS.get(folded, folded)
        return own if own in _providers() else None


@lru_cache(NAMES_KEPT)
def found_as(name: str) -> "Found | None":
    """The provider and model of this name; of a model that a provider resells, the provider whose price it has."""
    folded = name.lower()
    for provider, rest in _readings(folded):
        if (found := _of_provider(rest, provider)) is not None:
            return found
    return _of_any(folded)


def _readings(name: str) -> "Iterator[tuple[Provider, str]]":
    """The providers that the name itself names, each with the rest of it."""
    providers = _providers()
    if match := _BEDROCK.fullmatch(name):
        yield providers["aws"], match["name"]
    elif match := _VERTEX.fullmatch(name) or _GEMINI.fullmatch(name):
        yield providers["google"], match["name"]
    for separator in "/:":
        first, found, rest = name.partition(separator)
        provider = providers.get(PROVIDERS.get(first, first)) if found else None
        if provider is not None:
            yield provider, rest
            if provider.id == "aws" and (route := _BEDROCK_ROUTE.fullmatch(rest)):
                yield provider, route["name"]


def _of_provider(name: str, provider: "Provider") -> "Found | None":
    """The provider's model, or that of a provider whose models it resells."""
    resold = [_providers()[each] for each in provider.fallback_model_providers or () if each in _providers()]
    for seller in (provider, *resold):
        model = _candidates(name).get(seller.id)
        if model is not None:
            return seller, model
    return None


def _of_any(name: str) -> "Found | None":
    """The model's maker before its hosts; of several hosts none, since each has a price of its own."""
    sellers = [(_providers()[provider], model) for provider, model in _candidates(name).items()]
    claimed = [each for each in sellers if (own := each[0].model_match) is not None and own.is_match(name)]
    for among in (claimed, sellers):
        made = [each for each in among if each[0].id in MAKERS]
        if made:
            return min(made, key=lambda each: MAKERS.index(each[0].id))
        if len(among) == 1:
            return among[0]
    return None


@lru_cache(NAMES_KEPT)
def _candidates(name: str) -> "Mapping[str, ModelInfo]":
    """The model of this name by its provider's id."""
    exact = {**_exact().get(_dated(name), {}), **_exact().get(name, {})}
    appended = {
        provider: model
        for base, sellers in _bases(name)
        for provider, models in _stems().get(base, {}).items()
        for model in models
        if provider in sellers and provider not in exact and _providers()[provider].find_model(name) is model
    }
    return {**appended, **exact}


def _bases(name: str) -> Iterator[tuple[str, Container[str]]]:
    """The name without what providers append to a name that they publish, and the providers that do so."""
    fine_tuned = _FINE_TUNED.fullmatch(name)
    base = fine_tuned["base"] if fine_tuned else name
    for _ in range(_MOST_APPENDED):
        yield base, _providers()
        regional = _REGION.sub("", base)
        yield regional, {"aws"}
        yield _VENDOR.sub("", regional), {"aws"}
        base = _APPENDED.sub("", base)


def _dated(name: str) -> str:
    """gpt-5.2-20251211, as gateways write it, for gpt-5.2-2025-12-11."""
    return _COMPACT_DATE.sub(r"-\1-\2-\3", name)


@cache
def _providers() -> "Mapping[str, Provider]":
    from genai_prices.data_snapshot import get_snapshot

    return {provider.id: provider for provider in get_snapshot().providers}


@cache
def _exact() -> "Mapping[str, Mapping[str, ModelInfo]]":
    """The model of each id and each equal name, by provider. An id comes before a name that equals it."""
    found: dict[str, dict[str, ModelInfo]] = {}
    for provider in _providers().values():
        ids = [(model.id, model) for model in provider.models]
        equal = [(name, model) for model in provider.models for name in _names(model.match, {"equals"})]
        for name, model in ids + equal:
            found.setdefault(name.lower(), {}).setdefault(provider.id, model)
    return found


@cache
def _stems() -> "Mapping[str, Mapping[str, tuple[ModelInfo, ...]]]":
    """The models whose id, or a name in the data, is this one, whole or as a beginning, by provider."""
    found: dict[str, dict[str, tuple[ModelInfo, ...]]] = {}
    for provider in _providers().values():
        for model in provider.models:
            names = {model.id, *_names(model.match, {"equals", "starts_with", "ends_with", "contains"})}
            for stem in {name.lower().strip("-@/") for name in names}:
                models = found.setdefault(stem, {})
                models[provider.id] = (*models.get(provider.id, ()), model)
    return found


def _names(clause: object, kinds: set[str]) -> Iterator[str]:
    """The texts in a clause of the data, of these kinds."""
    for kind, value in vars(clause).items():
        if kind in kinds:
            yield value
        elif kind in {"or_", "and_"}:
            for each in value:
                yield from _names(each, kinds)
