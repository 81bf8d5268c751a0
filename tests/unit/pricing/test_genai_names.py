"""A name is a model's name, or nobody's: what only begins like a known name has no price."""

from typing import Final

import pytest
from genai_prices.data import providers
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.adapters.genai_names import MAKERS, PROVIDERS, GenaiNames, _exact, _names, found_as

KNOWN: Final = [
    (provider.id, model.id, name)
    for provider in providers
    for model in provider.models
    for name in (model.id, *_names(model.match, {"equals"}))
]

pytestmark = pytest.mark.usefixtures("socket_disabled")


def resolved(name: str) -> str | None:
    identity = GenaiNames().resolve(name)
    return None if identity is None else identity.text


def test_every_name_of_the_data_resolves_to_its_own_model_under_the_providers_name() -> None:
    assert len(KNOWN) > 5000
    assert [each for each in KNOWN if GenaiNames().resolve(f"{each[0]}/{each[2]}") != each[:2]] == []


def test_the_text_of_every_identity_resolves_to_it() -> None:
    identities = {identity for _, _, name in KNOWN if (identity := GenaiNames().resolve(name)) is not None}
    assert len(identities) > 500
    assert {each for each in identities if GenaiNames().resolve(each.text) != each} == set()


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(KNOWN),
    st.sampled_from(["", "-", ":", "/", "@", "."]),
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12),
    st.booleans(),
)
def test_a_name_that_only_begins_or_ends_like_a_known_one_is_nobodys(
    known: tuple[str, str, str], separator: str, word: str, before: bool
) -> None:
    provider, _, name = known
    longer = f"{word}{separator}{name}" if before else f"{name}{separator}{word}"
    assume(word not in {"latest", "preview", "default", "models"} and longer.lower() not in _exact())
    assume(not before or (separator, word) not in {(":", "ft"), *(("/", each) for each in PROVIDERS)})
    assume(not any(longer.lower().startswith(f"{each.id}{mark}") for each in providers for mark in "/:"))
    assume(not before or separator != "." or provider != "aws")
    assert resolved(f"{provider}/{longer}") is None or f"{provider}/{longer}".lower() in _exact()
    assert resolved(longer) is None


@pytest.mark.parametrize(
    ("name", "model"),
    [
        *((name, "openai/gpt-4o") for name in ("gpt-4o", "GPT-4o", "openai/gpt-4o", "openai:gpt-4o", "OpenAI/GPT-4O")),
        *((name, "openai/gpt-4o") for name in ("gpt-4o-2024-08-06", "gpt-4o-20240806", "azure/gpt-4o")),
        ("gpt-4o-20240513", "openai/gpt-4o-2024-05-13"),
        ("text-embedding-3-small", "openai/text-embedding-3-small"),
        ("chatgpt-4o-latest", "openai/chatgpt-4o-latest"),
        ("sonar-pro", "perplexity/sonar-pro"),
        ("computer-use-preview-2025-03-11", "openai/computer-use"),
        ("ft:gpt-4o-2024-08-06:org::id", "openai/ft:gpt-4o"),
        ("ft:gpt-4o-mini-2024-07-18:org:name:id", "openai/ft:gpt-4o-mini"),
        ("ft:gpt-3.5-turbo-0125:org::id", "openai/ft:gpt-3.5-turbo-"),
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("claude-3-5-sonnet-latest", "anthropic/claude-3-5-sonnet"),
        ("anthropic/claude-opus-4.6", "anthropic/claude-opus-4-6"),
        ("gemini-2.0-flash-001", "google/gemini-2.0-flash"),
        ("gemini-2.5-pro-preview-05-06", "google/gemini-2.5-pro"),
        ("gemini-2.5-flash-lite-preview-09-2025", "google/gemini-2.5-flash-lite"),
        ("models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("magistral-small-2506", "mistral/magistral-small"),
        ("llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
    ],
)
def test_a_model_goes_by_the_names_that_its_provider_publishes(name: str, model: str) -> None:
    assert resolved(name) == model


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "global.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "regional.anthropic.claude-3-haiku-20240307-v1:0"),
        ("eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("bedrock/us.meta.llama3-2-1b-instruct-v1:0", "meta.llama3-2-1b-instruct-v1:0"),
        ("bedrock/us-east-1/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("bedrock/converse/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
            "regional.anthropic.claude-sonnet-4-20250514-v1:0",
        ),
        ("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-micro-v1:0", "amazon.nova-micro-v1:0"),
    ],
)
def test_names_and_arns_of_bedrock_are_models_of_bedrock(name: str, model: str) -> None:
    assert resolved(name) == f"aws/{model}"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("publishers/anthropic/models/claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("publishers/anthropic/models/claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet"),
        ("projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("vertex_ai/claude-opus-4-5@20251101", "claude-opus-4-5"),
    ],
)
def test_names_of_vertex_are_models_of_google(name: str, model: str) -> None:
    assert resolved(name) == f"google/{model}"


@pytest.mark.parametrize(
    "name",
    [
        "gemini-2.5-pro-of-nobody",
        "claude-opus-4.6-fast",
        "claude-sonnet-4-5:thinking",
        "gpt-4o:batch",
        "gpt-4o-2025-01-01",
        "gemini-1.5-flash-8b-of-nobody",
        "global.anthropic.claude-3-haiku-20240307-v1:0",
        "ft:gpt-4.1-2025-04-14:org::id",
        "openai-of-nobody/gpt-4o",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
        "claude",
        "gpt-",
        "/",
        "",
    ],
)
def test_a_look_alike_is_no_model(name: str) -> None:
    assert resolved(name) is None


@pytest.mark.parametrize("name", ["anthropic/claude-opus-4.6-fast", "google/gemini-2.0-flash-exp:free"])
def test_what_a_gateway_sells_under_a_name_of_its_own_is_its_own_model(name: str) -> None:
    assert resolved(name) == f"openrouter/{name}"


def test_a_name_that_several_hosts_and_no_maker_have_is_nobodys() -> None:
    assert resolved("deepseek-r1-distill-llama-70b") is None
    assert resolved("groq/deepseek-r1-distill-llama-70b") == "groq/deepseek-r1-distill-llama-70b"


def test_the_makers_and_the_other_names_of_providers_are_providers_of_the_data() -> None:
    ids = {provider.id for provider in providers}
    assert ids.issuperset(MAKERS)
    assert ids.issuperset(PROVIDERS.values())
    assert ids.isdisjoint(PROVIDERS)


def test_names_are_not_remembered_without_end() -> None:
    assert found_as.cache_info().maxsize is not None
