"""Usage: what was used, in quantities, before it is known what that is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

from shared.ledger.errors import InvalidOperation

ESTIMATE_PREFIX: Final = "max_"
"""`max_output_tokens` of an estimate stands for output_tokens."""

Quantity: TypeAlias = int | str
"""A number of units: an int where it is whole, else its shortest decimal text. So there is one spelling for each."""


@dataclass(frozen=True, slots=True)
class Usage:
    meter: str
    model: str | None
    quantities: Mapping[str, Quantity]

    @property
    def content(self) -> dict[str, Any]:
        """As an operation carries it, in the order of a record: a replay shows it as it was shown at first.

        `usage_from` is the way back.
        """
        model = {} if self.model is None else {"model": self.model}
        return dict(sorted({"meter": self.meter, **model, **self.quantities}.items()))

    @property
    def units(self) -> dict[str, Fraction]:
        return {name: Fraction(number) for name, number in self.quantities.items()}

    @property
    def is_estimate(self) -> bool:
        """Whether a quantity is the most that may be used, which only a hold can be of."""
        return any(name.startswith(ESTIMATE_PREFIX) for name in self.quantities)

    @property
    def estimated_units(self) -> dict[str, Fraction]:
        """The most that may be used. Raises InvalidOperation where a quantity is there twice."""
        units: dict[str, Fraction] = {}
        for given, number in self.units.items():
            name = given.removeprefix(ESTIMATE_PREFIX)
            if name in units:
                raise InvalidOperation(f"usage.{given}", f"omitted, since {name} is given twice")
            units[name] = number
        return units


def usage_from(content: Mapping[str, Any]) -> Usage:
    quantities = {name: number for name, number in content.items() if name not in {"meter", "model"}}
    return Usage(content["meter"], content.get("model"), quantities)
