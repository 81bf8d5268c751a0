"""The list of accounts in DynamoDB."""

from shared.adapters.dynamodb_accounts import DynamoAccounts
from shared.ports.accounts import AccountList
from shared.runtime.settings import Settings


def accounts_of(settings: Settings) -> AccountList:
    return DynamoAccounts(settings.ledger_table, settings.ledger_deadline_ms)
