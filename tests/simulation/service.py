"""The service under test: the real protocol over a simulated table."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.ledger.operations import Operation
from shared.ledger.protocol import Commit, FindDue, Lookup, Outcome, Read, Recorded, record
from shared.ledger.reducer import Change
from tests.simulation.calls import Answer, Steps
from tests.simulation.chance import Chance, Spot
from tests.simulation.matrix import (
    COMMITS,
    FIND_DUE,
    LOOKUP,
    OF_A_DUE_HOLD,
    READ,
    READ_PARTS,
    WITH_EXPIRY,
    WITH_PARENT,
    WITH_REFILL,
)
from tests.simulation.table import LedgerTable, ReadOfMore


class LedgerService:
    """Implements calls.Service."""

    def __init__(self, chance: Chance, table: LedgerTable) -> None:
        self.begin: Callable[[Any], Any] = table.begin
        self.execute: Callable[[Any], Outcome] = table.execute
        self._reads: Mapping[type, Spot] = {
            Read: chance.spot(READ),
            ReadOfMore: chance.spot(READ_PARTS),
            FindDue: chance.spot(FIND_DUE),
            Lookup: chance.spot(LOOKUP),
        }
        self._commits = {name: chance.spot(place) for name, place in COMMITS.items()}

    def steps(self, operation: Operation, now_ms: int) -> Steps:
        return answer_of((yield from record(operation, now_ms)))

    def spot(self, command: Any, work_name: str) -> Spot:
        if type(command) is Commit:
            return self._commits[_row_of(command.change, work_name)]
        return self._reads[type(command)]


def _row_of(change: Change, work_name: str) -> str:
    if len(change.entries) > 1:
        return WITH_REFILL if any(entry.kind == "allowance" for entry in change.entries) else WITH_EXPIRY
    if change.parent is not None:
        return WITH_PARENT
    return OF_A_DUE_HOLD if change.entries[0].kind == "expire" else work_name


def answer_of(recorded: Recorded) -> Answer:
    entry = recorded.entry
    return Answer(
        "recorded", entry.outcome, entry.seq, entry, recorded.replayed, entry.after.funded, entry.correlation_id
    )
