"""What the state of a budget consists of. All amounts are microcents."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from millicent.amounts import millicents
from millicent.errors import ApiError, Circumstances, InsufficientCredits, error_from
from millicent.leases.calls import Group, Line, PlaceHold
from millicent.models import BatchResult

EVER_BEFORE: Final = float("-inf")
"""The zero of the clock is anywhere: it may be ahead."""


@dataclass(slots=True)
class Slice:
    """A hold, or the wish for one. `left` of its amount is neither spent nor in one of its open `reservations`.

    Nothing is accepted from `lasts_until_s` on; the hold ends at `ends_at_s` or later. `unsettled` lines are not
    answered yet. One that `is_retired` gives nothing any more, and is released as soon as nothing depends on it.
    """

    number: int
    key: str
    asked: PlaceHold
    hold: str | None = None
    left: int = 0
    reservations: int = 0
    unsettled: int = 0
    lasts_until_s: float = EVER_BEFORE
    ends_at_s: float = EVER_BEFORE
    extend_at_s: float = EVER_BEFORE
    extensions: int = 0
    is_retired: bool = False
    has_ended: bool = False
    sums: dict[Group, Line] = field(default_factory=dict)

    @property
    def is_needed(self) -> bool:
        return not self.is_retired or bool(self.reservations or self.unsettled)


@dataclass(slots=True)
class Counts:
    """What has happened so far. `late` and `rejected` count spends, the rest calls or answers of the kind."""

    spends: int = 0
    spent_microcents: int = 0
    settled: int = 0
    settled_microcents: int = 0
    late: int = 0
    late_microcents: int = 0
    rejected: int = 0
    refused: int = 0
    slices: int = 0
    extended: int = 0
    released: int = 0
    flushes: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Over:
    """What an answer has brought to its end: keys of lines, numbers of slices. `rejected` lines are not recorded."""

    lines: Sequence[str] = ()
    slices: Sequence[int] = ()
    rejected: Sequence[tuple[Line, BatchResult]] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The ledger refused a hold; up to `largest` it would have placed one."""

    error: ApiError
    largest: int
    until_s: float


def told_for(refusal: Refusal, microcents: int, own: int) -> ApiError:
    """The refusal with the figures of a spend: what is left of the slices is to be had too, and nobody else's."""
    problem, loose = refusal.error.problem, millicents(own)
    if isinstance(refusal.error, InsufficientCredits):
        required, affordable = millicents(microcents), millicents(refusal.largest + own)
        problem = msgspec.structs.replace(
            problem,
            required=required,
            available=refusal.error.available + loose,
            held=refusal.error.held - loose,
            shortfall=required - affordable,
            largest_affordable=affordable,
            detail="the spend was refused and no credits were taken",
        )
    return error_from(problem, Circumstances(None))
