"""The table of usage sums."""

from shared.adapters.dynamodb_usage import DynamoUsageBook
from shared.ports.usage import UsageBook
from shared.runtime.settings import Settings


def usage_book_of(settings: Settings) -> UsageBook:
    return DynamoUsageBook(settings.usage_table)
