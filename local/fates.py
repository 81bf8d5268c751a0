"""What became of the rows of a run, by the ledger and not by what a client was told."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from millicent.replay import Usage

Outcomes: TypeAlias = Mapping[tuple[str, str], str]
"""The outcome of an entry by actor and key."""

Fate: TypeAlias = Literal["charged", "refused", "replayed", "unrecorded"]


@dataclass(frozen=True)
class Fates:
    """A row that the run sent twice, because the first answer was lost, is charged by it and no replay."""

    charged: int
    refused: int
    replayed: int
    unrecorded: int


def fates(rows: Iterable[Usage], before: Outcomes, after: Outcomes) -> Fates:
    """`before` and `after` are what the ledger held when the run began and when it had ended."""
    counted = Counter(_fate((row.actor, row.key), before, after) for row in rows)
    return Fates(counted["charged"], counted["refused"], counted["replayed"], counted["unrecorded"])


def _fate(row: tuple[str, str], before: Outcomes, after: Outcomes) -> Fate:
    if row in before:
        return "replayed"
    if row not in after:
        return "unrecorded"
    return "refused" if after[row] == "refused" else "charged"
