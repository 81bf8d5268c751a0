"""The ledger in DynamoDB."""

from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.ports.ledger import Ledger
from shared.runtime.settings import Settings


def ledger_of(settings: Settings) -> Ledger:
    return DynamoLedger(settings.ledger_table, settings.ledger_deadline_ms)
