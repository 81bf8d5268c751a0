"""The code that the functions share: the ledger, its use cases and the adapters to AWS."""
