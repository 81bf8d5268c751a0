"""The service under test: the real protocol over a simulated table."""

from collections.abc import Mapping
from typing import Any

from shared.ledger.operations import Operation
from shared.ledger.protocol import Commit, Lookup, Outcome, Read, Recorded, record
from tests.simulation.calls import Answer, Steps
from tests.simulation.chance import Chance, Spot
from tests.simulation.matrix import COMMITS, LOOKUP, READ, WITH_EXPIRY
from tests.simulation.table import LedgerTable


class LedgerService:
    """Implements calls.Service."""

    def __init__(self, chance: Chance, table: LedgerTable) -> None:
        self._table = table
        self._reads: Mapping[type, Spot] = {Read: chance.spot(READ), Lookup: chance.spot(LOOKUP)}
        self._commits = {name: chance.spot(place) for name, place in COMMITS.items()}

    def steps(self, operation: Operation, now_ms: int) -> Steps:
        return answer_of((yield from record(operation, now_ms)))

    def spot(self, command: Any, work_name: str) -> Spot:
        if isinstance(command, Commit):
            return self._commits[work_name if len(command.change.entries) == 1 else WITH_EXPIRY]
        return self._reads[type(command)]

    def execute(self, command: Any) -> Outcome:
        return self._table.execute(command)


def answer_of(recorded: Recorded) -> Answer:
    entry = recorded.entry
    return Answer(
        "recorded", entry.outcome, entry.seq, entry, recorded.replayed, entry.after.funded, entry.correlation_id
    )
