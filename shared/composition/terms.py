"""Where the terms beside rate cards are."""

from shared.adapters.dynamodb_terms import DynamoTerms
from shared.pricing.terms import TermsStore
from shared.runtime.settings import Settings


def terms_store_of(settings: Settings) -> TermsStore:
    return DynamoTerms(settings.ledger_table, settings.ledger_deadline_ms)
