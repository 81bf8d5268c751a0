"""Parts that cost more than their whole, where the `genai-prices` package has no price for them.

The package takes the price of the whole for such a part. That is right for a part that its provider bills in the whole
(text, reasoning, a read from a cache without a discount). It is too little for audio, for an image that a model makes,
and for writing to a cache of Anthropic. What is dearer is named by its dimension of the package's units.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

Dimensions: TypeAlias = Mapping[str, str]

_IMAGES_AS_TEXT: Final = frozenset({"anthropic", "aws", "azure", "google", "openai"})
"""Providers that bill the images and videos which a model reads as so many tokens of its input."""
_AUDIO_AS_TEXT: Final = frozenset(
    {
        ("google", "gemini-1.5-flash"),
        ("google", "gemini-1.5-pro"),
        ("google", "gemini-2.0-flash-lite"),
        ("google", "gemini-2.5-pro"),
        ("google", "gemini-3-pro-preview"),
        ("google", "gemini-3.1-pro-preview"),
        ("google", "gemini-flash-1.5"),
        ("google", "gemini-flash-1.5-8b"),
        ("google", "gemini-pro-1.5"),
    }
)
"""Models whose provider publishes one price for the input of every modality."""
_ONLY_IMAGES: Final = frozenset(
    {"gpt-image-1", "gpt-image-1-mini", "gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.5-sunburst"}
)
"""Models that make nothing but images: the price of their output is that of an image."""
_SPEECH: Final = "-tts"
"""In the name of a model that makes nothing but speech."""
_CLAUDE: Final = "claude"


def dearer_parts(
    provider: str, model: str, priced: Iterable[str], dimensions: Mapping[str, Dimensions]
) -> frozenset[str]:
    """The quantities without a price of their own that are part of a priced one and cost more than it."""
    wholes = [dimensions[name].items() for name in priced]
    dearer = set()
    for name, own in dimensions.items():
        included_in = [whole for whole in wholes if whole < own.items()]
        covered = set().union(*included_in)
        if (
            name not in priced
            and included_in
            and any(_is_dear(*each, own, provider, model) for each in own.items() - covered)
        ):
            dearer.add(name)
    return frozenset(dearer)


def _is_dear(dimension: str, value: str, part: Dimensions, provider: str, model: str) -> bool:
    is_output = part.get("direction") == "output"
    match dimension, value:
        case "modality", "audio":
            return _SPEECH not in model if is_output else (provider, model) not in _AUDIO_AS_TEXT
        case "modality", "image":
            return model not in _ONLY_IMAGES if is_output else provider not in _IMAGES_AS_TEXT
        case "modality", "video":
            return is_output or provider not in _IMAGES_AS_TEXT
        case ("token_type", "cache_write") | ("cache_ttl", "1h"):
            return _CLAUDE in model
        case "page_type", "annotated":
            return True
        case _:
            return False
