"""What became of the rows of a run, by the ledger and not by what a client was told."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from millicent.replay import HOLD_SUFFIX, Usage

Outcomes: TypeAlias = Mapping[tuple[str, str], str]
"""The outcome of an entry by actor and key."""

Fate: TypeAlias = Literal["charged", "refused", "replayed", "unrecorded"]


@dataclass(frozen=True)
class Fates:
    """A row that the run sent twice, because the first answer was lost, is charged by it and no replay.

    `holds` were placed and `captures` made by this run.
    """

    charged: int
    refused: int
    replayed: int
    unrecorded: int
    holds: int
    captures: int


def fates(rows: Iterable[Usage], before: Outcomes, after: Outcomes) -> Fates:
    """`before` and `after` are what the ledger held when the run began and when it had ended."""
    rows = list(rows)
    counted = Counter(_fate(row, before, after) for row in rows)
    placed = [_hold_of(row) for row in rows if after.get(_hold_of(row), "refused") != "refused"]
    return Fates(
        counted["charged"],
        counted["refused"],
        counted["replayed"],
        counted["unrecorded"],
        holds=sum(hold not in before for hold in placed),
        captures=counted["charged"],
    )


def _fate(row: Usage, before: Outcomes, after: Outcomes) -> Fate:
    ends_before, ends = _ending(row, before), _ending(row, after)
    if ends is None:
        return "unrecorded"
    if ends_before is not None:
        return "replayed"
    return "refused" if ends == "refused" else "charged"


def _ending(row: Usage, outcomes: Outcomes) -> str | None:
    """What was recorded last of a row: that its hold was refused, or what became of the capture of its hold."""
    if outcomes.get(_hold_of(row)) == "refused":
        return "refused"
    return outcomes.get((row.actor, row.key))


def _hold_of(row: Usage) -> tuple[str, str]:
    return row.actor, f"{row.key}{HOLD_SUFFIX}"
