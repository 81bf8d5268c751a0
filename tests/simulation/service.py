"""The service under test: the real protocol over a simulated table."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.ledger.errors import LedgerError
from shared.ledger.operations import Expire, Operation
from shared.ledger.protocol import (
    CommandOutcome,
    Commit,
    FindDue,
    Lookup,
    Read,
    Recorded,
    do_what_is_due,
    record,
    record_batch,
)
from shared.ledger.reducer import Change
from tests.simulation.calls import Answer, Batch, Steps
from tests.simulation.chance import Chance, Spot
from tests.simulation.matrix import (
    BATCH,
    BATCH_WITH_PARENT,
    COMMITS,
    FIND_DUE,
    LOOKUP,
    OF_WHAT_IS_DUE,
    READ,
    READ_PARTS,
    WITH_DUE_HOLD,
    WITH_EXPIRY,
    WITH_PARENT,
    WITH_REFILL,
)
from tests.simulation.table import LedgerTable, ReadOfMore

BACKGROUND: Final = "background"
"""The work of the function that does what is due of accounts that nobody calls. Its operation is an Expire()."""
_DONE: Final = Answer("done")


class LedgerService:
    """Implements calls.Service."""

    def __init__(self, chance: Chance, table: LedgerTable) -> None:
        self.begin: Callable[[Any], Any] = table.begin
        self.execute: Callable[[Any], CommandOutcome] = table.execute
        self._reads: Mapping[type, Spot] = {
            Read: chance.spot(READ),
            ReadOfMore: chance.spot(READ_PARTS),
            FindDue: chance.spot(FIND_DUE),
            Lookup: chance.spot(LOOKUP),
        }
        self._commits = {name: chance.spot(place) for name, place in COMMITS.items()}

    def steps(self, operation: Operation | Batch, now_ms: int) -> Steps:
        if isinstance(operation, Batch):
            answers = yield from record_batch(operation.lines, now_ms)
            return Answer("batch", content={key: _answer_of_line(each) for key, each in answers.items()})
        if isinstance(operation.terms, Expire):
            yield from do_what_is_due(operation.account, operation.correlation_id, now_ms)
            return _DONE
        return answer_of((yield from record(operation, now_ms)))

    def spot(self, command: Any, work_name: str) -> Spot:
        if type(command) is Commit:
            return self._commits[_row_of(command.change, work_name)]
        return self._reads[type(command)]


def _row_of(change: Change, work_name: str) -> str:
    if work_name == BACKGROUND or change.entries[-1].kind == "expire":
        return OF_WHAT_IS_DUE
    if work_name == BATCH:
        return BATCH if change.parent is None else BATCH_WITH_PARENT
    if len(change.entries) > 1:
        return _row_of_due(change)
    return work_name if change.parent is None else WITH_PARENT


def _row_of_due(change: Change) -> str:
    if any(entry.kind == "allowance" for entry in change.entries):
        return WITH_REFILL
    return WITH_DUE_HOLD if any(entry.kind == "expire" and entry.hold for entry in change.entries) else WITH_EXPIRY


def _answer_of_line(answer: Recorded | LedgerError) -> Answer:
    return answer_of(answer) if isinstance(answer, Recorded) else Answer(answer.code)


def answer_of(recorded: Recorded) -> Answer:
    entry = recorded.entry
    return Answer(
        "recorded", entry.outcome, entry.seq, entry, recorded.replayed, entry.after.funded, entry.correlation_id
    )
