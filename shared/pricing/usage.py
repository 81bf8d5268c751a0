"""Usage: quantities before they are priced."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, Literal, TypeAlias, get_args

from shared.ledger.errors import InvalidOperation
from shared.ledger.frozen import dataclass

ESTIMATE_PREFIX: Final = "max_"
"""The prefix of estimates: `max_output_tokens` stands for output_tokens."""

ServiceTier: TypeAlias = Literal["default", "batch", "flex", "priority"]
SERVICE_TIERS: Final[tuple[str, ...]] = get_args(ServiceTier)
DEFAULT_TIER: Final = "default"

NAMES: Final = ("meter", "model", "provider", "raw_digest", "service_tier")
"""The members of usage that are no quantities."""

Quantity: TypeAlias = int | str
"""A number of units: an int if it is whole, otherwise its shortest decimal text. So each number has one spelling."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`provider` and `raw_digest` are set if the quantities were read from a provider's report: the digest is that of
    what was read, so that it is the same usage even if a later release reads it differently.
    """

    meter: str
    model: str | None
    quantities: Mapping[str, Quantity]
    provider: str | None = None
    raw_digest: str | None = None
    service_tier: str | None = None
    """None is the default tier."""

    @property
    def content(self) -> dict[str, Any]:
        """The form in an operation, in the order of the record, so that a replay shows it unchanged.

        `usage_from` is the inverse.
        """
        named = {name: value for name in NAMES if (value := getattr(self, name)) is not None}
        return dict(sorted({**named, **self.quantities}.items()))

    @property
    def units(self) -> dict[str, Fraction]:
        return {name: Fraction(number) for name, number in self.quantities.items()}

    @property
    def is_estimate(self) -> bool:
        """Whether a quantity is an upper bound, which only holds and quotes accept."""
        return any(name.startswith(ESTIMATE_PREFIX) for name in self.quantities)

    @property
    def estimated_units(self) -> dict[str, Fraction]:
        """The upper bounds. Raises InvalidOperation if a quantity is given twice."""
        units: dict[str, Fraction] = {}
        for given, number in self.units.items():
            name = given.removeprefix(ESTIMATE_PREFIX)
            if name in units:
                raise InvalidOperation(f"usage.{given}", f"omitted, since {name} is given twice")
            units[name] = number
        return units


def usage_from(content: Mapping[str, Any]) -> Usage:
    named: dict[str, Any] = {name: content.get(name) for name in NAMES}
    return Usage(quantities={name: number for name, number in content.items() if name not in NAMES}, **named)


def tier_named(service_tier: str | None) -> str | None:
    """The tier as usage has it: None for the default one."""
    return None if service_tier == DEFAULT_TIER else service_tier
