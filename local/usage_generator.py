"""Generated usage of an LLM service: skewed actors, several models, long-tailed counts. Deterministic."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from statistics import NormalDist
from typing import Final

from millicent.replay import Usage, zipf_actors

SEED: Final = 20_231_116
METER: Final = "llm"


@dataclass(frozen=True)
class TokenCounts:
    """A log-normal distribution by its median and sigma, cut off at the model's limit."""

    median: int
    sigma: float
    most: int

    def at(self, quantile: float) -> int:
        drawn = math.exp(NormalDist(math.log(self.median), self.sigma).inv_cdf(quantile))
        return max(1, min(round(drawn), self.most))


@dataclass(frozen=True)
class Traffic:
    """The typical use of a model, and its share of all requests."""

    model: str
    share: float
    input_tokens: TokenCounts
    output_tokens: TokenCounts


TRAFFIC: Final = (
    # Conversations with some history.
    Traffic("gpt-4o", 0.35, TokenCounts(1_000, 0.9, 100_000), TokenCounts(130, 0.9, 4_096)),
    # Classification and extraction: large input, small output.
    Traffic("gpt-4o-mini", 0.40, TokenCounts(600, 1.1, 100_000), TokenCounts(40, 0.8, 4_096)),
    # Agents and code: long contexts, long answers.
    Traffic("claude-sonnet-4-5", 0.18, TokenCounts(4_000, 1.2, 180_000), TokenCounts(450, 1.0, 8_192)),
    Traffic("gemini-2.5-flash", 0.07, TokenCounts(2_000, 1.3, 200_000), TokenCounts(200, 1.0, 8_192)),
)
SHARES: Final = tuple(accumulate(traffic.share for traffic in TRAFFIC))


def generated_usage(rows: int, seed: int = SEED) -> list[Usage]:
    """The first `rows` of an endless sequence: a longer run begins with the same rows, under the same keys.

    They name no time, so they occur when they are charged, and are seen among the spending of the day.
    """
    drawn = zip(range(1, rows + 1), zipf_actors(seed=seed), _requests(seed), strict=False)
    return [
        Usage(
            key=f"generated-3-{seed}-{number}",
            actor=actor,
            usage={
                "meter": METER,
                "model": traffic.model,
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
            },
            row=number,
        )
        for number, actor, (traffic, input_tokens, output_tokens) in drawn
    ]


def _requests(seed: int) -> Iterator[tuple[Traffic, int, int]]:
    # Only random() yields the same numbers in every version of Python.
    chance = Random(seed)  # noqa: S311 - to be repeated, not to be unguessable
    while True:
        traffic = _chosen(chance.random())
        input_tokens = traffic.input_tokens.at(_open(chance.random()))
        output_tokens = traffic.output_tokens.at(_open(chance.random()))
        yield traffic, input_tokens, output_tokens


def _chosen(quantile: float) -> Traffic:
    return next(traffic for traffic, upto in zip(TRAFFIC, SHARES, strict=True) if quantile * SHARES[-1] < upto)


def _open(quantile: float) -> float:
    """Excludes the end points, where quantiles are infinite."""
    return min(max(quantile, 1e-9), 1 - 1e-9)
