"""The parts that providers report and bill at the price of their whole, or below it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from shared.pricing.rates import Rate

IN_THEIR_WHOLE: Final[Mapping[str, tuple[str, ...]]] = {
    "cache_read_tokens": ("input_tokens",),
    "cache_text_read_tokens": ("cache_read_tokens", "input_tokens"),
    "cache_write_5m_tokens": ("cache_write_tokens",),
    "input_text_tokens": ("input_tokens",),
    "input_text_tool_tokens": ("input_tokens",),
    "input_tool_tokens": ("input_tokens",),
    "output_citation_tokens": ("output_tokens",),
    "output_reasoning_tokens": ("output_tokens",),
    "output_text_reasoning_tokens": ("output_tokens",),
    "output_text_tokens": ("output_tokens",),
}
"""Each with the quantities that include it. Audio, images and writing to a cache are dearer: they need a price."""


def with_parts(rate: Rate) -> Rate:
    """The rate, which accepts the parts that it has no price for in their wholes that it has one for."""
    parts = {
        part: wholes
        for part, all_wholes in IN_THEIR_WHOLE.items()
        if part not in rate.prices and (wholes := tuple(name for name in all_wholes if name in rate.prices))
    }
    return replace(rate, counted={**parts, **rate.counted})
