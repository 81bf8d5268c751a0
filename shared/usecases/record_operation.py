"""Records a mutation exactly once, and returns its effect."""

from shared.ledger.operations import Operation
from shared.ledger.protocol import Recorded
from shared.ports.ledger import Ledger


def record_operation(operation: Operation, ledger: Ledger, now_ms: int) -> Recorded:
    return ledger.record(operation, now_ms)
