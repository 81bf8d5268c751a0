"""Counts the results of a run's rows, from the ledger and not from the client's answers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from millicent.replay import HOLD_SUFFIX, Usage

Outcomes: TypeAlias = Mapping[tuple[str, str], str]
"""The outcome of an entry by actor and key."""

RowResult: TypeAlias = Literal["charged", "refused", "replayed", "unrecorded"]


@dataclass(frozen=True)
class RowCounts:
    """A row that the run sent twice, because the first answer was lost, counts as charged, not as replayed.

    `holds` were placed and `captures` made by this run.
    """

    charged: int
    refused: int
    replayed: int
    unrecorded: int
    holds: int
    captures: int


def row_counts(rows: Iterable[Usage], before: Outcomes, after: Outcomes) -> RowCounts:
    """`before` and `after` are the ledger's outcomes at the start and at the end of the run."""
    rows = list(rows)
    counted = Counter(_result(row, before, after) for row in rows)
    placed = [_hold_of(row) for row in rows if after.get(_hold_of(row), "refused") != "refused"]
    return RowCounts(
        counted["charged"],
        counted["refused"],
        counted["replayed"],
        counted["unrecorded"],
        holds=sum(hold not in before for hold in placed),
        captures=counted["charged"],
    )


def _result(row: Usage, before: Outcomes, after: Outcomes) -> RowResult:
    ends_before, ends = _ending(row, before), _ending(row, after)
    if ends is None:
        return "unrecorded"
    if ends_before is not None:
        return "replayed"
    return "refused" if ends == "refused" else "charged"


def _ending(row: Usage, outcomes: Outcomes) -> str | None:
    """The last recorded outcome of a row: a refused hold, or the outcome of the capture."""
    if outcomes.get(_hold_of(row)) == "refused":
        return "refused"
    return outcomes.get((row.actor, row.key))


def _hold_of(row: Usage) -> tuple[str, str]:
    return row.actor, f"{row.key}{HOLD_SUFFIX}"
