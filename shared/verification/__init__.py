"""Verifies that a record is intact: chain, replay, companion items, digests."""
