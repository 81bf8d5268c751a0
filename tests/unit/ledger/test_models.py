"""The model of an amount, as it follows from its usage and the card that priced it."""

import pytest

from shared.ledger.models import model_of


@pytest.mark.parametrize(
    ("model", "rate_card", "expected"),
    [
        ("openai/gpt-4o", "genai-prices@0.0.71/openai/gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "genai-prices@0.0.71/openai/gpt-4o", "gpt-4o"),
        ("x", "genai-prices@0.0.71/openrouter/anthropic/claude-3", "anthropic/claude-3"),
        ("gpt-4o", "genai-prices@0.0.71", "gpt-4o"),
        ("openai/gpt-4o", "llm/gpt-4o@3", "gpt-4o"),
        ("a/b", "llm/a/b@3", "a/b"),
        ("gpt-4o-mini", "llm/gpt-4*@3", "gpt-4o-mini"),
        ("gpt-4o", "other/gpt-4@3", "gpt-4o"),
        ("gpt-4o", None, "gpt-4o"),
        (None, "llm@3", None),
    ],
)
def test_the_model_is_that_of_the_card_that_priced_it_else_that_of_its_usage(
    model: str | None, rate_card: str | None, expected: str | None
) -> None:
    usage = {"meter": "llm", "input_tokens": 3} | ({"model": model} if model else {})
    assert model_of(usage, rate_card) == expected


def test_an_amount_without_usage_has_no_model() -> None:
    assert model_of(None, None) is None
