"""The usage queue: the sums of what accounts have spent follow the ledger."""
