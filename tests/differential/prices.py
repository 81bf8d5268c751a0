"""Random usages of every model of the price library, priced by us and by the library's own arithmetic.

`python -m tests.differential.prices --usages 38000` prints how many were equal, and how many one side refuses.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Final, Literal, TypeAlias

import genai_prices
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider

from shared.adapters.genai_rates import rate_of
from shared.ledger.errors import InvalidOperation
from shared.pricing.cards import RateCard
from shared.pricing.errors import Unpriced
from shared.pricing.rates import Rate
from shared.pricing.usage import Usage
from shared.usecases.price_usage import price_by

SEED: Final = 20261201
TIMES: Final = tuple(
    datetime(*date, hour, 30, tzinfo=UTC)
    for date in ((2026, 11, 24), (2026, 6, 1), (2025, 12, 24), (2025, 5, 15))
    for hour in (3, 17)
)
"""Prices change by the day, and some by the hour."""
MILLICENTS_PER_DOLLAR: Final = 100_000
EXACT_TO: Final = Fraction(1, 10**12)
"""Of a millicent: the library divides seconds by 3600 in decimals, of which there are 28."""
MOST: Final = 3_000_000
"""Beyond every bound of a tier."""

Outcome: TypeAlias = Literal[
    "equal",
    "unequal",
    "both refuse",
    "the library takes a dearer part for its whole",
    "the library takes what has no price for free",
    "the library takes a part of more units than its whole",
    "we price what the library refuses",
]
WRONG: Final = frozenset({"unequal", "we price what the library refuses"})


@dataclass(frozen=True, slots=True)
class Case:
    provider: Provider
    model: ModelInfo
    at: datetime
    used: Mapping[str, int | Decimal]

    @property
    def rate(self) -> Rate | None:
        return rate_of(self.provider, self.model, self.at)


def cases(seed: int = SEED) -> Iterator[Case]:
    """Every model in turn, again and again, each time at a random time with a random usage."""
    random = Random(seed)
    models = [(provider, model) for provider in providers for model in provider.models]
    while True:
        random.shuffle(models)
        for provider, model in models:
            at = random.choice(TIMES)
            rate = rate_of(provider, model, at)
            yield Case(provider, model, at, {} if rate is None else _usage(rate, random))


def compared(count: int, seed: int = SEED) -> Counter[str]:
    """The outcomes of cases until `count` usages were priced by both sides. Raises AssertionError for another price."""
    counts: Counter[str] = Counter()
    for case in cases(seed):
        found = outcome(case)
        assert found not in WRONG, f"{found}: {case}, {_theirs(case)} by the library, {_ours(case)} by us"
        counts[found or "neither has a price"] += 1
        if counts["equal"] == count:
            break
    return counts


def outcome(case: Case) -> Outcome | None:
    """None if neither side has a price for the model at that time."""
    if case.rate is None:
        return None
    theirs, ours = _theirs(case), _ours(case)
    match theirs, ours:
        case Fraction(), Fraction():
            return "equal" if abs(theirs - ours) < EXACT_TO else "unequal"
        case None, Fraction():
            return "we price what the library refuses"
        case None, _:
            return "both refuse"
        case _:
            assert not isinstance(ours, Fraction)
            return _why(ours, case)


def _usage(rate: Rate, random: Random) -> dict[str, int | Decimal]:
    """Mostly quantities that have a price or are part of one that has, mostly with parts within their whole."""
    includes = {name: price.part_of for name, price in rate.prices.items()} | dict(rate.counted)
    likely = {name: 0.005 if name in rate.dearer else 0.15 for name in rate.counted}
    names = [name for name in includes if name in rate.prices or random.random() < likely[name]]
    if random.random() < 0.03:
        names += random.sample(["web_searches", "rerank_searches", "input_pixels", "code_executions"], 1)
    used: dict[str, int | Decimal] = {}
    left: dict[str, int] = {}
    for name in sorted(names, key=lambda name: len(includes.get(name, ()))):
        if random.random() < (0.05 if name in rate.overlaps else 0.2) and includes.get(name):
            continue
        wholes = [whole for whole in includes.get(name, ()) if whole in left]
        most = min((left[whole] for whole in wholes), default=random.choice((10, 5000, MOST)))
        number = random.randint(0, most if random.random() < 0.97 else most + 1000)
        used[name] = left[name] = number
        for whole in wholes:
            left[whole] = max(left[whole] - number, 0)
    if random.random() < 0.05:
        used = {name: number + Decimal(random.randint(0, 99)) / 100 for name, number in used.items()}
    return used


def _theirs(case: Case) -> Fraction | None:
    """The library's price in millicents; None if it refuses."""
    try:
        found = case.model.calc_price(
            genai_prices.Usage(**case.used), case.provider, genai_request_timestamp=case.at
        ).total_price
    except ValueError:
        return None
    return Fraction(found) * MILLICENTS_PER_DOLLAR


def _ours(case: Case) -> Fraction | Unpriced | InvalidOperation:
    rate = case.rate
    assert rate is not None
    card = RateCard(reference="", version="", meter="llm", model=case.model.id, rate=rate, effective_from_ms=0)
    quantities = {name: number if isinstance(number, int) else str(number) for name, number in case.used.items()}
    try:
        items = price_by(card, Usage("llm", case.model.id, quantities)).worth.items
    except (Unpriced, InvalidOperation) as refused:
        return refused
    return sum((item.millicents for item in items), Fraction(0))


def _why(refused: Unpriced | InvalidOperation, case: Case) -> Outcome:
    if isinstance(refused, Unpriced):
        return "the library takes a dearer part for its whole"
    if "one of the priced quantities" in str(refused) or not case.used:
        return "the library takes what has no price for free"
    return "the library takes a part of more units than its whole"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--usages", type=int, default=38_000)
    arguments.add_argument("--seed", type=int, default=SEED)
    asked = arguments.parse_args()
    counts = compared(asked.usages, asked.seed)
    models = sum(len(provider.models) for provider in providers)
    title = f"{counts.total()} usages of {models} models, seed {asked.seed}, genai-prices {genai_prices.__version__}"
    sys.stdout.writelines([f"{title}\n", *(f"{number:>8}  {name}\n" for name, number in counts.most_common())])


if __name__ == "__main__":
    main()
