"""What a budget is asked to do, checked once."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from millicent import ids
from millicent.amounts import LARGEST_MICROCENTS, Amount, exact_microcents

Record: TypeAlias = Literal["each", "sum"]

SMALLEST_SHARE: Final = 100
"""Without a `minimum` a hundredth of a slice is still worth holding."""
LONGEST_TTL_S: Final = 86_400
MOST_LINES: Final = 1000
"""The lines that the service takes in one batch."""
_MARGIN: Final = 6
_EXTENDED_AT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The settings of a budget; amounts are microcents, times seconds. `terms` makes and checks them."""

    slice_microcents: int
    minimum_microcents: int
    low_water: float = 0.3
    record: Record = "each"
    flush_every_s: float = 1.0
    flush_at: int = 500
    ttl_s: int = 900
    idle_release_s: float = 60.0
    wait_s: float = 10.0
    app: str | None = None
    meter: str | None = None

    @property
    def usable_s(self) -> float:
        """For how long a slice is spent after its hold, or an extension, was asked for."""
        return self.ttl_s - self.ttl_s / _MARGIN

    @property
    def extended_after_s(self) -> float:
        return self.ttl_s / _EXTENDED_AT

    @property
    def low_water_microcents(self) -> float:
        return self.low_water * self.slice_microcents


def terms(slice_: Amount, minimum: Amount | None, **settings: object) -> Terms:
    """Raises ValueError, or TypeError for an amount that is a float. `settings` are those of Terms."""
    slice_microcents = exact_microcents(slice_)
    _require(0 < slice_microcents <= LARGEST_MICROCENTS, "a slice is more than 0")
    least = max(slice_microcents // SMALLEST_SHARE, 1) if minimum is None else exact_microcents(minimum)
    _require(0 < least <= slice_microcents, "a minimum is more than 0 and at most a slice")
    made = Terms(slice_microcents=slice_microcents, minimum_microcents=least, **settings)  # type: ignore[arg-type]
    _require(0 <= made.low_water < 1, "low_water is a part of the slice: 0 or more, and less than 1")
    _require(made.record in {"each", "sum"}, f'record is "each" or "sum", not {made.record!r}')
    _require(made.flush_every_s > 0 and made.idle_release_s > 0, "flush_every_s and idle_release_s are more than 0")
    _require(1 <= made.flush_at <= MOST_LINES, f"flush_at is 1 to {MOST_LINES}")
    _require(type(made.ttl_s) is int and 1 <= made.ttl_s <= LONGEST_TTL_S, f"ttl_s is 1 to {LONGEST_TTL_S}")
    _require(made.wait_s >= 0, "wait_s is 0 or more")
    for name, value in (("app", made.app), ("meter", made.meter)):
        check_id(name, value)
    return made


def check_id(name: str, value: str | None) -> None:
    """Raises ValueError: what the ledger would refuse later is refused before it is spent."""
    _require(value is None or ids.is_id(value), f"{name} {value!r} is not an id: take {ids.REQUIREMENT}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
