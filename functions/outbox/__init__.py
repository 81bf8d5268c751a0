"""The outbox: from the stream of the ledger table to the bus."""
