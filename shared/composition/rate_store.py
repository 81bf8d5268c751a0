"""Where rate cards are made and listed."""

from shared.adapters.dynamodb_rate_store import DynamoRateStore
from shared.pricing.store import RateCardStore
from shared.runtime.settings import Settings


def rate_store_of(settings: Settings) -> RateCardStore:
    return DynamoRateStore(settings.ledger_table, settings.ledger_deadline_ms)
