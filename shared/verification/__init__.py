"""How anyone can tell that a record is whole: the chain, replay, companion items, digests."""
